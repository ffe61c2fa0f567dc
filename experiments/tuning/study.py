"""The search on disk: an Optuna study in SQLite, whose transactions leave no half-written trial behind a kill.

Which values a trial tries depends on the trials before it and on its own number alone, never on how often the search
was stopped: the sampler is made anew for each trial, from the search's seed and the trial's number. Optuna numbers the
attempts; a trial whose attempt was killed is attempted again and keeps its own number. Beside what Optuna keeps of an
attempt, the study keeps the number of its trial, and how it ended.
"""

import contextlib
import dataclasses
import functools
import json
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.runs.result import FAILED, FINISHED, OUT_OF_MEMORY, STOPPED
from experiments.tuning.result import TRAINED, TrialResult
from pipeline.tuning_config import Dimension

if TYPE_CHECKING:
    import optuna

STUDY_FILE = "study.db"

_NUMBER, _OUTCOME = "number", "outcome"
"""Names under which the study keeps the number of a trial, and how its attempt ended."""

_SAMPLER_STARTUP = 4
"""Trials before values are drawn where earlier ones did well; Optuna's 10 would leave a search of 10 to chance."""
_PRUNER_STARTUP = 4
_PRUNER_FIRST_EPOCH = 2
"""The first epoch says little about the last."""
_DIGITS = 4
"""Significant digits of the values that are tried, so that a person can copy them."""


@dataclasses.dataclass(frozen=True)
class KilledAttempt:
    """An attempt that a kill has cut short.

    Attributes:
        values: values that it tried, by key.
        epochs: validation NDCG@10 by epoch.
    """

    values: Mapping[str, Any]
    epochs: Mapping[int, float]


class Attempt:
    """An attempt at a trial, from `Study.begin`.

    Args:
        trial: Optuna's trial.
        number: number of the trial, from 1.
        values: values that are tried, by key.

    Attributes:
        trial: Optuna's trial.
        number: number of the trial, from 1.
        values: values that are tried, by key.
        epochs: validation NDCG@10 by epoch, of the epochs so far.
    """

    def __init__(self, trial: "optuna.Trial", number: int, values: dict[str, Any]):
        self.trial = trial
        self.number = number
        self.values = values
        self.epochs: dict[int, float] = {}

    def report(self, epochs: Mapping[int, float]) -> None:
        """Keeps the validation NDCG@10 of epochs; an epoch that is known already keeps its value."""
        for epoch, value in epochs.items():
            if epoch not in self.epochs:
                self.epochs[epoch] = value
                self.trial.report(value, epoch)

    def falls_behind(self) -> bool:
        """Tells whether earlier trials were better after as many epochs."""
        return self.trial.should_prune()


class Study:
    """The trials of a search, from `open_study`.

    Args:
        study: Optuna's study.
        space: dimensions that are searched.
        seed: seed of the search.
    """

    def __init__(self, study: "optuna.Study", space: Sequence[Dimension], seed: int):
        self._study = study
        self._space = space
        self._seed = seed

    def begin(self, number: int) -> Attempt:
        """Begins an attempt at a trial.

        Args:
            number: number of the trial, from 1. The first trial is the configuration as it is, whether that lies in
                the space or not.
        """
        import optuna

        seed = (self._seed + number) % 2**32
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_SAMPLER_STARTUP)
        asked = self._space
        if number == 1:
            # Values outside the space teach the sampler nothing: they are tried, but kept from it.
            asked = [dimension for dimension in self._space if dimension.holds_configured]
            self._study.enqueue_trial({dimension.key: _to_parameter(dimension) for dimension in asked})
        trial = self._study.ask({dimension.key: _make_distribution(dimension) for dimension in asked})
        trial.set_user_attr(_NUMBER, number)
        return Attempt(trial, number, self._read_values(trial, number))

    def end(self, attempt: Attempt, result: TrialResult, memory_limit: int | None) -> None:
        """Ends an attempt, and keeps how it ended.

        Args:
            attempt: the attempt.
            result: what came of it.
            memory_limit: largest memory that it was allowed, in bytes; None for no limit.
        """
        from optuna.trial import TrialState

        outcome = {name: getattr(result, name) for name in ("status", "reason", "seconds")}
        attempt.trial.set_user_attr(_OUTCOME, {**outcome, "memory_limit": memory_limit})
        if result.status == FINISHED:
            self._study.tell(attempt.trial, result.validation)
        else:
            state = TrialState.PRUNED if result.status == STOPPED else TrialState.FAIL
            self._study.tell(attempt.trial, state=state)

    def find_killed(self, number: int) -> KilledAttempt | None:
        """Returns the last attempt at a trial if that was killed; None if it ended or there was none."""
        trials = self._study.get_trials(deepcopy=False)
        attempts = [trial for trial in trials if trial.user_attrs.get(_NUMBER) == number]
        if not attempts or _has_ended(attempts[-1]):
            return None
        return KilledAttempt(self._read_values(attempts[-1], number), attempts[-1].intermediate_values)

    def find_completed(self, memory_limit: int | None) -> dict[int, TrialResult]:
        """Returns the trials that need not be run, by number.

        Those are the trained ones, those that ran out of no less memory than there is now, and those that failed for
        another reason, unless no trial was trained: then that reason may lie outside of the trials.

        Args:
            memory_limit: largest memory of a training, in bytes; None for no limit.
        """
        ended = [trial for trial in self._study.get_trials(deepcopy=False) if _has_ended(trial)]
        statuses = {trial.user_attrs[_OUTCOME]["status"] for trial in ended}
        completed = {*TRAINED, FAILED} if statuses & set(TRAINED) else set(TRAINED)
        results = {}
        for trial in ended:
            outcome = trial.user_attrs[_OUTCOME]
            had_room = (memory_limit or math.inf) <= (outcome["memory_limit"] or math.inf)
            if outcome["status"] in completed or (outcome["status"] == OUT_OF_MEMORY and had_room):
                results[trial.user_attrs[_NUMBER]] = self._read_result(trial)
        return results

    def _read_result(self, trial: "optuna.trial.FrozenTrial") -> TrialResult:
        outcome, number = trial.user_attrs[_OUTCOME], trial.user_attrs[_NUMBER]
        epochs = tuple(value for _, value in sorted(trial.intermediate_values.items()))
        return TrialResult(
            number=number,
            values=self._read_values(trial, number),
            status=outcome["status"],
            validation=max(epochs) if outcome["status"] in TRAINED else None,
            epochs=epochs,
            seconds=outcome["seconds"],
            reason=outcome["reason"],
        )

    def _read_values(self, trial: "optuna.Trial | optuna.trial.FrozenTrial", number: int) -> dict[str, Any]:
        if number == 1:
            return {dimension.key: dimension.configured for dimension in self._space}
        return {dimension.key: _from_parameter(dimension, trial.params[dimension.key]) for dimension in self._space}


@contextlib.contextmanager
def open_study(folder: str, space: Sequence[Dimension], seed: int) -> Iterator[Study]:
    """Opens the study in a folder, and makes it if need be; closes attempts that a kill left behind as failed.

    Args:
        folder: folder of the search.
        space: dimensions that are searched.
        seed: seed of the search.
    """
    import optuna  # slow to import

    # It would tell of every trial, as the search does; its warnings stay.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Not by an address, in which some characters of a path mean something else.
    connect = functools.partial(sqlite3.connect, os.path.join(folder, STUDY_FILE))
    storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": connect})
    try:
        study = optuna.create_study(
            storage=storage,
            study_name="search",
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(_PRUNER_STARTUP, _PRUNER_FIRST_EPOCH),
        )
        states = optuna.trial.TrialState
        while study.get_trials(deepcopy=False, states=(states.WAITING,)):
            study.ask()  # Enqueued, not begun: only what was begun can be closed.
        for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            study.tell(trial.number, state=states.FAIL)
        yield Study(study, space, seed)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _has_ended(trial: "optuna.trial.FrozenTrial") -> bool:
    if _OUTCOME not in trial.user_attrs:
        return False
    # A kill right between keeping the outcome and telling Optuna leaves an attempt that is closed as failed.
    return trial.state.name != "FAIL" or trial.user_attrs[_OUTCOME]["status"] not in TRAINED


def _make_distribution(dimension: Dimension) -> "optuna.distributions.BaseDistribution":
    from optuna import distributions

    if dimension.low is None or dimension.high is None:
        # As text, so that any value can be kept on disk.
        return distributions.CategoricalDistribution([json.dumps(choice) for choice in dimension.choices])
    if dimension.whole:
        return distributions.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _to_parameter(dimension: Dimension) -> Any:
    """Returns the configured value as Optuna has it."""
    return json.dumps(dimension.configured) if dimension.choices else dimension.configured


def _from_parameter(dimension: Dimension, parameter: Any) -> Any:
    """Returns the value for Optuna's parameter, a fraction in few digits."""
    if dimension.low is None or dimension.high is None:
        return json.loads(parameter)
    if dimension.whole or parameter == 0.0:
        return parameter
    rounded = round(parameter, _DIGITS - 1 - math.floor(math.log10(abs(parameter))))
    return min(max(rounded, dimension.low), dimension.high)
