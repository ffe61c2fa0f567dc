"""The result of a comparison: what was compared, how it differs, and what that means."""

import dataclasses
import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.comparison.checks import check_same_sequences, check_same_test, compare_configs, find_common_metrics
from experiments.comparison.narrative import (
    find_headline,
    get_cutoff,
    get_kind,
    more_is_better,
    tell_correction,
    tell_verdict,
)
from experiments.comparison.runs import MeasuredRun
from model.evaluation.bootstrap import REPLICATES
from model.evaluation.comparison import SIGNIFICANCE, Comparison, MetricComparison, compare_runs
from model.evaluation.tasks import GROUPS
from reporting.console import short_path
from reporting.titles import measure_title, task_title
from schemas.evaluation import CatalogueSizes, Slice


@dataclasses.dataclass(frozen=True)
class TestSet:
    """The sequences that all runs were measured on.

    Attributes:
        digest: digest of the users and their futures.
        sequences: number of sequences.
        users: number of users.
        groups: groups of histories in the reference run, by name.
    """

    digest: str
    sequences: int
    users: int
    groups: Mapping[str, Slice]


@dataclasses.dataclass(frozen=True)
class SignificanceTests:
    """The tests of significance.

    Attributes:
        number: number of p-values, for which Holm's correction was made.
        significance: bound of a corrected p-value below which a difference is significant.
        replicates: number of replicates of the bootstrap.
        correction: the correction in words.
    """

    number: int
    significance: float
    replicates: int
    correction: str


@dataclasses.dataclass(frozen=True)
class ComparedRun:
    """A run that is compared.

    Attributes:
        letter: what stands for the run in tables; A for the reference.
        name: name of the run.
        run_id: name of the run in ML Metadata; None where the run was named by the folder of its evaluation.
        folder: folder of its evaluation.
        catalogue: sizes of its catalogues; None where the evaluation has none.
    """

    letter: str
    name: str
    run_id: str | None
    folder: str
    catalogue: CatalogueSizes | None


@dataclasses.dataclass(frozen=True)
class RunComparison:
    """A run against the reference.

    Attributes:
        name: name of the run.
        letter: what stands for the run in tables.
        verdict: how the run compares with the reference, in sentences.
        comparison: the differences of all metrics.
        configuration: values of the reference and of the run, by dotted key, where the two configurations differ; None
            where one of them is not known.
    """

    name: str
    letter: str
    verdict: tuple[str, ...]
    comparison: Comparison
    configuration: Mapping[str, tuple[Any, Any]] | None

    @property
    def headline(self) -> str | None:
        """The metric that the verdict is about; None where there is no difference to speak of."""
        return find_headline(self.comparison.metrics) if self.comparison.differs else None

    def to_json(self) -> dict[str, Any]:
        """Returns the comparison as the page holds it."""
        configuration = self.configuration
        return {
            "name": self.name,
            "letter": self.letter,
            "verdict": list(self.verdict),
            "identical": self.comparison.identical,
            "metrics": {metric: _metric_to_json(part) for metric, part in self.comparison.metrics.items()},
            "groups": {
                metric: {group: _metric_to_json(part) for group, part in parts.items()}
                for metric, parts in self.comparison.groups.items()
                if parts
            },
            "configuration": None
            if configuration is None
            else [{"key": key, "reference": ours, "other": theirs} for key, (ours, theirs) in configuration.items()],
        }


@dataclasses.dataclass(frozen=True)
class ComparisonResult:
    """Runs, the first of which is the reference, and how the others differ from it.

    Attributes:
        test: the sequences that all runs were measured on.
        tests: the tests of significance.
        runs: the runs, the reference first.
        comparisons: all runs but the reference, in the same order.
    """

    test: TestSet
    tests: SignificanceTests
    runs: tuple[ComparedRun, ...]
    comparisons: tuple[RunComparison, ...]

    @property
    def metrics(self) -> list[str]:
        """Metrics of all comparisons, each once."""
        return list(dict.fromkeys(metric for run in self.comparisons for metric in run.comparison.metrics))

    def to_json(self) -> dict[str, Any]:
        """Returns the result as the page holds it."""
        return {
            "test": dataclasses.asdict(self.test),
            "tests": dataclasses.asdict(self.tests),
            "runs": [dataclasses.asdict(run) for run in self.runs],
            "metrics": {
                metric: {
                    "task": task_title(metric),
                    "measure": measure_title(metric),
                    "more_is_better": more_is_better(metric),
                }
                for metric in self.metrics
            },
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
        }


def compare_measured(names: Sequence[str], runs: Sequence[MeasuredRun]) -> ComparisonResult:
    """Compares runs with the first of them: all common metrics and, by group, Recall and NDCG at the largest k.

    Args:
        names: names of the runs, all different.
        runs: the runs, the reference first.

    Raises:
        UserError: if they were measured on different test sets, or have too few metrics in common.
    """
    check_same_test(names, runs)
    metrics = find_common_metrics(names, runs)
    largest = max(map(get_cutoff, metrics))
    by_group = [m for m in metrics if get_kind(m) in ("recall", "ndcg") and get_cutoff(m) == largest]
    check_same_sequences(names, runs)
    others = {name: run.measured for name, run in zip(names[1:], runs[1:], strict=True)}
    comparisons = compare_runs(runs[0].measured, others, metrics, by_group)
    compared = [
        ComparedRun(letter, name, run.run_id, short_path(run.folder), run.evaluation.catalogue)
        for letter, name, run in zip(_assign_letters(len(runs)), names, runs, strict=True)
    ]
    return ComparisonResult(
        test=_describe_test(runs[0]),
        tests=SignificanceTests(comparisons.tests, SIGNIFICANCE, REPLICATES, tell_correction(comparisons)),
        runs=tuple(compared),
        comparisons=tuple(
            RunComparison(
                name=one.name,
                letter=one.letter,
                verdict=tuple(tell_verdict(names[0], one.name, comparisons.runs[one.name])),
                comparison=comparisons.runs[one.name],
                configuration=None
                if runs[0].config is None or run.config is None
                else compare_configs(runs[0].config, run.config),
            )
            for one, run in zip(compared[1:], runs[1:], strict=True)
        ),
    )


def _assign_letters(count: int) -> list[str]:
    """Returns what stands for each run in a table: A, B, ..., Z, and then numbers."""
    return [*string.ascii_uppercase[:count], *map(str, range(len(string.ascii_uppercase) + 1, count + 1))]


def _describe_test(reference: MeasuredRun) -> TestSet:
    groups, numbers = np.unique(reference.measured.groups, return_counts=True)
    sizes = dict(zip(groups.tolist(), numbers.tolist(), strict=True))
    slices = reference.evaluation.slices
    return TestSet(
        digest=reference.digest,
        sequences=len(reference.measured.sequences),
        users=len(np.unique(reference.measured.users)),
        groups={
            group: Slice(slices[f"group={group}"].title, sizes.get(group, 0))
            for group in GROUPS
            if f"group={group}" in slices
        },
    )


def _metric_to_json(part: MetricComparison) -> dict[str, Any]:
    content = dataclasses.asdict(part)
    p_value = content["difference"].pop("p_value")
    return {**content, "p_value": p_value, "equal": part.equal, "significant": part.significant}
