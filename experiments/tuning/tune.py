"""A search for the values of the configuration that make one method best on the validation split."""

import os

from experiments.runs.dataset import Dataset
from experiments.runs.execute import execute_run
from experiments.runs.lock import exclusive_lock
from experiments.tuning.folder import of_method, other_searches, search_folder
from experiments.tuning.lines import new_line, resumed_line, trial_line
from experiments.tuning.records import done, killed
from experiments.tuning.result import SearchResult, write_best, write_trials
from experiments.tuning.study import open_study
from experiments.tuning.trial import RunCell, Trainings, run_trial
from model.methods import METHODS
from pipeline.config import PipelineConfig
from pipeline.console import StepFailedError
from pipeline.tuning_config import PARTS, Dimension, find_ranges, read_dimensions
from reporting.console import Screen, short_path
from schemas.errors import UserError
from schemas.sequences import VALIDATION


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
    execute_run: RunCell = execute_run,
) -> SearchResult:
    """Searches for the best values of one method; a search that was begun before goes on.

    The first trial is the configuration as it is, so that what is found is never worse than that. Only the train and
    val splits are used. A search of fewer trials is the beginning of one of more.

    Args:
        config: the configuration as it is; its `tuning` says what is searched.
        method: as in `model.name`.
        trials: the budget, trials of earlier calls included.
        data: what is trained on.
        folder: holds the searches, a folder each (`search_folder`).
        memory_limit: most memory of a training, in bytes; None for no limit. Trials that ran out of another one are
            run again.
        screen: is told of each trial in a line, and on a terminal where the one that runs is.
        execute_run: trains one.

    Returns:
        What was found, also in the files of `experiments.tuning.result`.

    Raises:
        UserError: if there is nothing to search or to judge by, or the same search runs elsewhere.
        NothingTrainedError: if all trials failed.
    """
    config = of_method(config, method)
    space = search_space(config)
    if not data.sequences[VALIDATION]:
        raise UserError("The val split is empty, so there is nothing to judge trials by: set split to leave some.")
    folder = search_folder(config, method, data, folder)
    if not os.path.isdir(folder):
        others = other_searches(folder)
        os.makedirs(folder, exist_ok=True)
        if others:
            screen.line(new_line(others))
    trainings = Trainings(config, space, data, os.path.join(folder, "trials"), memory_limit, execute_run, screen.redraw)
    with exclusive_lock(folder, "the same search"), open_study(folder) as study:
        records = {number: record for number, record in done(study, space, memory_limit).items() if number <= trials}

        def result() -> SearchResult:
            ordered = [records[number] for number in sorted(records)]
            return SearchResult(method, METHODS[method].title, space, trials, ordered, folder)

        waiting = [number for number in range(1, trials + 1) if number not in records]
        interrupted = next((number for number in waiting if killed(study, number)), None)
        if records or interrupted:
            screen.line(resumed_line(result(), interrupted))
        for number in waiting:
            records[number] = run_trial(study, number, trainings, records.values())
            write_trials(result())
            screen.redraw("")
            screen.line(trial_line(records[number], result()))
    found = result()
    write_trials(found)
    write_best(found)
    if found.best is None:
        raise NothingTrainedError("tune", _all_failed(found))
    return found


def search_space(config: PipelineConfig) -> list[Dimension]:
    """Returns what is searched for the method of a configuration.

    Raises:
        UserError: if there is nothing to search.
    """
    method = config.model.name
    if not METHODS[method].learned:
        raise UserError(f"model.name: {method} counts and learns nothing, so there is nothing to search.")
    space = read_dimensions({part: getattr(config, part) for part in PARTS}, find_ranges(config.tuning, method))
    if not space:
        raise UserError(f"tuning: there is nothing to search for {method}: name keys in tuning.space or tuning.own.")
    return space


def _all_failed(found: SearchResult) -> str:
    reasons = dict.fromkeys(trial.reason for trial in found.trials)
    lines = [f"none of {len(found.trials)} trials could be trained:", *(f"  {reason}" for reason in reasons)]
    return "\n".join([*lines, f"What each tried: {short_path(os.path.join(found.folder, 'trials.json'))}"])
