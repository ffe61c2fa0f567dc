"""Whether runs can be compared, and what stands in the way."""

from collections.abc import Sequence

from experiments.comparison.config_difference import config_difference
from experiments.comparison.measured_run import MeasuredRun
from model.evaluation.pairing import Overlap, UnequalTestSetsError, overlap, pair
from reporting.console import short_path
from schemas.errors import UserError

FEWEST_METRICS = 2

_TEST_SECTIONS = ("source.", "windows.", "split.")
"""Sections of the configuration on which it depends who is tested, and on what."""

_HARMLESS = ("windows.max_history",)
"""Of these, what may differ: the histories are no part of the test."""


def check_same_test(names: Sequence[str], runs: Sequence[MeasuredRun]) -> None:
    """Checks that all runs were measured on the users and futures of the first.

    Raises:
        UserError: says what differs, as far as that can be seen, and what to do.
    """
    reference = runs[0]
    for name, run in zip(names[1:], runs[1:], strict=True):
        if run.digest == reference.digest:
            continue
        shared = overlap(reference.measured, run.measured)
        sides = ((names[0], *_counts(shared, 0)), (name, *_counts(shared, 1)))
        lines = [f"{name} cannot be compared with {names[0]}: they were measured on different test sets."]
        lines += [f"  {title}: {sequences:,} sequences of {users:,} users" for title, sequences, users in sides]
        lines += [f"  in both: {shared.common_sequences:,} sequences and {shared.common_users:,} users", _cause(shared)]
        lines += _settings(reference, run)
        lines += [
            "Measure both on the same log, with the same windows, split and salt (DSPNET_SALT). Histories may differ "
            "(windows.max_history)."
        ]
        raise UserError("\n".join(lines))


def common_metrics(names: Sequence[str], runs: Sequence[MeasuredRun]) -> list[str]:
    """Returns the metrics that all runs have, in the order of the first.

    Raises:
        UserError: if there are too few to compare.
    """
    common = [metric for metric in runs[0].measured.metrics if all(metric in run.measured.metrics for run in runs)]
    if len(common) < FEWEST_METRICS:
        lines = [f"Too little to compare: the runs have {len(common)} metrics in common, expected {FEWEST_METRICS}."]
        for name, run in zip(names, runs, strict=True):
            metrics = ", ".join(run.measured.metrics) or "nothing"
            lines.append(f"  {name} (evaluation.k {run.evaluation['k']}): {metrics}")
        raise UserError("\n".join([*lines, "Measure them with a common evaluation.k."]))
    return common


def check_same_sequences(names: Sequence[str], runs: Sequence[MeasuredRun]) -> None:
    """Checks that runs which claim to be measured on the same test have the same sequences.

    Raises:
        UserError: if the files of one of them do not belong together.
    """
    for name, run in zip(names[1:], runs[1:], strict=True):
        try:
            pair(runs[0].measured, run.measured)
        except UnequalTestSetsError as error:
            raise UserError(
                f"The evaluations of {names[0]} and {name} have the same digest, but their sequences differ, so one of "
                f"them holds files that do not belong together:\n  {short_path(runs[0].folder)}\n"
                f"  {short_path(run.folder)}\nRun its pipeline again."
            ) from error


def _counts(shared: Overlap, side: int) -> tuple[int, int]:
    return shared.sequences[side], shared.users[side]


def _cause(shared: Overlap) -> str:
    if not shared.common_users:
        return "No user is in both: the salts (DSPNET_SALT), the splits or the logs differ."
    users = "The users are the same" if set(shared.users) == {shared.common_users} else "Some users are in one only"
    if not shared.common_sequences:
        return f"{users}, but none has the same future in both: the cutoffs, the future windows or the logs differ."
    if set(shared.sequences) == {shared.common_sequences}:
        return "The sequences are the same, so the files of one of them do not belong together, or its version differs."
    if users.startswith("The"):
        return f"{users}, but some have another future: the windows or the logs differ."
    return f"{users}: the splits, the smallest histories and futures (windows.min_…) or the logs differ."


def _settings(reference: MeasuredRun, run: MeasuredRun) -> list[str]:
    if reference.config is None or run.config is None:
        return []
    return [
        f"  {key}: {ours} and {theirs}"
        for key, (ours, theirs) in config_difference(reference.config, run.config).items()
        if key.startswith(_TEST_SECTIONS) and key not in _HARMLESS
    ]
