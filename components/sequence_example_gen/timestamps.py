"""Timestamps: any of the accepted formats becomes microseconds since 1970 (UTC).

Microseconds, because a log in milliseconds must keep its order; the examples round down to seconds.
"""

import dataclasses
import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from components.sequence_example_gen.casting import SourceError, cast_or_null, cast_to_text, find_nulls

MICROSECONDS = 1_000_000
END = 4_133_980_800
"""The first second of the year 2101: times lie in ``[0, END)`` seconds."""

_UNITS_PER_SECOND = {"unix_s": 1, "unix_ms": 1_000, "unix_us": 1_000_000}
_ZONED = r"[Tt ].*([Zz]|[+-]\d{2}(:?\d{2})?)$"


@dataclasses.dataclass(frozen=True)
class Times:
    """A parsed column of times.

    Attributes:
        microseconds: int64 [n], unix microseconds; 0 where a mask below is set.
        missing: bool [n], rows without a time.
        unparsable: bool [n], rows whose text is no time of the format.
        out_of_range: bool [n], rows with a time outside the years 1970 to 2100.
    """

    microseconds: npt.NDArray[np.int64]
    missing: npt.NDArray[np.bool_]
    unparsable: npt.NDArray[np.bool_]
    out_of_range: npt.NDArray[np.bool_]


def to_microseconds(moment: datetime.datetime) -> int:
    """Returns a time as unix microseconds; without a zone it is UTC."""
    if moment.tzinfo:
        moment = moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return int(np.datetime64(moment, "us").astype(np.int64))


def format_time(microseconds: int) -> str:
    """Writes unix microseconds for people, to the second, in UTC.

    >>> format_time(1_720_000_000_000_000)
    '2024-07-03 09:46:40'
    """
    return str(np.datetime64(microseconds, "us").astype("datetime64[s]")).replace("T", " ")


def parse_timestamps(array: pa.Array, timestamp_format: str, name: str) -> Times:
    """Parses a column of times.

    Args:
        array: text, bytes, integers, floats, or Arrow's own dates and timestamps (of any zone; no zone is UTC) [n].
        timestamp_format: one of `SourceConfig.timestamp_format`; Arrow's own types need none and ignore it.
        name: the column's name, for the error.

    Returns:
        The times, with masks of what could not be read.

    Raises:
        SourceError: if the column is of a type that holds no times.
    """
    if pt.is_dictionary(array.type):
        array = array.dictionary_decode()
    missing = find_nulls(array)
    if pt.is_timestamp(array.type) or pt.is_date(array.type):
        values = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return _in_range(values, MICROSECONDS, missing)
    per_second = _UNITS_PER_SECOND.get(timestamp_format)
    if pt.is_floating(array.type) and per_second:
        return _in_range(array, per_second, missing)
    if pt.is_integer(array.type) and per_second:
        return _in_range(cast_or_null(array, pa.int64()), per_second, missing)
    if pt.is_floating(array.type):
        raise SourceError(f"Column {name!r} holds {array.type}, which is no {timestamp_format}. Set timestamp_format.")
    text = cast_to_text(array, name)
    missing = missing | pc.fill_null(pc.equal(text, ""), False).to_numpy(zero_copy_only=False)
    if per_second:
        return _in_range(_parse_numbers(text, missing), per_second, missing)
    dashed = _dash_dates(text) if timestamp_format == "yyyymmdd" else text
    return _in_range(_parse_iso(dashed), MICROSECONDS, missing)


def _parse_numbers(text: pa.StringArray, missing: npt.NDArray[np.bool_]) -> pa.Array:
    whole = cast_or_null(text, pa.int64())
    if whole.null_count == missing.sum():
        return whole
    # Some logs write fractions of a second; one column of floats still tells 1970 to 2100 to the microsecond.
    numbers = cast_or_null(text, pa.float64())
    return whole if numbers.null_count == whole.null_count else numbers


def _dash_dates(text: pa.StringArray) -> pa.StringArray:
    dates = pc.if_else(pc.match_substring_regex(text, r"^\d{8}$"), text, pa.scalar(None, pa.string()))
    return pc.replace_substring_regex(dates, r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")


def _parse_iso(text: pa.StringArray) -> pa.Array:
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1")
    zoned = pc.fill_null(pc.match_substring_regex(text, _ZONED), False)
    # Arrow reads times with a zone and times without one by two casts, each refusing the other kind.
    absent = pa.scalar(None, pa.string())
    without = cast_or_null(pc.if_else(zoned, absent, text), pa.timestamp("us"))
    within = cast_or_null(pc.if_else(zoned, text, absent), pa.timestamp("us", "UTC"))
    return pc.coalesce(without.cast(pa.int64()), within.cast(pa.int64()))


def _in_range(values: pa.Array, per_second: int, missing: npt.NDArray[np.bool_]) -> Times:
    """Checks numbers of `per_second` to the second (int64 or float, null if unparsable) and scales them."""
    unparsable = find_nulls(values) & ~missing
    numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False)
    inside = (numbers >= 0) & (numbers < END * per_second)
    scaled = np.where(inside, numbers, 0) * (MICROSECONDS // per_second)
    return Times(np.floor(scaled).astype(np.int64), missing, unparsable, ~inside & ~missing & ~unparsable)
