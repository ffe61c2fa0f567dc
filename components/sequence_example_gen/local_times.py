"""Local times: those that are written without a zone, or by a pattern of one's own, become UTC."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.sequence_example_gen.casting import SourceError

_DAY = pa.scalar(datetime.timedelta(days=1), pa.duration("us"))
_FRACTION = r"^(.*)\.(\d{1,9})([^.]*)$"


def to_utc(times: pa.TimestampArray, timezone: str) -> pa.TimestampArray:
    """Returns local times as UTC.

    A time that the clocks show twice is taken for the first of the two. A time that they skip is read by the offset
    before the change, so half past two becomes half past three: as Python reads both (PEP 495, ``fold=0``).

    Args:
        times: microseconds without a zone [n].
        timezone: IANA name.

    Returns:
        Microseconds [n], UTC without a zone.

    Raises:
        SourceError: if this machine has no data of the zone.
    """
    if timezone == "UTC":
        return times
    try:
        first = _assume(times, timezone, "earliest")
        skipped = pc.not_equal(first, _assume(times, timezone, "latest"))
        by_day_before = pc.add(_assume(pc.subtract(times, _DAY), timezone, "earliest"), _DAY)
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"source.timezone {timezone!r}: Arrow finds no data of this zone on this machine. Install the system's "
            "package tzdata."
        ) from error
    return pc.if_else(skipped, by_day_before, first)


def parse_by_pattern(text: pa.StringArray, pattern: str) -> pa.TimestampArray:
    """Parses times by a pattern of strptime.

    Args:
        text: the times [n].
        pattern: as `SourceConfig.time_pattern` allows.

    Returns:
        Microseconds [n]; local, or UTC if the pattern has ``%z``. Null where a text does not fit the pattern or names a
        day that its month has not.
    """
    microseconds = pa.scalar(0)
    if "%f" in pattern:
        microseconds = _read_fraction(text)
        text = pc.if_else(pc.is_null(microseconds), None, pc.replace_substring_regex(text, _FRACTION, r"\1\3"))
    seconds = pc.strptime(text, format=pattern.replace(".%f", ""), unit="s", error_is_null=True)
    seconds = _refuse_overflow(text, seconds, pattern.replace(".%f", ""))
    return pc.add(pc.multiply(seconds.cast(pa.int64()), 1_000_000), microseconds).cast(pa.timestamp("us"))


def _assume(times: pa.TimestampArray, timezone: str, nonexistent: str) -> pa.TimestampArray:
    zoned = pc.assume_timezone(times, timezone, ambiguous="earliest", nonexistent=nonexistent)
    return zoned.cast(pa.int64()).cast(pa.timestamp("us"))


def _read_fraction(text: pa.StringArray) -> pa.Int64Array:
    """Returns the microseconds behind the last point [n]; null where there are none."""
    fits = pc.fill_null(pc.match_substring_regex(text, _FRACTION), False)
    digits = pc.if_else(fits, pc.replace_substring_regex(text, _FRACTION, r"\2"), pa.scalar(None, pa.string()))
    return pc.utf8_slice_codeunits(pc.utf8_rpad(digits, 6, "0"), 0, 6).cast(pa.int64())


def _refuse_overflow(text: pa.StringArray, times: pa.TimestampArray, pattern: str) -> pa.TimestampArray:
    """Returns the times without those that name a day which their month has not.

    C, and Arrow by it, read February 30 as March 1 or 2. Such a time lies in the first days of a month, or next to
    them where it has a zone: those alone are read again, by Python, which refuses them.
    """
    day = pc.fill_null(pc.day(times), 15).to_numpy(zero_copy_only=False)
    suspect = np.flatnonzero((day <= 4) | (day >= 28) if "%z" in pattern else day <= 3)
    texts = text.take(pa.array(suspect)).dictionary_encode()
    wrong = np.array([not _is_time(value, pattern) for value in texts.dictionary.to_pylist()], bool)
    mask = np.zeros(len(text), bool)
    mask[suspect] = wrong[texts.indices.to_numpy(zero_copy_only=False)]
    return pc.if_else(pa.array(mask), pa.scalar(None, times.type), times)


def _is_time(text: str, pattern: str) -> bool:
    try:
        datetime.datetime.strptime(text, pattern)
    except ValueError:
        return False
    return True
