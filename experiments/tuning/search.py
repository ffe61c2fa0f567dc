"""A search for the values of the configuration that make one method best on the validation split.

A search lies in a folder named by a digest of everything that its trials depend on, so trials that were trained on
other data, by other code or from another configuration are never compared.
"""

import hashlib
import json
import math
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Iterable, Mapping

from experiments.runs.dataset import Dataset
from experiments.runs.execute import execute_run
from experiments.runs.process import exclusive_lock
from experiments.runs.result import FAILED, FINISHED, STOPPED, RunResult, Status
from experiments.runs.run import Run, change_values
from experiments.tuning.narrative import (
    describe_failure,
    describe_new_search,
    describe_resumed_search,
    describe_stage,
    describe_trial,
)
from experiments.tuning.result import TRAINED, TRIALS_FILE, SearchResult, TrialResult, write_best, write_trials
from experiments.tuning.study import STUDY_FILE, Attempt, Study, open_study
from model.config import MONITOR
from model.methods import METHODS
from pipeline.cache_keys import compute_source_digests
from pipeline.config import PipelineConfig
from pipeline.console import StepFailedError
from pipeline.tuning_config import PARTS, Dimension, find_ranges, read_dimensions
from pipeline.workspace import find_workspace
from reporting.console import Screen
from schemas.errors import UserError
from schemas.sequences import VALIDATION
from schemas.training import is_last

FOLDER = "tuning"
"""Folder of all searches, below `workdir/name`."""

_KEY_LENGTH = 12

ExecuteRun = Callable[..., RunResult]
"""A function like `experiments.runs.execute.execute_run`."""


class NothingTrainedError(StepFailedError):
    """All trials of a search failed."""


def search(
    config: PipelineConfig,
    method: str,
    trials: int,
    data: Dataset,
    folder: str,
    memory_limit: int | None,
    screen: Screen,
    execute_run: ExecuteRun = execute_run,
) -> SearchResult:
    """Searches for the best values of one method; a search that was begun before goes on.

    The first trial is the configuration as it is, so that the best trial is never worse than that. Only the train and
    val splits are used. A search of fewer trials is the beginning of one of more.

    Args:
        config: configuration as it is; its `tuning` says what is searched.
        method: name of the method, as in ``model.name``.
        trials: number of trials, those of earlier calls included.
        data: sequences and catalogues that the trials are trained on.
        folder: folder of all searches (`locate_searches`).
        memory_limit: largest memory of a training, in bytes; None for no limit. Trials that ran out of memory under a
            smaller limit are run again.
        screen: shows each trial in a line, and on a terminal where the running trial is.
        execute_run: trains a trial.

    Returns:
        What was found, also in the files of `experiments.tuning.result`.

    Raises:
        UserError: if there is nothing to search or to judge by, or the same search runs elsewhere.
        NothingTrainedError: if all trials failed.
    """
    config = _with_method(config, method)
    space = list_dimensions(config)
    if not data.sequences[VALIDATION]:
        raise UserError("The val split is empty, so there is nothing to judge trials by: set split to leave some.")
    folder = locate_search(config, method, data, folder)
    if not os.path.isdir(folder):
        others = _find_other_searches(folder)
        os.makedirs(folder, exist_ok=True)
        if others:
            screen.line(describe_new_search(others))
    trainer = _TrialTrainer(config, data, os.path.join(folder, "trials"), memory_limit, screen, execute_run)
    with exclusive_lock(folder, "the same search"), open_study(folder, space, config.training.seed) as study:
        results = {number: one for number, one in study.find_completed(memory_limit).items() if number <= trials}

        def summarise() -> SearchResult:
            ordered = tuple(results[number] for number in sorted(results))
            return SearchResult(method, METHODS[method].title, tuple(space), trials, ordered, folder)

        waiting = [number for number in range(1, trials + 1) if number not in results]
        interrupted = next((number for number in waiting if study.find_killed(number)), None)
        if results or interrupted:
            screen.line(describe_resumed_search(summarise(), interrupted))
        for number in waiting:
            results[number] = trainer.run_trial(study, number, results.values())
            write_trials(summarise())
            screen.redraw("")
            screen.line(describe_trial(results[number], summarise()))
    result = summarise()
    write_trials(result)
    write_best(result)
    if result.best is None:
        raise NothingTrainedError("tune", describe_failure(result, os.path.join(folder, TRIALS_FILE)))
    return result


def list_dimensions(config: PipelineConfig) -> list[Dimension]:
    """Returns what is searched for the method of a configuration.

    Raises:
        UserError: if there is nothing to search.
    """
    method = config.model.name
    if not METHODS[method].trained:
        raise UserError(f"model.name: {method} counts and learns nothing, so there is nothing to search.")
    space = read_dimensions({part: getattr(config, part) for part in PARTS}, find_ranges(config.tuning, method))
    if not space:
        raise UserError(f"tuning: there is nothing to search for {method}: name keys in tuning.space or tuning.own.")
    return space


def locate_searches(config: PipelineConfig) -> str:
    """Returns the folder of all searches of a pipeline.

    Raises:
        UserError: if the folder of the pipeline is not on this machine.
    """
    return os.path.join(find_workspace(config), FOLDER)


def locate_search(config: PipelineConfig, method: str, data: Dataset, folder: str) -> str:
    """Returns the folder of the search of one method, below the folder of all searches."""
    config = _with_method(config, method)
    parts = {
        "code": compute_source_digests()["Trainer"],
        "data": data.digest,
        "max_history": config.windows.max_history,
        "model": config.model.model_dump(mode="json"),
        "space": {key: values.model_dump(mode="json") for key, values in find_ranges(config.tuning, method).items()},
        "training": config.training.model_dump(mode="json"),
    }
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return os.path.join(folder, f"{method}-{key[:_KEY_LENGTH]}")


def _with_method(config: PipelineConfig, method: str) -> PipelineConfig:
    return change_values(config, {"model.name": method})


def _find_other_searches(folder: str) -> list[str]:
    """Returns the folders of earlier searches of the same method, given the folder of a search."""
    path = pathlib.Path(folder)
    method, _, _ = path.name.rpartition("-")
    return sorted(str(study.parent) for study in path.parent.glob(f"{method}-*/{STUDY_FILE}") if study.parent != path)


class _TrialTrainer:
    """Runs the trials of a search: each is trained on the train split and judged on the val split.

    Args:
        config: configuration as it is, with the name of the method.
        data: sequences and catalogues that the trials are trained on.
        folder: folder of the trials; that of a trial that failed is left there, the others are removed.
        memory_limit: largest memory of a training, in bytes; None for no limit.
        screen: shows where the running trial is.
        execute_run: trains a trial.
    """

    def __init__(
        self,
        config: PipelineConfig,
        data: Dataset,
        folder: str,
        memory_limit: int | None,
        screen: Screen,
        execute_run: ExecuteRun,
    ):
        self._config = config
        self._data = data
        self._folder = folder
        self._memory_limit = memory_limit
        self._screen = screen
        self._execute_run = execute_run

    def run_trial(self, study: Study, number: int, earlier: Iterable[TrialResult]) -> TrialResult:
        """Runs one trial to its end; a trial that was killed goes on where it was.

        Args:
            study: study of the search.
            number: number of the trial, from 1.
            earlier: results of the completed trials; values that one of them has tried are not trained again.
        """
        killed = study.find_killed(number)
        attempt = study.begin(number)
        folder = os.path.join(self._folder, f"trial{number}")
        twin = next((one for one in earlier if one.values == attempt.values), None)
        start = time.monotonic()
        if twin is not None:
            attempt.report(dict(enumerate(twin.epochs, start=1)))
            status, reason = twin.status, twin.reason
        else:
            if killed is not None and killed.values == attempt.values:
                attempt.report(killed.epochs)
            else:
                shutil.rmtree(folder, ignore_errors=True)  # of an attempt at other values, or of one that failed
            status, reason = self._train(attempt, folder)
        result = TrialResult(
            number=number,
            values=attempt.values,
            status=status,
            validation=max(attempt.epochs.values()) if status in TRAINED else None,
            epochs=tuple(value for _, value in sorted(attempt.epochs.items())),
            seconds=time.monotonic() - start,
            reason=reason,
        )
        study.end(attempt, result, self._memory_limit)
        if status in TRAINED:
            shutil.rmtree(folder, ignore_errors=True)
        return result

    def _train(self, attempt: Attempt, folder: str) -> tuple[Status, str]:
        """Trains one attempt, until it falls behind; returns how that ended, and why it did not finish."""
        number = attempt.number
        try:
            # The first trial is the configuration itself, down to the last digit.
            config = self._config if number == 1 else change_values(self._config, attempt.values)
        except UserError as error:
            return FAILED, str(error)

        def keeps_up(entry: Mapping[str, float]) -> bool:
            # The configuration as it is must be known to its end; in the last epoch there is nothing left to save.
            return number == 1 or is_last(entry, config.training.epochs) or not attempt.falls_behind()

        def on_epoch(entry: Mapping[str, float]) -> bool:
            _report_entry(attempt, entry)
            return keeps_up(entry)

        # A killed attempt may have ended between its last epoch and the answer to it.
        if attempt.epochs and not keeps_up({"epoch": max(attempt.epochs)}):
            return STOPPED, ""
        name = config.model.name
        result = self._execute_run(
            Run(f"{name}-trial{number}", METHODS[name].title, METHODS[name].role, config, attempt.values),
            self._data,
            folder,
            memory_limit=self._memory_limit,
            on_epoch=on_epoch,
            on_stage=lambda stage: self._screen.redraw(describe_stage(number, attempt.epochs, stage)),
            evaluate=False,
        )
        if result.status == FINISHED and result.training is not None:
            for entry in result.training.epochs:
                _report_entry(attempt, entry)
        if result.status in TRAINED and not all(map(math.isfinite, attempt.epochs.values())):
            return FAILED, "The validation NDCG@10 is not a finite number."
        return result.status, result.reason


def _report_entry(attempt: Attempt, entry: Mapping[str, float]) -> None:
    """Reports an epoch's entry of `training.json`."""
    attempt.report({int(entry["epoch"]): float(entry[MONITOR])})
