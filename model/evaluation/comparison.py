"""Compares runs by what was measured of each test sequence: paired differences, and how sure they are."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.evaluation.bootstrap import BootstrapSums, estimate, poisson_weights
from model.evaluation.paired_test import UserSums, holm
from model.evaluation.pairing import MeasuredSequences, pair
from model.evaluation.tasks import GROUPS
from schemas.evaluation import Difference, Estimate

SIGNIFICANCE = 0.05
"""A difference is significant where its p-value, corrected for the number of tests, is below this."""
ROUNDING = 1e-6
"""Two float32 values that differ by less, relative to the larger or to 1, are the same number computed twice."""
BLOCK = 1000
"""About how many sequences are worked on at a time."""


@dataclasses.dataclass(frozen=True)
class MetricComparison:
    """A metric of two runs on the sequences that both have measured.

    Attributes:
        reference: metric of the reference run.
        other: metric of the other run.
        difference: other minus reference, paired by sequence, with its p-value before correction.
        adjusted: p-value after Holm's correction for all tests of a `Comparisons`; None before the correction, and
            where there is no p-value.
        sequences: number of sequences measured by both.
        users: number of users whose sequences these are.
        higher: share of these sequences in which the other run has the higher value.
        lower: share of these sequences in which the other run has the lower value.
        measured_by_one: number of sequences that one run has measured and the other has not; they are left out.
    """

    reference: Estimate
    other: Estimate
    difference: Difference
    adjusted: float | None
    sequences: int
    users: int
    higher: float
    lower: float
    measured_by_one: int

    @property
    def p_value(self) -> float | None:
        """P-value of the difference, before correction; None where there are fewer than two users."""
        return self.difference.p_value

    @property
    def equal(self) -> float:
        """Share of the sequences in which both have the same value."""
        return max(0.0, 1.0 - self.higher - self.lower)

    @property
    def significant(self) -> bool:
        """Whether the difference stays significant after Holm's correction."""
        return self.adjusted is not None and self.adjusted < SIGNIFICANCE

    @property
    def identical(self) -> bool:
        """Whether the two runs have the same value for every sequence."""
        return self.higher == self.lower == 0.0 and not self.measured_by_one


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One run against the reference.

    Attributes:
        metrics: by ``task/metric``; a metric that both have measured of no sequence is absent.
        groups: by ``task/metric``, then by the group that the sequence has in the reference run.
    """

    metrics: dict[str, MetricComparison]
    groups: dict[str, dict[str, MetricComparison]]

    @property
    def identical(self) -> bool:
        """Whether no metric differs for any sequence."""
        return all(part.identical for part in self.metrics.values())

    @property
    def differs(self) -> bool:
        """Whether there is a difference to show."""
        return bool(self.metrics) and not self.identical

    def p_values(self) -> dict[tuple[str, str | None], float]:
        """Returns all p-values that there are, by metric and group; the group is None for all sequences."""
        parts: dict[tuple[str, str | None], MetricComparison] = {(m, None): part for m, part in self.metrics.items()}
        parts |= {(metric, group): part for metric, of in self.groups.items() for group, part in of.items()}
        return {name: part.p_value for name, part in parts.items() if part.p_value is not None}

    def adjust(self, p_values: Mapping[tuple[str, str | None], float]) -> "Comparison":
        """Returns the comparison with adjusted p-values, which are given by metric and group."""

        def adjust(part: MetricComparison, metric: str, group: str | None = None) -> MetricComparison:
            return dataclasses.replace(part, adjusted=p_values.get((metric, group)))

        metrics = {metric: adjust(part, metric) for metric, part in self.metrics.items()}
        groups = {m: {group: adjust(part, m, group) for group, part in of.items()} for m, of in self.groups.items()}
        return Comparison(metrics, groups)


@dataclasses.dataclass(frozen=True)
class Comparisons:
    """Several runs against one reference.

    Attributes:
        tests: number of p-values, for which Holm's correction was made.
        runs: comparison of each run, by name.
    """

    tests: int
    runs: dict[str, Comparison]


def compare_runs(
    reference: MeasuredSequences,
    others: Mapping[str, MeasuredSequences],
    metrics: Sequence[str],
    by_group: Sequence[str] = (),
) -> Comparisons:
    """Compares runs with a reference, on the same test sequences.

    Args:
        reference: the run that all others are compared with.
        others: the other runs, by name.
        metrics: names of metrics that all runs have.
        by_group: those of `metrics` that are compared in each group of histories, too.

    Returns:
        Differences that do not depend on the order of sequences.

    Raises:
        UnequalTestSetsError: if a run was measured on other users or other futures.
    """
    found = {name: compare(reference, other, metrics, by_group) for name, other in others.items()}
    tests = {(name, part): p for name, run in found.items() for part, p in run.p_values().items()}
    corrected = dict(zip(tests, holm(list(tests.values())).tolist(), strict=True))
    runs = {
        name: run.adjust({part: p for (of, part), p in corrected.items() if of == name}) for name, run in found.items()
    }
    return Comparisons(len(tests), runs)


def compare(
    reference: MeasuredSequences,
    other: MeasuredSequences,
    metrics: Sequence[str],
    by_group: Sequence[str] = (),
    block: int = BLOCK,
) -> Comparison:
    """Compares one run with a reference, without any correction of p-values.

    Args:
        reference: the run that the other is compared with.
        other: the other run.
        metrics: names of metrics that both runs have.
        by_group: those of `metrics` that are compared in each group of histories, too.
        block: about how many sequences are worked on at a time; memory for the bootstrap grows with it. The result
            does not depend on it, but for rounding.

    Raises:
        UnequalTestSetsError: if the two runs were measured on different users or futures.
    """
    ours, theirs = pair(reference, other)
    columns: list[tuple[str, str | None]] = [(metric, None) for metric in metrics]
    columns += [(metric, group) for metric in by_group for group in GROUPS]
    pairs = PairedMetrics(len(columns))
    for start, stop, starts in _split_blocks(reference.users[ours], block):
        rows, other_rows = ours[start:stop], theirs[start:stop]
        own = np.stack([reference.metrics[metric][rows] for metric, _ in columns], axis=1).astype(np.float64)
        its = np.stack([other.metrics[metric][other_rows] for metric, _ in columns], axis=1).astype(np.float64)
        inside = np.ones(own.shape, bool)
        for place, (_, group) in enumerate(columns):
            if group is not None:
                inside[:, place] = reference.groups[rows] == group
        pairs.add(own, its, inside, starts, poisson_weights(reference.users[rows]))
    found = dict(zip(columns, pairs.compare(), strict=True))
    return Comparison(
        metrics={metric: part for (metric, group), part in found.items() if group is None and part is not None},
        groups={
            metric: {group: part for group in GROUPS if (part := found[metric, group]) is not None}
            for metric in by_group
        },
    )


class PairedMetrics:
    """Sums of what two runs have measured, block by block of sequences.

    Args:
        columns: number C of metrics.
    """

    def __init__(self, columns: int):
        self._columns = columns
        self._sums = BootstrapSums(np.tile(np.arange(columns), 2))
        self._by_user = UserSums(columns)
        self._higher, self._lower, self._by_one = np.zeros((3, columns), np.int64)

    def add(
        self,
        own: npt.NDArray[np.float64],
        its: npt.NDArray[np.float64],
        inside: npt.NDArray[np.bool_],
        starts: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float32],
    ) -> None:
        """Adds a block of sequences; those of a user stand side by side, and all of them are in the block.

        Args:
            own: values of the reference, float64 [block, C]; NaN where not measured.
            its: values of the other run, float64 [block, C]; NaN where not measured.
            inside: which sequences each column is about, bool [block, C].
            starts: the row at which each user begins, int64 [users].
            weights: draws of the users, float32 [block, R], by `model.evaluation.bootstrap.poisson_weights`.
        """
        known, its_known = ~np.isnan(own), ~np.isnan(its)
        measured = known & its_known & inside
        own, its = np.where(measured, own, 0.0), np.where(measured, its, 0.0)
        scale = np.maximum(1.0, np.maximum(np.abs(own), np.abs(its)))
        its = np.where(np.abs(its - own) <= ROUNDING * scale, own, its)
        self._sums.add(np.concatenate([own, its], axis=1), measured, weights)
        self._by_user.add(its - own, measured, starts)
        self._higher += np.count_nonzero(its > own, axis=0)
        self._lower += np.count_nonzero(its < own, axis=0)
        self._by_one += np.count_nonzero((known ^ its_known) & inside, axis=0)

    def compare(self) -> list[MetricComparison | None]:
        """Returns the comparison of each column; None where no sequence was measured by both."""
        ratios, numbers, p_values = self._sums.ratios(), self._sums.totals(), self._by_user.p_values()
        own, its = ratios[:, : self._columns], ratios[:, self._columns :]
        compared: list[MetricComparison | None] = []
        for c, (number, users) in enumerate(zip(numbers, self._by_user.users.tolist(), strict=True)):
            if not number:
                compared.append(None)
                continue
            p_value = None if math.isnan(p_values[c]) else float(p_values[c])
            difference = _estimate(its[:, c] - own[:, c], users)
            compared.append(
                MetricComparison(
                    reference=_estimate(own[:, c], users),
                    other=_estimate(its[:, c], users),
                    difference=Difference(difference.value, difference.low, difference.high, p_value),
                    adjusted=None,
                    sequences=int(number),
                    users=users,
                    higher=float(self._higher[c] / number),
                    lower=float(self._lower[c] / number),
                    measured_by_one=int(self._by_one[c]),
                )
            )
        return compared


def _estimate(ratios: npt.NDArray[np.float64], users: int) -> Estimate:
    value, low, high = estimate(ratios)
    # One user gives an interval without width, which would pass for certainty.
    return Estimate(value, low, high) if users > 1 else Estimate(value, None, None)


def _split_blocks(users: npt.NDArray[np.bytes_], block: int) -> Iterator[tuple[int, int, npt.NDArray[np.int64]]]:
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
