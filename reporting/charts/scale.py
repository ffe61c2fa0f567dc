"""From values to places on a chart, and where to put the marks of an axis."""

import dataclasses
import math
from collections.abc import Iterable

MARKS = 4


@dataclasses.dataclass(frozen=True)
class Scale:
    """A linear axis.

    Attributes:
        low: value at its start.
        high: value at its end; above `low`.
        start: place of its start, in units of the chart.
        end: place of its end.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Returns the place of a value, to a tenth of a unit."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def marks(self) -> list[tuple[float, str]]:
        """Returns round values within the axis, and how they are written.

        >>> Scale(0.0, 1.0, 0, 100).marks()
        [(0.0, '0'), (0.5, '0.5'), (1.0, '1')]
        """
        rough = (self.high - self.low) / MARKS
        power = 10 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if rough <= factor * power * 1.0000001)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(number * step, f"{number * step:,.10g}") for number in range(first, last + 1)]


def spanning(values: Iterable[float], start: float, end: float, zero: bool = False) -> Scale:
    """Returns an axis on which all values have room; with `zero`, it begins or ends there."""
    found = [value for value in values if math.isfinite(value)] or [0.0]
    if zero:
        found.append(0.0)
    low, high = min(found), max(found)
    if low == high:
        low, high = (low - abs(low) / 2 or -0.5), (high + abs(high) / 2 or 0.5)
        if zero and min(found) == 0:
            low = 0.0
    margin = (high - low) * 0.05
    return Scale(low if zero and low == 0 else low - margin, high if zero and high == 0 else high + margin, start, end)
