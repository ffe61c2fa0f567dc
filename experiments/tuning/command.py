"""`dspnet tune`: searches for better values of a configuration, and says how to use them."""

import os
import sys

from experiments.runs.dataset import prepare_dataset
from experiments.tuning.narrative import describe_search, summarise
from experiments.tuning.result import BEST_FILE, TRIALS_FILE
from experiments.tuning.search import list_dimensions, locate_searches, search
from model.methods import METHODS
from pipeline.config import PipelineConfig
from pipeline.memory import read_limit
from reporting.console import Screen, short_path
from schemas.errors import UserError


def tune(config: PipelineConfig, trials: int | None = None, memory_gib: float | None = None) -> None:
    """Runs the search for the method of a configuration, reporting on standard output.

    Args:
        config: configuration as it is; its `tuning` says what is searched.
        trials: number of trials; None for that of the configuration.
        memory_gib: largest memory of a training, in GiB; None for a share of what is available.

    Raises:
        UserError: if there is nothing to search, or an option or the log cannot be used.
        StepFailedError: if the data could not be prepared, or no trial could be trained.
    """
    trials = config.tuning.trials if trials is None else trials
    if trials < 1:
        raise UserError(f"--trials: must be at least 1. Received: {trials}")
    limit = read_limit(memory_gib)
    space = list_dimensions(config)
    folder = locate_searches(config)
    screen = Screen(sys.stdout)
    screen.line(describe_search(METHODS[config.model.name].title, trials, limit, space))

    data = prepare_dataset(config)
    result = search(config, config.model.name, trials, data, folder, limit, screen)
    files = [short_path(os.path.join(result.folder, name)) for name in (BEST_FILE, TRIALS_FILE)]
    screen.line(f"{summarise(result)}\n\nBest values: {files[0]}, all trials: {files[1]}")
