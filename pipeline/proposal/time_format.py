"""Format of times: judged by the values of a column."""

import dataclasses
import datetime
import re
from collections.abc import Callable, Sequence

import pyarrow as pa

from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.timestamps import parse_timestamps

PATTERNS = (
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %I:%M %p",
    "%m/%d/%Y %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%d %I:%M %p",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%m %d, %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",
)
"""Ways to write times, as `strptime` reads them; those that put the day first stand before those with the month."""

_EARLIEST, _LATEST = 1980, 2100
"""Years that a log's times lie between: any number of seconds would do for a time, few do for one of these years."""

_ISO = SourceConfig(path="any", timestamp_format="iso8601")
_SAMPLE = 500
_INTEGER = re.compile(r"[1-9]\d*(\.0*)?")  # a number with a leading zero is an id
_DECIMAL = re.compile(r"\d+\.\d+|\d+(\.\d+)?[eE]\+?\d+")


@dataclasses.dataclass(frozen=True)
class TimeFormat:
    """How a column of times is written.

    Attributes:
        format: a value of `source.timestamp_format`; where `pattern` is set it counts for nothing.
        pattern: a value of `source.time_pattern`, or None.
        alternative: another pattern that fits as well; None if there is none.
    """

    format: str
    pattern: str | None = None
    alternative: str | None = None

    def __str__(self) -> str:
        return self.pattern or self.format

    @property
    def is_number(self) -> bool:
        """Whether times are numbers of units, which ids may look like."""
        return self.pattern is None and self.format.startswith("unix")


def detect_time_format(values: Sequence[str]) -> TimeFormat | None:
    """Returns how the values of a column are written as times; None if they are no times.

    One value in fifty may be something else.

    >>> detect_time_format(["881250949", "891717742"]).format
    'unix_s'
    >>> str(detect_time_format(["31/12/2010 08:26", "01/12/2010 08:26"]))
    '%d/%m/%Y %H:%M'
    """
    filled = [value.strip() for value in values if value.strip()][:_SAMPLE]
    if not filled:
        return None
    for name, fits in _FORMATS.items():
        if _fit(filled, fits):
            return TimeFormat(name)
    patterns = [pattern for pattern in PATTERNS if _fit(filled, _make_pattern_test(pattern))]
    if not patterns:
        return None
    return TimeFormat("iso8601", patterns[0], patterns[1] if len(patterns) > 1 else None)


def _fit(values: Sequence[str], fits: Callable[[str], bool]) -> bool:
    # The first ones tell most, and trying all formats on all values would take long.
    return all(map(fits, values[:3])) and sum(map(fits, values)) >= 0.98 * len(values)


def _make_unit_test(per_second: int) -> Callable[[str], bool]:
    low, high = (
        datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc).timestamp() * per_second
        for year in (_EARLIEST, _LATEST)
    )

    def fits(value: str) -> bool:
        is_number = _INTEGER.fullmatch(value) or _DECIMAL.fullmatch(value)
        return bool(is_number) and low <= float(value) < high

    return fits


def _is_yyyymmdd(value: str) -> bool:
    if len(value) != 8 or not value.isdigit() or not _EARLIEST <= int(value[:4]) < _LATEST:
        return False
    return _parses(value, "%Y%m%d")


def _is_iso(value: str) -> bool:
    if not re.match(r"\d{4}-\d{2}-\d{2}", value):
        return False
    times = parse_timestamps(pa.array([value]), _ISO, "time")
    return not (times.unparsable[0] or times.out_of_range[0])


def _make_pattern_test(pattern: str) -> Callable[[str], bool]:
    return lambda value: _parses(value, pattern)


def _parses(value: str, pattern: str) -> bool:
    try:
        return 1970 <= datetime.datetime.strptime(value, pattern).year < _LATEST
    except ValueError:
        return False


_FORMATS: dict[str, Callable[[str], bool]] = {
    "yyyymmdd": _is_yyyymmdd,
    "unix_s": _make_unit_test(1),
    "unix_ms": _make_unit_test(1_000),
    "unix_us": _make_unit_test(1_000_000),
    "iso8601": _is_iso,
}
