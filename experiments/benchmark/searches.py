"""The search for each method's own values, before its runs: within the same budget for all."""

from collections.abc import Mapping
from typing import Any

from experiments.benchmark.plan import BenchmarkSpec, Contestant, Limits, configure_contestant, list_contestants
from experiments.runs.dataset import Dataset
from model.methods import METHODS
from pipeline.config import PipelineConfig
from pipeline.tuning_config import find_ranges
from reporting.console import Screen
from schemas.errors import UserError


def check_searches(config: PipelineConfig, spec: BenchmarkSpec, trials: int) -> None:
    """Refuses searches that could not be run, before the first one is.

    Raises:
        UserError: if the number of trials is negative, or there is nothing to search for a trained method.
    """
    if trials < 0:
        raise UserError(f"--trials: must not be negative. Received: {trials}")
    if trials:
        from experiments.tuning.search import list_dimensions

        for contestant in _list_searches(spec):
            list_dimensions(configure_contestant(config, contestant, spec.seeds[0]))


def run_searches(
    config: PipelineConfig, spec: BenchmarkSpec, limits: Limits, data: Dataset, screen: Screen
) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Searches the values of each trained contestant at the first seed.

    Finished trials are not run again, unless the code has changed: then no run of the benchmark stands either.

    Args:
        config: configuration that all methods share.
        spec: what is compared.
        limits: trials of each search, and bytes that a trial may take.
        data: data that the trials train on.
        screen: where the progress of the searches is shown.

    Returns:
        The best values of the keys that were searched, by contestant and target. One of which no trial could be
        trained keeps its configuration: its runs will say why.
    """
    if not limits.trials:
        return {}
    # Imported here, because most benchmarks search nothing.
    from experiments.tuning.search import NothingTrainedError, locate_searches, search

    folder = locate_searches(config)
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    searches = _list_searches(spec)
    several_targets = len({contestant.target for contestant in searches}) > 1
    for number, contestant in enumerate(searches, start=1):
        title = contestant.label + f", {contestant.target}" * several_targets
        screen.line(f"Search [{number}/{len(searches)}] {title}, {limits.trials} trials")
        own = configure_contestant(config, contestant, spec.seeds[0])
        try:
            best = search(own, contestant.method, limits.trials, data, folder, limits.memory_limit, screen).best
        except NothingTrainedError as error:
            screen.line(f"  {error}")
            continue
        assert best is not None, "a search without a best trial is refused"
        found[contestant.name, contestant.target] = best.values
    return found


def describe_search_space(config: PipelineConfig, spec: BenchmarkSpec) -> dict[str, dict[str, Any]]:
    """Returns the values that a search may try, as JSON has them, by method and dotted key."""
    return {
        name: {key: values.model_dump(mode="json") for key, values in find_ranges(config.tuning, name).items()}
        for name in spec.methods
        if METHODS[name].trained
    }


def _list_searches(spec: BenchmarkSpec) -> list[Contestant]:
    """Returns the contestants that learn, for each of which there is a search."""
    return [contestant for contestant in list_contestants(spec) if METHODS[contestant.method].trained]
