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

from components.sequence_example_gen.casting import (
    NOTHING,
    TEXT,
    WHOLE_NUMBERS,
    SourceError,
    cast_or_null,
    cast_to_text,
    classify_ids,
    find_missing,
    find_nulls,
    find_plain_type,
    keep_matching,
    keep_where,
    to_plain,
)
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.local_times import parse_by_pattern, to_utc

MICROSECONDS = 1_000_000
END = 4_133_980_800
"""The first second of the year 2101: times lie in ``[0, END)`` seconds."""

TIME_TYPES = "times as text, numbers, dates or timestamps"
"""What a column of times may hold."""

_UNITS_PER_DAY = {unit: 86_400 * 1_000**power for power, unit in enumerate(("s", "ms", "us", "ns"))}
_UNITS_PER_SECOND = {"unix_s": 1, "unix_ms": 1_000, "unix_us": 1_000_000}

_ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}.*)?$"
_ZONE = r"[T ].*(Z|[+-]\d{2}(:?\d{2})?)$"
_ISO_SPELLINGS = (
    (r"(\.\d{6})\d+", r"\1"),
    (r"^(\d{4}-\d{2}-\d{2})t", r"\1T"),
    (r" ?([Zz]|UTC)$", "Z"),
    (r" ([+-]\d{2}(:?\d{2})?)$", r"\1"),
)
"""Patterns of what Arrow does not read, with what it does read in their place."""


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


def parse_timestamps(array: pa.Array, source: SourceConfig, name: str) -> Times:
    """Parses a column of times.

    Args:
        array: text, bytes, integers, floats, decimals, or Arrow's own dates and timestamps [n].
        source: how times are written (`timestamp_format`, `time_pattern`; Arrow's own types need neither and ignore
            both), and the zone of those without one.
        name: the column's name, for the error.

    Returns:
        The times, with masks of what could not be read.

    Raises:
        SourceError: if the column is of a type that holds no times, or the zone is not known on this machine.
    """
    array = to_plain(array)
    if pt.is_decimal(array.type):
        array = array.cast(pa.float64())
    kind = array.type
    if not can_hold_times(kind):
        raise SourceError(f"column {name!r} holds {kind}; expected {TIME_TYPES}.")
    missing = find_missing(array)
    if _is_arrow_time(kind):
        times = _clip(array).cast(pa.timestamp("us"), safe=False)
        zoned = pt.is_timestamp(kind) and kind.tz
        return _in_range((times if zoned else to_utc(times, source.timezone)).cast(pa.int64()), MICROSECONDS, missing)
    per_second = None if source.time_pattern else _UNITS_PER_SECOND.get(source.timestamp_format)
    if per_second and pt.is_floating(kind):
        return _in_range(array, per_second, missing)
    if per_second and pt.is_integer(kind):
        return _in_range(cast_or_null(array, pa.int64()), per_second, missing)
    text = cast_to_text(array, name)
    missing = missing | pc.fill_null(pc.equal(text, ""), False).to_numpy(zero_copy_only=False)
    if per_second:
        return _in_range(_parse_numbers(text, missing), per_second, missing)
    return _in_range(_parse_text(text, source).cast(pa.int64()), MICROSECONDS, missing)


def can_hold_times(kind: pa.DataType) -> bool:
    """Tells whether a column of this type may hold times."""
    kind = find_plain_type(kind)
    return _is_arrow_time(kind) or classify_ids(kind) in (TEXT, WHOLE_NUMBERS, NOTHING)


def describe_format(source: SourceConfig) -> str:
    """Returns how times are written, in words."""
    return f"pattern {source.time_pattern}" if source.time_pattern else f"format {source.timestamp_format}"


def _clip(array: pa.Array) -> pa.Array:
    """Brings dates and timestamps [n] far out of range close to it: a cast to microseconds would wrap them into it."""
    kind = array.type
    per_day = 1 if pt.is_date32(kind) else _UNITS_PER_DAY["ms" if pt.is_date64(kind) else kind.unit]
    whole = pa.int32() if pt.is_date32(kind) else pa.int64()
    # Two days more than the range, so that no zone brings them back.
    low, high = -2 * per_day, (END // 86_400 + 2) * per_day
    return pc.min_element_wise(pc.max_element_wise(array.cast(whole), low), high).cast(whole).cast(kind)


def _is_arrow_time(kind: pa.DataType) -> bool:
    return pt.is_timestamp(kind) or pt.is_date(kind)


def _parse_text(text: pa.StringArray, source: SourceConfig) -> pa.TimestampArray:
    """Returns times as microseconds, UTC [n]; null where a text is no time of the format."""
    if source.time_pattern:
        times = parse_by_pattern(text, source.time_pattern)
        return times if "%z" in source.time_pattern else to_utc(times, source.timezone)
    if source.timestamp_format == "yyyymmdd":
        text = _dash_dates(text)
    return _parse_iso(text, source.timezone)


def _parse_numbers(text: pa.StringArray, missing: npt.NDArray[np.bool_]) -> pa.Array:
    whole = _cast_matching(text, pa.int64(), r"^-?\d+$")
    if whole.null_count == missing.sum():
        return whole
    # Some logs write fractions of a second; one column of floats still tells 1970 to 2100 to the microsecond.
    numbers = _cast_matching(text, pa.float64(), r"^-?\d+\.?\d*([eE][+-]?\d+)?$")
    numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    return whole if numbers.null_count == whole.null_count else numbers


def _cast_matching(text: pa.StringArray, to: pa.DataType, pattern: str) -> pa.Array:
    """Casts texts; null where one cannot be cast. Texts that do not match are not tried one by one, which is slow."""
    try:
        return text.cast(to)
    except pa.ArrowInvalid:
        return cast_or_null(keep_matching(text, pattern), to)


def _dash_dates(text: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(keep_matching(text, r"^\d{8}$"), r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")


def _parse_iso(text: pa.StringArray, timezone: str) -> pa.TimestampArray:
    """Returns ISO 8601 as microseconds, UTC [n]: a date, or date and time with T or a blank between; null elsewhere."""
    # Arrow reads times with a zone and times without one by two casts, each refusing the other kind.
    local, zoned = pa.timestamp("us"), pa.timestamp("us", "UTC")
    try:
        return to_utc(text.cast(local), timezone)
    except pa.ArrowInvalid:
        pass
    for pattern, replacement in _ISO_SPELLINGS:
        text = pc.replace_substring_regex(text, pattern, replacement)
    text = keep_matching(text, _ISO)
    has_zone = pc.match_substring_regex(text, _ZONE)
    without = cast_or_null(keep_where(text, pc.invert(has_zone)), local)
    within = cast_or_null(keep_where(text, has_zone), zoned)
    return pc.coalesce(to_utc(without, timezone), within.cast(pa.int64()).cast(local))


def _in_range(values: pa.Array, per_second: int, missing: npt.NDArray[np.bool_]) -> Times:
    """Checks numbers of `per_second` to the second (int64 or float, null if unparsable) and scales them."""
    unparsable = find_nulls(values) & ~missing
    numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False)
    inside = (numbers >= 0) & (numbers < END * per_second)
    scaled = np.where(inside, numbers, 0) * (MICROSECONDS // per_second)
    return Times(np.floor(scaled).astype(np.int64), missing, unparsable, ~inside & ~missing & ~unparsable)
