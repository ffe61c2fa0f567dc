"""DSPnet against the best baseline: for each column of a table, the paired difference over test users.

The metrics of a user are averaged over seeds first, so a difference is that of what seeds give on average, and the
test is over users. It tells whether other users of the same kind would show the difference; how much another seed
moves a number is told by the spread over seeds.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.rows import BASELINE, DSPNET, Result, Row
from experiments.benchmark.seed_means import mean_over_seeds, read_cell
from experiments.benchmark.summary import metric_of
from model.evaluation.bootstrap import REPLICATES
from model.evaluation.comparison import SIGNIFICANCE, MetricComparison, compare
from model.evaluation.paired_test import holm
from model.evaluation.pairing import UnequalTestSetsError
from schemas.errors import UserError


@dataclasses.dataclass(frozen=True)
class Rivals:
    """A row of DSPnet and the best baseline in a column.

    Attributes:
        metric: of the column.
        dspnet: place of the row of DSPnet.
        baseline: place of the row of the baseline.
    """

    metric: str
    dspnet: int
    baseline: int


def against_best_baseline(rows: Sequence[Row], metrics: Sequence[str]) -> dict[str, Any]:
    """Compares each row of DSPnet with the best baseline of each column.

    Args:
        rows: of the benchmark.
        metrics: of all columns of all tables that are compared.

    Returns:
        ``tests`` (how many p-values Holm's correction is for), ``significance``, ``replicates`` of the bootstrap, and
        ``columns``: for each row of DSPnet and each metric ``metric``, ``dspnet`` and ``baseline`` (places of rows),
        ``dspnet_mean``, ``baseline_mean``, ``difference`` (``value``, ``low``, ``high``), ``relative`` (the difference
        as a share of the baseline's value), ``p_value``, ``adjusted``, ``significant``, ``seeds`` (of DSPnet),
        ``sequences``, ``users``, and ``reason``, why it could not be tested. What is not known is None.
    """
    found = [rivals for place, row in enumerate(rows) if row.role == DSPNET for rivals in _rivals(rows, place, metrics)]
    columns: dict[Rivals, dict[str, Any]] = {}
    for pair in dict.fromkeys((rivals.dspnet, rivals.baseline) for rivals in found):
        of_pair = [rivals for rivals in found if (rivals.dspnet, rivals.baseline) == pair]
        columns |= _tested(rows, of_pair)
    tested = [rivals for rivals in found if columns[rivals]["p_value"] is not None]
    adjusted = holm([columns[rivals]["p_value"] for rivals in tested]).tolist()
    for rivals, p_value in zip(tested, adjusted, strict=True):
        columns[rivals] |= {"adjusted": p_value, "significant": p_value < SIGNIFICANCE}
    return {
        "tests": len(tested),
        "significance": SIGNIFICANCE,
        "replicates": REPLICATES,
        "columns": [columns[rivals] for rivals in found],
    }


def _rivals(rows: Sequence[Row], dspnet: int, metrics: Sequence[str]) -> list[Rivals]:
    """Returns the best baseline of each column that a row of DSPnet has a value in, by mean over its seeds."""
    found = []
    for metric in metrics:
        means = {
            place: summary.mean
            for place, row in enumerate(rows)
            if row.role == BASELINE and (summary := metric_of(row, metric)).mean is not None
        }
        if means and metric_of(rows[dspnet], metric).mean is not None:
            found.append(Rivals(metric, dspnet, max(means, key=lambda place: means[place])))
    return found


def _tested(rows: Sequence[Row], found: Sequence[Rivals]) -> dict[Rivals, dict[str, Any]]:
    """Compares two rows in the columns in which they are rivals."""
    ours, theirs = rows[found[0].dspnet], rows[found[0].baseline]
    metrics = [rivals.metric for rivals in found]
    parts: Mapping[str, MetricComparison] = {}
    used = _same_seeds(ours, theirs)
    reason = _obstacle(*used)
    if reason is None:
        try:
            means = [mean_over_seeds([read_cell(result, metrics) for result in results]) for results in used]
            common = [metric for metric in metrics if all(metric in mean.metrics for mean in means)]
            parts = compare(means[1], means[0], common).metrics if common else {}
            reason = "no test sequence was measured by both" if len(parts) < len(metrics) else None
        except (UserError, UnequalTestSetsError) as error:
            reason = str(error)
    seeds = [result["seed"] for result in used[0]]
    return {
        rivals: _column(rivals, parts[rivals.metric], seeds)
        if rivals.metric in parts
        else _untested(rivals, ours, theirs, reason)
        for rivals in found
    }


def _same_seeds(ours: Row, theirs: Row) -> tuple[list[Result], list[Result]]:
    """Returns the results of the seeds that both have; of what is counted, every seed gives the same."""
    if theirs.counted:
        return list(ours.finished), list(theirs.finished)
    common = {result["seed"] for result in ours.finished} & {result["seed"] for result in theirs.finished}
    kept = [[result for result in row.finished if result["seed"] in common] for row in (ours, theirs)]
    return kept[0], kept[1]


def _obstacle(ours: Sequence[Result], theirs: Sequence[Result]) -> str | None:
    if not ours:
        return "the two have no seed in common yet"
    if len({result["digest"] for result in (*ours, *theirs)}) > 1:
        return "the two were measured on different test sets"
    return None


def _column(rivals: Rivals, part: MetricComparison, seeds: Sequence[int]) -> dict[str, Any]:
    return {
        **dataclasses.asdict(rivals),
        "dspnet_mean": part.other.value,
        "baseline_mean": part.reference.value,
        "difference": {end: getattr(part.difference, end) for end in ("value", "low", "high")},
        "relative": _relative(part.difference.value, part.reference.value),
        "p_value": part.p_value,
        "adjusted": None,
        "significant": None if part.p_value is None else False,
        "seeds": list(seeds),
        "sequences": part.sequences,
        "users": part.users,
        "reason": "fewer than two users" if part.p_value is None else None,
    }


def _untested(rivals: Rivals, ours: Row, theirs: Row, reason: str | None) -> dict[str, Any]:
    """Tells the difference of the means of the table, when there is nothing to test it by."""
    own, its = (metric_of(row, rivals.metric).mean or 0.0 for row in (ours, theirs))
    return {
        **dataclasses.asdict(rivals),
        "dspnet_mean": own,
        "baseline_mean": its,
        "difference": {"value": own - its, "low": None, "high": None},
        "relative": _relative(own - its, its),
        "p_value": None,
        "adjusted": None,
        "significant": None,
        "seeds": [result["seed"] for result in ours.finished],
        "sequences": None,
        "users": None,
        "reason": reason,
    }


def _relative(difference: float, baseline: float) -> float | None:
    return difference / baseline if baseline else None
