"""Whether runs can be compared, and what stands in the way."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.comparison.runs import MeasuredRun
from model.evaluation.pairing import Overlap, UnequalTestSetsError, overlap, pair
from reporting.console import short_path
from schemas.dotted_keys import flatten
from schemas.errors import UserError

FEWEST_METRICS = 2

ABSENT = "(absent)"
"""Stands for the value of a key that a configuration does not have."""

_TEST_SECTIONS = ("source.", "windows.", "split.")
"""Sections of the configuration that determine who is tested, and on what."""

_HARMLESS = ("windows.max_history",)
"""Keys of these sections that may differ, because the histories are no part of the test."""


def check_same_test(names: Sequence[str], runs: Sequence[MeasuredRun]) -> None:
    """Checks that all runs were measured on the users and futures of the first.

    Raises:
        UserError: if a run was measured on others; says what differs, as far as that can be seen, and what to do.
    """
    reference = runs[0]
    for name, run in zip(names[1:], runs[1:], strict=True):
        if run.digest == reference.digest:
            continue
        shared = overlap(reference.measured, run.measured)
        sides = ((names[0], *_count_side(shared, 0)), (name, *_count_side(shared, 1)))
        lines = [f"{name} cannot be compared with {names[0]}: they were measured on different test sets."]
        lines += [f"  {title}: {sequences:,} sequences of {users:,} users" for title, sequences, users in sides]
        lines += [
            f"  in both: {shared.common_sequences:,} sequences and {shared.common_users:,} users",
            _explain(shared),
        ]
        lines += _list_settings(reference, run)
        lines += [
            "Measure both on the same log, with the same windows, split and salt (DSPNET_SALT). Histories may differ "
            "(windows.max_history)."
        ]
        raise UserError("\n".join(lines))


def find_common_metrics(names: Sequence[str], runs: Sequence[MeasuredRun]) -> list[str]:
    """Returns the metrics that all runs have, in the order of the first.

    Raises:
        UserError: if there are too few to compare.
    """
    common = [metric for metric in runs[0].measured.metrics if all(metric in run.measured.metrics for run in runs)]
    if len(common) < FEWEST_METRICS:
        lines = [f"Too little to compare: the runs have {len(common)} metrics in common, expected {FEWEST_METRICS}."]
        for name, run in zip(names, runs, strict=True):
            metrics = ", ".join(run.measured.metrics) or "nothing"
            lines.append(f"  {name} (evaluation.k {list(run.evaluation.k)}): {metrics}")
        raise UserError("\n".join([*lines, "Measure them with a common evaluation.k."]))
    return common


def check_same_sequences(names: Sequence[str], runs: Sequence[MeasuredRun]) -> None:
    """Checks that runs whose digests are the same have the same sequences.

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


def _count_side(shared: Overlap, side: int) -> tuple[int, int]:
    return shared.sequences[side], shared.users[side]


def _explain(shared: Overlap) -> str:
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


def _list_settings(reference: MeasuredRun, run: MeasuredRun) -> list[str]:
    if reference.config is None or run.config is None:
        return []
    return [
        f"  {key}: {ours} and {theirs}"
        for key, (ours, theirs) in compare_configs(reference.config, run.config).items()
        if key.startswith(_TEST_SECTIONS) and key not in _HARMLESS
    ]


def compare_configs(reference: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns the dotted keys whose values differ, with both values, in the order of the configurations.

    >>> compare_configs({"model": {"tau": 1, "layers": 2}}, {"model": {"tau": 2, "layers": 2}})
    {'model.tau': (1, 2)}
    """
    ours, theirs = flatten(reference), flatten(other)
    found = {key: (ours.get(key, ABSENT), theirs.get(key, ABSENT)) for key in ours | theirs}
    return {key: values for key, values in found.items() if values[0] != values[1]}
