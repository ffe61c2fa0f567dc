"""A number of a row: its mean over seeds and its spread, or why there is none."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any, Literal

from experiments.benchmark.rows import Result, Row

State = Literal["measured", "out_of_memory", "failed", "waiting", "unmeasured"]
"""``waiting`` has not been run yet; ``unmeasured`` was run, and this was not measured of it."""

STATE_WORDS = {"out_of_memory": "OOM", "failed": "failed", "waiting": "not yet", "unmeasured": "–"}
"""What stands in a table where there is no number."""

EQUAL = 1e-12
"""Means that differ by less, relative to the larger, are the same number added up in another order."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """A number over seeds.

    Attributes:
        state: whether there is one, or why not.
        mean: over seeds; None where there is none.
        spread: sample standard deviation over seeds; None with fewer than two.
        seeds: how many have a value.
    """

    state: State
    mean: float | None = None
    spread: float | None = None
    seeds: int = 0

    def facts(self) -> dict[str, Any]:
        """Returns it as JSON has it, with no ``mark`` as the best of anything."""
        return {**dataclasses.asdict(self), "mark": None}


def summarise(row: Row, value_of: Callable[[Result], float | None]) -> Summary:
    """Summarises a value over the finished seeds of a row.

    Args:
        row: the row.
        value_of: gives the value of a result; None or NaN where it was not measured.
    """
    found = [value_of(result) for result in row.finished]
    values = [float(value) for value in found if value is not None and math.isfinite(value)]
    if values:
        spread = statistics.stdev(values) if len(values) > 1 else None
        return Summary("measured", statistics.fmean(values), spread, len(values))
    if row.finished:
        return Summary("unmeasured")
    return Summary("out_of_memory" if row.out_of_memory else "failed" if row.failed else "waiting")


def metric_of(row: Row, metric: str) -> Summary:
    """Summarises a metric, ``task/metric`` or ``task/metric/slice``."""
    return summarise(row, lambda result: (result["metrics"] or {}).get(metric))


def marks(means: Sequence[float | None]) -> list[str | None]:
    """Tells the best value and the second best, by full precision; equal values share a mark.

    >>> marks([0.3, 0.5, None, 0.4, 0.5])
    [None, 'best', None, 'second', 'best']
    >>> marks([0.3, None])
    [None, None]

    Args:
        means: of those that compete; None for those that have no value or do not.

    Returns:
        ``best``, ``second`` or None, one each; of one value alone, that it is the best would say nothing.
    """
    values = [mean for mean in means if mean is not None]
    if len(values) < 2:
        return [None] * len(means)
    best = max(values)
    rest = [value for value in values if not equal(value, best)]
    second = max(rest) if rest else None

    def mark(mean: float | None) -> str | None:
        if mean is None:
            return None
        return "best" if equal(mean, best) else "second" if second is not None and equal(mean, second) else None

    return [mark(mean) for mean in means]


def equal(left: float, right: float) -> bool:
    """Tells whether two means are the same number."""
    return math.isclose(left, right, rel_tol=EQUAL)
