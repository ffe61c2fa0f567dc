"""Runs that have been compared, with what a person should know of them."""

import dataclasses
import string
from collections.abc import Sequence

from experiments.comparison.comparable import check_same_sequences, check_same_test, common_metrics
from experiments.comparison.measured_run import MeasuredRun
from experiments.comparison.metric_words import cutoff_of, kind_of
from model.evaluation.comparison import Comparisons, compare_runs
from model.evaluation.tasks import GROUPS


@dataclasses.dataclass(frozen=True)
class ComparedRuns:
    """Runs, the first of which is the reference, and how the others differ from it.

    Attributes:
        names: of the runs, all different.
        runs: in the same order.
        comparisons: of all but the first, by name.
    """

    names: tuple[str, ...]
    runs: tuple[MeasuredRun, ...]
    comparisons: Comparisons

    @property
    def letters(self) -> list[str]:
        """What stands for each run in a table: A, B, ..., Z, and then numbers."""
        count = len(self.names)
        return [*string.ascii_uppercase[:count], *map(str, range(len(string.ascii_uppercase) + 1, count + 1))]

    @property
    def test_set(self) -> str:
        """The test set in words."""
        reference = self.runs[0]
        sequences = len(reference.measured.sequences)
        users = len(set(reference.measured.users.tolist()))
        of_users = "one a user" if users == sequences else f"of {users:,} users"
        return f"{sequences:,} test sequences, {of_users}, the same for all runs (digest {reference.digest})"

    @property
    def group_titles(self) -> dict[str, str]:
        """What the groups of the reference are, in words."""
        slices = self.runs[0].evaluation.get("slices", {})
        return {group: slices[f"group={group}"]["title"] for group in GROUPS if f"group={group}" in slices}


def compare_measured(names: Sequence[str], runs: Sequence[MeasuredRun]) -> ComparedRuns:
    """Compares runs with the first of them: all common metrics and, by group, Recall and NDCG at the largest k.

    Raises:
        UserError: if they were measured on different test sets, or have too few metrics in common.
    """
    check_same_test(names, runs)
    metrics = common_metrics(names, runs)
    largest = max(map(cutoff_of, metrics))
    by_group = [m for m in metrics if kind_of(m) in ("recall", "ndcg") and cutoff_of(m) == largest]
    check_same_sequences(names, runs)
    others = {name: run.measured for name, run in zip(names[1:], runs[1:], strict=True)}
    return ComparedRuns(tuple(names), tuple(runs), compare_runs(runs[0].measured, others, metrics, by_group))
