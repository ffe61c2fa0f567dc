"""Compares runs by what was measured of each test sequence: paired differences, and how sure they are."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.evaluation.bootstrap import poisson_weights
from model.evaluation.paired_difference import PairedDifference, Pairs
from model.evaluation.pairing import MeasuredSequences, pair
from model.evaluation.tasks import GROUPS


def holm(p_values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Adjusts p-values for their number (Holm, 1979).

    Where those below 0.05 after adjustment are called significant, the chance of calling any true null hypothesis so
    is at most 0.05, however the tests depend on each other.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]

    Args:
        p_values: of each test, float [tests].

    Returns:
        Adjusted p-values in the order given, float64 [tests].

    Raises:
        ValueError: if one is not between 0 and 1.
    """
    p = np.asarray(p_values, np.float64)
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        raise ValueError(f"p_values: must be between 0 and 1. Received: {p[wrong][0]}")
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


BLOCK = 1000


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One run against the reference.

    Attributes:
        metrics: by ``task/metric``; what no sequence was measured of by both is absent.
        groups: by ``task/metric``, then by the group that the sequence has in the reference run.
    """

    metrics: dict[str, PairedDifference]
    groups: dict[str, dict[str, PairedDifference]]

    @property
    def identical(self) -> bool:
        """Whether no metric differs for any sequence."""
        return all(difference.identical for difference in self.metrics.values())

    @property
    def differs(self) -> bool:
        """Whether there is a difference to show."""
        return bool(self.metrics) and not self.identical

    def p_values(self) -> dict[tuple[str, str | None], float]:
        """Returns all that there are, by metric and group; the group is None for all sequences."""
        parts: dict[tuple[str, str | None], PairedDifference] = {(m, None): part for m, part in self.metrics.items()}
        parts |= {(metric, group): part for metric, of in self.groups.items() for group, part in of.items()}
        return {name: part.p_value for name, part in parts.items() if part.p_value is not None}

    def adjusted(self, p_values: Mapping[tuple[str, str | None], float]) -> "Comparison":
        """Returns the same with adjusted p-values, by metric and group."""

        def adjust(part: PairedDifference, metric: str, group: str | None = None) -> PairedDifference:
            return dataclasses.replace(part, adjusted=p_values.get((metric, group)))

        metrics = {metric: adjust(part, metric) for metric, part in self.metrics.items()}
        groups = {m: {group: adjust(part, m, group) for group, part in of.items()} for m, of in self.groups.items()}
        return Comparison(metrics, groups)


@dataclasses.dataclass(frozen=True)
class Comparisons:
    """Several runs against one reference.

    Attributes:
        tests: how many p-values there are, for which Holm's correction was made.
        runs: by name.
    """

    tests: int
    runs: dict[str, Comparison]


def compare_runs(
    reference: MeasuredSequences,
    others: Mapping[str, MeasuredSequences],
    metrics: Sequence[str],
    by_group: Sequence[str] = (),
    block: int = BLOCK,
) -> Comparisons:
    """Compares runs with a reference, on the same test sequences.

    Args:
        reference: what the others are compared with.
        others: by name.
        metrics: names of metrics that all of them have.
        by_group: those of `metrics` that are compared in each group of histories, too.
        block: about how many sequences are worked on at a time; memory for the bootstrap grows with it.

    Returns:
        Differences that depend neither on the order of sequences nor, but for rounding, on `block`.

    Raises:
        UnequalTestSetsError: if a run was measured on other users or other futures.
    """
    found = {name: compare(reference, other, metrics, by_group, block) for name, other in others.items()}
    tests = {(name, part): p for name, run in found.items() for part, p in run.p_values().items()}
    corrected = dict(zip(tests, holm(list(tests.values())).tolist(), strict=True))
    runs = {
        name: run.adjusted({part: p for (of, part), p in corrected.items() if of == name})
        for name, run in found.items()
    }
    return Comparisons(len(tests), runs)


def compare(
    reference: MeasuredSequences,
    other: MeasuredSequences,
    metrics: Sequence[str],
    by_group: Sequence[str] = (),
    block: int = BLOCK,
) -> Comparison:
    """Compares one run with a reference; as `compare_runs`, before any correction."""
    ours, theirs = pair(reference, other)
    columns: list[tuple[str, str | None]] = [(metric, None) for metric in metrics]
    columns += [(metric, group) for metric in by_group for group in GROUPS]
    pairs = Pairs(len(columns))
    for start, stop, starts in _blocks(reference.users[ours], block):
        rows, other_rows = ours[start:stop], theirs[start:stop]
        own = np.stack([reference.metrics[metric][rows] for metric, _ in columns], axis=1).astype(np.float64)
        its = np.stack([other.metrics[metric][other_rows] for metric, _ in columns], axis=1).astype(np.float64)
        inside = np.ones(own.shape, bool)
        for place, (_, group) in enumerate(columns):
            if group is not None:
                inside[:, place] = reference.groups[rows] == group
        pairs.add(own, its, inside, starts, poisson_weights(reference.users[rows]))
    found = dict(zip(columns, pairs.differences(), strict=True))
    return Comparison(
        metrics={metric: part for (metric, group), part in found.items() if group is None and part is not None},
        groups={
            metric: {group: part for group in GROUPS if (part := found[metric, group]) is not None}
            for metric in by_group
        },
    )


def _blocks(users: npt.NDArray[np.bytes_], block: int) -> Iterator[tuple[int, int, npt.NDArray[np.int64]]]:
    """Yields slices of sorted users, about `block` long, that part no user, and where each user begins in them."""
    if not len(users):
        return
    begins = np.concatenate([[0], 1 + np.flatnonzero(users[1:] != users[:-1])])
    first = 0
    while first < len(begins):
        last = max(first + 1, int(np.searchsorted(begins, begins[first] + block)))
        stop = int(begins[last]) if last < len(begins) else len(users)
        yield int(begins[first]), stop, begins[first:last] - begins[first]
        first = last
