"""What became of the trials of a search, as its study on disk keeps it.

Optuna numbers attempts; a trial whose attempt was killed is attempted again and keeps its own number. What an attempt
is told to remember beside Optuna's own is here: the number of its trial, and how it went.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.runs.result import FAILED, FINISHED, OUT_OF_MEMORY, STOPPED, Status
from experiments.tuning.study import tried
from pipeline.tuning_config import Dimension

if TYPE_CHECKING:
    import optuna

TRAINED = (FINISHED, STOPPED)
"""Statuses of trials that have a validation value."""

_NUMBER, _OUTCOME = "number", "outcome"


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """What became of one trial.

    Attributes:
        number: from 1; the first is the configuration as it is.
        values: what was tried, by key.
        status: ``stopped`` if earlier trials were better after as many epochs.
        validation: its best epoch's validation NDCG@10; None if it failed.
        epochs: the same of each epoch.
        seconds: how long it took.
        reason: why it was not finished; empty if it was.
    """

    number: int
    values: dict[str, Any]
    status: Status
    validation: float | None
    epochs: tuple[float, ...]
    seconds: float
    reason: str


def begin(trial: "optuna.Trial", number: int) -> None:
    """Notes which trial an attempt is of."""
    trial.set_user_attr(_NUMBER, number)


def end(study: "optuna.Study", trial: "optuna.Trial", record: TrialRecord, memory_limit: int | None) -> None:
    """Ends an attempt and notes how it went.

    Args:
        study: of the attempt.
        trial: the attempt.
        record: what became of it.
        memory_limit: most memory it was allowed, in bytes; None for no limit.
    """
    from optuna.trial import TrialState

    outcome = {name: getattr(record, name) for name in ("status", "reason", "seconds")}
    trial.set_user_attr(_OUTCOME, {**outcome, "memory_limit": memory_limit})
    if record.status == FINISHED:
        study.tell(trial, record.validation)
    else:
        study.tell(trial, state=TrialState.PRUNED if record.status == STOPPED else TrialState.FAIL)


def killed(study: "optuna.Study", number: int) -> "optuna.trial.FrozenTrial | None":
    """Returns the last attempt at a trial if that was killed; None if it came to its end or there was none."""
    attempts = [trial for trial in study.get_trials(deepcopy=False) if trial.user_attrs.get(_NUMBER) == number]
    return attempts[-1] if attempts and not _has_ended(attempts[-1]) else None


def done(study: "optuna.Study", space: Sequence[Dimension], memory_limit: int | None) -> dict[int, TrialRecord]:
    """Returns the trials that need not be run, by number.

    Those are the trained ones, those that ran out of no less memory than there is now, and those that failed for
    another reason, unless nothing has been trained: then that reason may lie outside of them.

    Args:
        study: of the search.
        space: what is searched.
        memory_limit: most memory of a training, in bytes; None for no limit.
    """
    ended = [trial for trial in study.get_trials(deepcopy=False) if _has_ended(trial)]
    statuses = {trial.user_attrs[_OUTCOME]["status"] for trial in ended}
    counted = {*TRAINED, FAILED} if statuses & set(TRAINED) else set(TRAINED)
    records = {}
    for trial in ended:
        outcome = trial.user_attrs[_OUTCOME]
        had_room = (memory_limit or math.inf) <= (outcome["memory_limit"] or math.inf)
        if outcome["status"] in counted or (outcome["status"] == OUT_OF_MEMORY and had_room):
            records[trial.user_attrs[_NUMBER]] = _record(trial, space)
    return records


def _has_ended(trial: "optuna.trial.FrozenTrial") -> bool:
    if _OUTCOME not in trial.user_attrs:
        return False
    # A kill right between noting the outcome and telling Optuna leaves an attempt that is closed as failed.
    return trial.state.name != "FAIL" or trial.user_attrs[_OUTCOME]["status"] not in TRAINED


def _record(trial: "optuna.trial.FrozenTrial", space: Sequence[Dimension]) -> TrialRecord:
    outcome, number = trial.user_attrs[_OUTCOME], trial.user_attrs[_NUMBER]
    epochs = tuple(value for _, value in sorted(trial.intermediate_values.items()))
    return TrialRecord(
        number=number,
        values=tried(trial, number, space),
        status=outcome["status"],
        validation=max(epochs) if outcome["status"] in TRAINED else None,
        epochs=epochs,
        seconds=outcome["seconds"],
        reason=outcome["reason"],
    )
