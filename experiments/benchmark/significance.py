"""DSPnet against other rows: for each column of a table, the paired difference over test users.

The metrics of a user are averaged over seeds first, so a difference is that of what seeds give on average, and the
test is over users. The test tells whether other users of the same kind would show the difference; the spread over
seeds tells how much another seed moves a number.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.benchmark.plan import DSPNET
from experiments.benchmark.rows import BenchmarkRow, summarise_metric
from experiments.benchmark.store import read_measured_sequences
from experiments.runs.result import RunResult
from model.evaluation.bootstrap import REPLICATES
from model.evaluation.comparison import SIGNIFICANCE, MetricComparison, compare
from model.evaluation.paired_test import holm
from model.evaluation.pairing import MeasuredSequences, UnequalTestSetsError, pair
from model.methods import Role
from schemas.errors import UserError
from schemas.evaluation import Estimate


@dataclasses.dataclass(frozen=True)
class BaselineComparison:
    """A row of DSPnet against another row, as a rule the best baseline of a column; what is not known is None.

    Attributes:
        metric: metric of the column.
        dspnet: place of the row of DSPnet among the rows of the benchmark.
        baseline: place of the other row.
        dspnet_mean: mean of DSPnet over the seeds and sequences that both have.
        baseline_mean: mean of the baseline over the same.
        difference: DSPnet minus the baseline.
        relative: difference as a share of the baseline's mean.
        p_value: p-value of the paired t-test on users, two-sided.
        adjusted: p-value after Holm's correction for all comparisons.
        significant: whether the difference stays significant after the correction.
        seeds: seeds of DSPnet that were compared.
        sequences: number of test sequences that both have measured.
        users: number of users of these sequences.
        reason: why the difference could not be tested; None if it was.
    """

    metric: str
    dspnet: int
    baseline: int
    dspnet_mean: float
    baseline_mean: float
    difference: Estimate
    relative: float | None
    p_value: float | None
    adjusted: float | None
    significant: bool | None
    seeds: tuple[int, ...]
    sequences: int | None
    users: int | None
    reason: str | None

    def with_adjusted(self, p_value: float) -> "BaselineComparison":
        """Returns the comparison with its p-value after Holm's correction."""
        return dataclasses.replace(self, adjusted=p_value, significant=p_value < SIGNIFICANCE)


@dataclasses.dataclass(frozen=True)
class BaselineComparisons:
    """Comparisons that are corrected together.

    Attributes:
        tests: number of p-values that Holm's correction is for.
        significance: level below which a corrected p-value is significant.
        replicates: replicates of the bootstrap.
        columns: comparisons, in the order of rows, then of metrics.
    """

    tests: int
    significance: float
    replicates: int
    columns: tuple[BaselineComparison, ...]


def compare_with_best(
    folder: str, rows: Sequence[BenchmarkRow], metrics: Sequence[str], role: Role
) -> BaselineComparisons:
    """Compares each row of DSPnet with the best row of a role, for each column.

    Args:
        folder: folder of the benchmark.
        rows: rows of the benchmark.
        metrics: metrics of all columns of all tables that are compared.
        role: role of the other rows.
    """
    opponents = [
        (dspnet, metric, baseline)
        for dspnet, row in enumerate(rows)
        if row.role == DSPNET
        for metric, baseline in _find_best(rows, row, metrics, role).items()
    ]
    return _compare(folder, rows, opponents)


def compare_with_each(
    folder: str, rows: Sequence[BenchmarkRow], metrics: Sequence[str], others: Sequence[int]
) -> BaselineComparisons:
    """Compares the first row of DSPnet with each of some rows, given by their places; other arguments as above."""
    own = next((place for place, row in enumerate(rows) if row.role == DSPNET and row.finished), None)
    if own is None:
        return _compare(folder, rows, [])
    measured = [place for place in others if rows[place].finished]
    return _compare(folder, rows, [(own, metric, place) for place in measured for metric in metrics])


def _compare(
    folder: str, rows: Sequence[BenchmarkRow], opponents: Sequence[tuple[int, str, int]]
) -> BaselineComparisons:
    """Compares rows of DSPnet, metric by metric, with other rows; both given by their places."""
    found: dict[tuple[int, str, int], BaselineComparison] = {}
    for dspnet, baseline in dict.fromkeys((dspnet, baseline) for dspnet, _, baseline in opponents):
        pair_metrics = [metric for own, metric, other in opponents if (own, other) == (dspnet, baseline)]
        for comparison in _compare_rows(folder, rows, dspnet, baseline, pair_metrics):
            found[dspnet, comparison.metric, baseline] = comparison
    columns = [found[opponent] for opponent in opponents]
    tested = [place for place, comparison in enumerate(columns) if comparison.p_value is not None]
    adjusted = holm([columns[place].p_value or 0.0 for place in tested]).tolist()
    for place, p_value in zip(tested, adjusted, strict=True):
        columns[place] = columns[place].with_adjusted(p_value)
    return BaselineComparisons(len(tested), SIGNIFICANCE, REPLICATES, tuple(columns))


def average_over_seeds(measured: Sequence[MeasuredSequences]) -> MeasuredSequences:
    """Returns the mean of runs that were measured on the same test sequences, as if they were one run.

    Args:
        measured: measured sequences of each seed, in any order of sequences.

    Returns:
        The sequences in the order of users, with the metrics that all runs have; NaN where any run has not measured.

    Raises:
        UnequalTestSetsError: if a run was measured on other users or other futures.
    """
    first = measured[0]
    metrics = [metric for metric in first.metrics if all(metric in run.metrics for run in measured)]
    sums = {metric: np.zeros(len(first.sequences)) for metric in metrics}
    for run in measured:
        order, run_order = pair(first, run)
        for metric in metrics:
            sums[metric] += run.metrics[metric][run_order]
    return MeasuredSequences(
        first.users[order],
        first.sequences[order],
        first.groups[order],
        {metric: (total / len(measured)).astype(np.float32) for metric, total in sums.items()},
    )


def _find_best(
    rows: Sequence[BenchmarkRow], dspnet: BenchmarkRow, metrics: Sequence[str], role: Role
) -> dict[str, int]:
    """Returns the place of the best row of a role, by mean over its seeds, for each metric that DSPnet has."""
    found = {}
    for metric in metrics:
        means = {
            place: mean
            for place, row in enumerate(rows)
            if row.role == role and (mean := summarise_metric(row, metric).mean) is not None
        }
        if means and summarise_metric(dspnet, metric).mean is not None:
            found[metric] = max(means, key=lambda place: means[place])
    return found


def _compare_rows(
    folder: str, rows: Sequence[BenchmarkRow], dspnet: int, baseline: int, metrics: Sequence[str]
) -> list[BaselineComparison]:
    """Compares two rows in the metrics of which the baseline is the best."""
    compared: Mapping[str, MetricComparison] = {}
    ours, theirs = _find_common_seeds(rows[dspnet], rows[baseline])
    reason = _find_obstacle(ours, theirs)
    if reason is None:
        try:
            own, other = (
                average_over_seeds([read_measured_sequences(folder, result, metrics) for result in results])
                for results in (ours, theirs)
            )
            common = [metric for metric in metrics if metric in own.metrics and metric in other.metrics]
            compared = compare(other, own, common).metrics if common else {}
            reason = "no test sequence was measured by both" if len(compared) < len(metrics) else None
        except (UserError, UnequalTestSetsError) as error:
            reason = str(error)
    seeds = tuple(result.seed for result in ours)
    return [
        _make_comparison(metric, dspnet, baseline, compared[metric], seeds)
        if metric in compared
        else _make_untested(metric, dspnet, baseline, rows, reason)
        for metric in metrics
    ]


def _find_common_seeds(ours: BenchmarkRow, theirs: BenchmarkRow) -> tuple[list[RunResult], list[RunResult]]:
    """Returns the results of the seeds that both rows have; a statistical method gives the same with every seed."""
    if theirs.statistical:
        return list(ours.finished), list(theirs.finished)
    common = {result.seed for result in ours.finished} & {result.seed for result in theirs.finished}
    own, other = ([result for result in row.finished if result.seed in common] for row in (ours, theirs))
    return own, other


def _find_obstacle(ours: Sequence[RunResult], theirs: Sequence[RunResult]) -> str | None:
    """Returns why two rows cannot be compared; None if they can."""
    if not ours:
        return "the two have no seed in common yet"
    if len({result.digest for result in (*ours, *theirs)}) > 1:
        return "the two were measured on different test sets"
    return None


def _make_comparison(
    metric: str, dspnet: int, baseline: int, comparison: MetricComparison, seeds: tuple[int, ...]
) -> BaselineComparison:
    tested = comparison.p_value is not None
    difference = comparison.difference
    return BaselineComparison(
        metric=metric,
        dspnet=dspnet,
        baseline=baseline,
        dspnet_mean=comparison.other.value,
        baseline_mean=comparison.reference.value,
        difference=Estimate(difference.value, difference.low, difference.high),
        relative=_relative(difference.value, comparison.reference.value),
        p_value=comparison.p_value,
        adjusted=None,
        significant=False if tested else None,
        seeds=seeds,
        sequences=comparison.sequences,
        users=comparison.users,
        reason=None if tested else "fewer than two users",
    )


def _make_untested(
    metric: str, dspnet: int, baseline: int, rows: Sequence[BenchmarkRow], reason: str | None
) -> BaselineComparison:
    """Returns the difference between the means of the table, when there is nothing to test it by."""
    own, other = (summarise_metric(rows[place], metric).mean or 0.0 for place in (dspnet, baseline))
    return BaselineComparison(
        metric=metric,
        dspnet=dspnet,
        baseline=baseline,
        dspnet_mean=own,
        baseline_mean=other,
        difference=Estimate(own - other, None, None),
        relative=_relative(own - other, other),
        p_value=None,
        adjusted=None,
        significant=None,
        seeds=tuple(result.seed for result in rows[dspnet].finished),
        sequences=None,
        users=None,
        reason=reason,
    )


def _relative(difference: float, baseline: float) -> float | None:
    return difference / baseline if baseline else None
