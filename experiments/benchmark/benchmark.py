"""`dspnet benchmark`: runs all cells of a plan that are not settled, and writes the tables after each."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.folders import benchmark_folder, cell_folder, named_by_key
from experiments.benchmark.lines import CellLines, outcome_text, seconds_left
from experiments.benchmark.live_outputs import LiveOutputs
from experiments.benchmark.plan import Choice, plan
from experiments.benchmark.searches import check_searches, search_space, searched
from experiments.benchmark.settled import settled_cells
from experiments.runs.dataset import Dataset, prepare_dataset
from experiments.runs.execute import execute_run
from experiments.runs.lock import exclusive_lock
from experiments.runs.run import FAILED, Run
from pipeline.cache_keys import compute_source_digests
from pipeline.config import PipelineConfig
from pipeline.console import StepFailedError
from reporting.console import Screen, short_path
from reporting.environment import describe_machine
from reporting.numbers import format_gib
from schemas.errors import UserError
from schemas.sequences import TEST


@dataclasses.dataclass(frozen=True)
class Budget:
    """What each method may cost.

    Attributes:
        memory_limit: bytes that a cell may take; None for all there are.
        trials: of the search that each method that learns gets before its cells; 0 for none.
    """

    memory_limit: int | None
    trials: int = 0


def benchmark(
    config: PipelineConfig, choice: Choice, budget: Budget, *, keep_models: bool = False, command: str = ""
) -> None:
    """Measures all that was chosen, reporting on standard output.

    Cells that are settled are not run again, so the same call goes on where one that was killed has stopped.

    Args:
        config: the configuration that all methods share.
        choice: what is compared.
        budget: what each method may cost.
        keep_models: whether exported models are kept in the folders of their cells.
        command: as it was typed, for the tables.

    Raises:
        UserError: if the configuration, the log or the folder cannot be used.
        StepFailedError: if the data could not be prepared; at the end, if cells failed.
    """
    # What cannot be configured is refused before anything is run.
    cells = plan(config, choice)
    check_searches(config, choice, budget.trials)
    folder = benchmark_folder(config)
    screen = Screen(sys.stdout)
    limit = "any memory" if budget.memory_limit is None else format_gib(budget.memory_limit)
    size = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    screen.line(f"{config.name}: benchmark of {size} in {short_path(folder)}, {limit} for each")
    with exclusive_lock(
        folder, "a benchmark", ", or let this one have another folder: --set name=NAME or --set workdir=FOLDER"
    ):
        data = prepare_dataset(config)
        if data.sequences[TEST] < 2:
            raise UserError(
                f"The test split has {data.sequences[TEST]} sequences, too few to measure on: give split.weights a "
                "larger test share, or give more data."
            )
        tuned = searched(config, choice, budget.trials, budget.memory_limit, data, screen)
        cells = named_by_key(plan(config, choice, tuned), data)
        settled = settled_cells(cells, data, folder, compute_source_digests()["Trainer"], budget.memory_limit)
        for line in settled.lines(len(cells)):
            screen.line(line)
        outputs = LiveOutputs(folder, screen, _info(config, choice, budget, command))
        results = _run(cells, data, folder, settled.results, budget.memory_limit, keep_models, screen, outputs)
        screen.line(f"\n{outputs.write(cells, results)}")
    _report_failures(cells, results, folder)


def _run(
    cells: Sequence[Run],
    data: Dataset,
    folder: str,
    settled: Mapping[str, dict[str, Any]],
    memory_limit: int | None,
    keep_models: bool,
    screen: Screen,
    outputs: LiveOutputs,
) -> dict[str, dict[str, Any]]:
    """Runs the cells that are not settled; returns all results, by name of the cell."""
    results = dict(settled)
    lines = CellLines(screen, cells)

    def on_epoch(entry: dict[str, float]) -> bool:
        lines.epoch(entry)
        return True

    for place, cell in enumerate(cells):
        kept = cell.name in settled
        lines.start(place)
        if not kept:
            outcome = execute_run(
                cell,
                data,
                cell_folder(folder, cell),
                memory_limit=memory_limit,
                on_epoch=on_epoch,
                on_stage=lines.stage,
                keep_model=keep_models,
            )
            assert outcome.result is not None, "only a cell that was told to stop has none"
            results[cell.name] = outcome.result
        done = [(one, results[one.name]) for one in cells if one.name in results]
        left = seconds_left([one for one in cells if one.name not in results], done)
        lines.finish(outcome_text(cell, results[cell.name], kept, left))
        if not kept:
            outputs.write_now_and_then(cells, results)
    return results


def _info(config: PipelineConfig, choice: Choice, budget: Budget, command: str) -> dict[str, Any]:
    return {
        "name": config.name,
        "command": command,
        "seeds": list(choice.seeds),
        "machine": describe_machine(),
        "memory_limit": budget.memory_limit,
        "trials": budget.trials,
        "search_space": search_space(config, choice) if budget.trials else {},
    }


def _report_failures(cells: Sequence[Run], results: Mapping[str, Mapping[str, Any]], folder: str) -> None:
    failed = [cell for cell in cells if results[cell.name]["status"] == FAILED]
    if failed:
        lines = [f"{cell.label}, seed {cell.config.training.seed}: {results[cell.name]['reason']}" for cell in failed]
        text = "\n  ".join([f"{len(failed)} of {len(cells)} cells:", *lines])
        error = StepFailedError("benchmark", text)
        error.add_note(f"The same command runs them again; the others, in {short_path(folder)}, are kept.")
        raise error
