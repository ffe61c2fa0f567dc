"""The search on disk: an Optuna study in SQLite, whose transactions leave no half-written trial behind a kill.

Which values a trial tries depends on the trials before it and on its own number alone, never on how often the search
was stopped: the sampler is made anew for each trial, from the search's seed and the trial's number. Optuna numbers the
attempts; a trial that is attempted again, because its attempt was killed, keeps its number here.
"""

import contextlib
import functools
import json
import math
import os
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.tuning_config import Dimension

if TYPE_CHECKING:
    import optuna

STUDY_FILE = "study.db"

_SAMPLER_STARTUP = 4
"""Trials before values are drawn where earlier ones did well; Optuna's 10 would leave a search of 10 to chance."""
_PRUNER_STARTUP = 4
_PRUNER_FIRST_EPOCH = 2
"""The first epoch says little about the last."""
_DIGITS = 4
"""Significant digits of what is tried, so that a person can copy it."""


@contextlib.contextmanager
def open_study(folder: str) -> Iterator["optuna.Study"]:
    """Opens the study in a folder, made if need be; attempts that a kill left behind are closed as failed."""
    import optuna  # Slow to import.

    # It would tell of every trial, as we do; its warnings stay.
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
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def ask(study: "optuna.Study", number: int, seed: int, space: Sequence[Dimension]) -> "optuna.Trial":
    """Begins an attempt at a trial.

    Args:
        study: from `open_study`.
        number: of the trial, from 1. The first tries the configuration as it is, whether inside the space or not.
        seed: of the search.
        space: what is searched.

    Returns:
        The attempt, whose values are told by `tried`.
    """
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=(seed + number) % 2**32, n_startup_trials=_SAMPLER_STARTUP)
    asked = space
    if number == 1:
        # Values outside the space teach the sampler nothing: they are tried, but not told to it.
        asked = [dimension for dimension in space if dimension.holds_configured]
        study.enqueue_trial({dimension.key: _parameter(dimension) for dimension in asked})
    return study.ask({dimension.key: _distribution(dimension) for dimension in asked})


def tried(trial: "optuna.Trial | optuna.trial.FrozenTrial", number: int, space: Sequence[Dimension]) -> dict[str, Any]:
    """Returns the values that an attempt tries, by key."""
    if number == 1:
        return {dimension.key: dimension.configured for dimension in space}
    return {dimension.key: _value(dimension, trial.params[dimension.key]) for dimension in space}


def _distribution(dimension: Dimension) -> "optuna.distributions.BaseDistribution":
    from optuna import distributions

    if dimension.low is None or dimension.high is None:
        # As text, so that any value can be kept on disk.
        return distributions.CategoricalDistribution([json.dumps(choice) for choice in dimension.choices])
    if dimension.whole:
        return distributions.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _parameter(dimension: Dimension) -> Any:
    return json.dumps(dimension.configured) if dimension.choices else dimension.configured


def _value(dimension: Dimension, parameter: Any) -> Any:
    if dimension.low is None or dimension.high is None:
        return json.loads(parameter)
    if dimension.whole or parameter == 0.0:
        return parameter
    rounded = round(parameter, _DIGITS - 1 - math.floor(math.log10(abs(parameter))))
    return min(max(rounded, dimension.low), dimension.high)
