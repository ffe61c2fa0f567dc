"""The search for each method's own values, before its cells: within the same budget for all."""

import os
from collections.abc import Mapping
from typing import Any

from experiments.benchmark.plan import Choice, method_config
from experiments.runs.dataset import Dataset
from model.methods import METHODS
from pipeline.config import PipelineConfig
from pipeline.tuning_config import find_ranges
from pipeline.workspace import find_workspace
from reporting.console import Screen
from schemas.errors import UserError


def check_searches(config: PipelineConfig, choice: Choice, trials: int) -> None:
    """Refuses searches that could not be run, before the first is.

    Raises:
        UserError: if the number of trials is none, or there is nothing to search for a method that learns.
    """
    if trials < 0:
        raise UserError(f"--trials: must not be negative. Received: {trials}")
    if trials:
        from experiments.tuning import tune

        for name, target in _wanted(choice):
            tune.search_space(method_config(config, name, target, choice.seeds[0]))


def searched(
    config: PipelineConfig,
    choice: Choice,
    trials: int,
    memory_limit: int | None,
    data: Dataset,
    screen: Screen,
) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Searches the values of each method that learns, for each target, at the first seed.

    Trials that are done are not run again, unless the code has changed: then no cell stands either.

    Args:
        config: the configuration that all methods share.
        choice: what is compared.
        trials: of each search; 0 for none.
        memory_limit: bytes that a trial may take; None for all there are.
        data: what is trained on.
        screen: is told how the searches go.

    Returns:
        By method and target the keys that were searched, with the best values. A method of which no trial could be
        trained is left as it is configured: its cells will tell why.
    """
    if not trials:
        return {}
    # Imported here, because most benchmarks search nothing.
    from experiments.tuning.command import FOLDER
    from experiments.tuning.tune import NothingTrainedError, search

    folder = os.path.join(find_workspace(config), FOLDER)
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    wanted = _wanted(choice)
    for number, (name, target) in enumerate(wanted, start=1):
        what = METHODS[name].title + f", {target}" * (len(choice.targets) > 1)
        screen.line(f"Search [{number}/{len(wanted)}] {what}, {trials} trials")
        its_config = method_config(config, name, target, choice.seeds[0])
        try:
            best = search(its_config, name, trials, data, folder, memory_limit, screen).best
        except NothingTrainedError as error:
            screen.line(f"  {error}")
            continue
        assert best is not None, "a search without a best trial is refused"
        found[name, target] = best.values
    return found


def search_space(config: PipelineConfig, choice: Choice) -> dict[str, dict[str, Any]]:
    """Returns by method the values of each key that its search may try, as JSON has them."""
    return {
        name: {key: values.model_dump(mode="json") for key, values in find_ranges(config.tuning, name).items()}
        for name in choice.methods
        if METHODS[name].learned
    }


def _wanted(choice: Choice) -> list[tuple[str, str]]:
    return [(name, target) for name in choice.methods if METHODS[name].learned for target in choice.targets]
