"""`dspnet benchmark`: executes the runs of a plan that are not complete, and writes the tables after each."""

import sys
import time
from collections.abc import Mapping, Sequence

from experiments.benchmark import outputs
from experiments.benchmark.plan import BenchmarkSpec, Limits, plan_runs
from experiments.benchmark.progress import RunProgress, describe_outcome, estimate_seconds_left
from experiments.benchmark.result import BenchmarkInfo
from experiments.benchmark.searches import check_searches, describe_search_space, run_searches
from experiments.benchmark.store import (
    add_keys,
    find_completed_runs,
    find_other_results,
    locate_run,
    make_benchmark_folder,
)
from experiments.runs.dataset import Dataset, prepare_dataset
from experiments.runs.execute import execute_run
from experiments.runs.process import exclusive_lock
from experiments.runs.result import FAILED, RunResult
from experiments.runs.run import Run
from pipeline.cache_keys import compute_source_digests
from pipeline.config import PipelineConfig
from pipeline.console import StepFailedError, describe_error
from reporting.console import Screen, short_path
from reporting.environment import describe_machine, read_versions
from reporting.numbers import format_gib
from schemas.errors import UserError
from schemas.sequences import TEST

_PAUSE = 20.0
"""Time between two writings of the tables, as a multiple of how long the first took: tables must not cost much."""


def benchmark(
    config: PipelineConfig, spec: BenchmarkSpec, limits: Limits, *, keep_models: bool = False, command: str = ""
) -> None:
    """Measures all that was chosen, and reports on standard output.

    Complete runs are not repeated, so the same call goes on where an earlier one was killed.

    Args:
        config: configuration that all methods share.
        spec: what is compared.
        limits: what each method may cost.
        keep_models: whether exported models are kept in the folders of their runs.
        command: command as it was typed, for the tables.

    Raises:
        UserError: if the configuration, the log or the folder cannot be used.
        StepFailedError: if the data could not be prepared; at the end, if runs failed.
    """
    # What cannot be configured is refused before any run begins.
    runs = plan_runs(config, spec)
    check_searches(config, spec, limits.trials)
    folder = make_benchmark_folder(config)
    screen = Screen(sys.stdout)
    limit = "any memory" if limits.memory_limit is None else format_gib(limits.memory_limit)
    size = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
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
        tuned = run_searches(config, spec, limits, data, screen)
        runs = add_keys(plan_runs(config, spec, tuned), data)
        code = compute_source_digests()["Trainer"]
        completed = find_completed_runs(runs, data, folder, code, limits.memory_limit)
        others = find_other_results(folder, runs, data, code)
        for line in completed.describe(len(runs)):
            screen.line(line)
        if others:
            screen.line(f"The tables also have {len(others)} runs of earlier calls, of this data and code.")
        tables = LiveTables(folder, runs, screen, _describe_benchmark(config, spec, limits, command), others)
        results = _execute(runs, data, folder, completed.results, limits, keep_models, screen, tables)
        screen.line(f"\n{tables.write(results)}")
    _report_failures(runs, results, folder)


class LiveTables:
    """The tables of a benchmark on disk, written anew as results come in.

    Args:
        folder: folder of the benchmark.
        runs: all runs of the benchmark.
        screen: where a warning is shown if the tables cannot be written while the benchmark runs.
        info: what the benchmark shows of itself.
        others: results of earlier calls, beside those of these runs.
    """

    def __init__(
        self,
        folder: str,
        runs: Sequence[Run],
        screen: Screen,
        info: BenchmarkInfo,
        others: Sequence[RunResult] = (),
    ):
        self._folder, self._runs, self._screen, self._info, self._others = folder, runs, screen, info, others
        self._next_time = 0.0

    def write_now_and_then(self, results: Mapping[str, RunResult]) -> None:
        """Writes the tables, unless they were written lately and that took long; an error is only a warning."""
        if time.monotonic() < self._next_time:
            return
        try:
            self.write(results)
        except Exception as error:
            # Hours of training may be to come, whose results are worth more than tables in between.
            self._screen.line(f"  warning: the tables cannot be written yet: {describe_error(error)}")

    def write(self, results: Mapping[str, RunResult]) -> str:
        """Writes the tables.

        Args:
            results: results of the runs that have one, by name.

        Returns:
            Text for a terminal.
        """
        start = time.monotonic()
        done = [*(results[run.name] for run in self._runs if run.name in results), *self._others]
        planned = [run for run in self._runs if run.name not in results]
        text = outputs.write_outputs(self._folder, done, planned, self._info)
        end = time.monotonic()
        self._next_time = end + _PAUSE * (end - start)
        return text


def _describe_benchmark(config: PipelineConfig, spec: BenchmarkSpec, limits: Limits, command: str) -> BenchmarkInfo:
    return BenchmarkInfo(
        name=config.name,
        command=command,
        seeds=spec.seeds,
        machine=describe_machine(),
        versions=read_versions(),
        memory_limit=limits.memory_limit,
        trials=limits.trials,
        search_space=describe_search_space(config, spec) if limits.trials else {},
    )


def _execute(
    runs: Sequence[Run],
    data: Dataset,
    folder: str,
    completed: Mapping[str, RunResult],
    limits: Limits,
    keep_models: bool,
    screen: Screen,
    tables: LiveTables,
) -> dict[str, RunResult]:
    """Executes the runs that are not complete; returns all results, by name of the run."""
    results = dict(completed)
    progress = RunProgress(screen, runs)

    def on_epoch(entry: dict[str, float]) -> bool:
        progress.show_epoch(entry)
        return True

    for place, run in enumerate(runs):
        kept = run.name in completed
        progress.start(place)
        if not kept:
            results[run.name] = execute_run(
                run,
                data,
                locate_run(folder, run.name),
                memory_limit=limits.memory_limit,
                on_epoch=on_epoch,
                on_stage=progress.show_stage,
                keep_model=keep_models,
            )
        done = [(other, results[other.name]) for other in runs if other.name in results]
        left = estimate_seconds_left([other for other in runs if other.name not in results], done)
        progress.finish(describe_outcome(run, results[run.name], kept, left))
        if not kept:
            tables.write_now_and_then(results)
    return results


def _report_failures(runs: Sequence[Run], results: Mapping[str, RunResult], folder: str) -> None:
    failed = [run for run in runs if results[run.name].status == FAILED]
    if failed:
        reasons = [f"{run.label}, seed {run.config.training.seed}: {results[run.name].reason}" for run in failed]
        error = StepFailedError("benchmark", "\n  ".join([f"{len(failed)} of {len(runs)} runs:", *reasons]))
        error.add_note(f"The same command runs them again; the others, in {short_path(folder)}, are kept.")
        raise error
