"""What a benchmark has on disk: a folder for each run, whose name holds a key, so that runs are never mixed up."""

import collections
import dataclasses
import glob
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence

from experiments.comparison.runs import read_sequences
from experiments.runs.dataset import Dataset
from experiments.runs.result import FINISHED, RESULT_FILE, SETTINGS_CHANGED, RunResult, explain_rerun, read_result
from experiments.runs.run import Run, compute_run_key
from model.evaluation.pairing import MeasuredSequences
from pipeline.config import PipelineConfig, parse_config
from pipeline.workspace import make_workspace
from schemas.errors import UserError
from schemas.evaluation import SEQUENCES_FILE

FOLDER = "benchmark"
RUNS_FOLDER = "cells"
_KEY_LENGTH = 8
_ADVICE = "Remove the folder of this run and start the benchmark again."


@dataclasses.dataclass(frozen=True)
class CompletedRuns:
    """What earlier starts of a benchmark have left.

    Attributes:
        results: results of the runs that are not repeated, by name of the run.
        rerun_reasons: why other runs are repeated although they have a result, by name of the run.
    """

    results: Mapping[str, RunResult]
    rerun_reasons: Mapping[str, str]

    def describe(self, runs: int) -> Iterator[str]:
        """Yields lines on what is kept and repeated of a benchmark's runs, given their number; none if it is new."""
        if self.results:
            yield f"Kept: {len(self.results)} of {runs} runs, which are complete"
        for reason, number in collections.Counter(self.rerun_reasons.values()).items():
            yield f"Run again: {number}, because {reason}"


def make_benchmark_folder(config: PipelineConfig) -> str:
    """Makes the folder of a pipeline's benchmark, unless it exists, and returns its path.

    Raises:
        UserError: if the folder is not on this machine, or nothing can be written there.
    """
    folder = os.path.join(make_workspace(config), FOLDER)
    os.makedirs(folder, exist_ok=True)
    return folder


def locate_run(folder: str, name: str) -> str:
    """Returns the folder of a run, given the folder of its benchmark and its name."""
    return os.path.join(folder, RUNS_FOLDER, name)


def add_keys(runs: Sequence[Run], data: Dataset) -> list[Run]:
    """Returns the runs with a key in each name, which differs if the data or the settings differ."""
    return [
        dataclasses.replace(run, name=f"{run.name}-{compute_run_key(run, data.digest)[:_KEY_LENGTH]}") for run in runs
    ]


def find_completed_runs(
    runs: Sequence[Run], data: Dataset, folder: str, source_digest: str, memory_limit: int | None
) -> CompletedRuns:
    """Finds what earlier starts of a benchmark have left.

    Args:
        runs: runs of the benchmark, from `add_keys`.
        data: data that the runs train and measure on.
        folder: folder of the benchmark.
        source_digest: digest of the code as it is now.
        memory_limit: bytes that a run may take now; None for all there are.
    """
    results, reasons = {}, {}
    for run in runs:
        result = read_result(locate_run(folder, run.name))
        if result is None:
            if _has_result_of_other_key(folder, run):
                reasons[run.name] = SETTINGS_CHANGED
            continue
        reason = explain_rerun(result, run, compute_run_key(run, data.digest), source_digest, memory_limit)
        if reason is None:
            # The label of a run, and which of its values a search has chosen, are no part of the key.
            results[run.name] = result.relabel(run)
        else:
            reasons[run.name] = reason
    return CompletedRuns(results, reasons)


def find_other_results(folder: str, runs: Sequence[Run], data: Dataset, source_digest: str) -> list[RunResult]:
    """Finds what earlier calls have measured beside the runs of this one, so that tables hold all that a folder has.

    Of the same row, as in a run with another seed, only what was trained with the same settings is found; of a row that
    has no run now, what was trained with the settings of the latest.

    Args:
        folder: folder of the benchmark.
        runs: runs of the benchmark, from `add_keys`.
        data: data that the runs train and measure on; results on other data are not found.
        source_digest: digest of the code as it is now; results of other code are not found.
    """
    planned = {run.name for run in runs}
    settings = {(run.label, run.config.training.target): _describe_settings(run.config) for run in runs}
    seeds = {(run.label, run.config.training.target, run.config.training.seed) for run in runs}
    paths = glob.glob(os.path.join(locate_run(glob.escape(folder), "*"), RESULT_FILE))
    found = []
    for path in sorted(paths, key=os.path.getmtime, reverse=True):
        result = read_result(os.path.dirname(path))
        if result is None or result.name in planned or result.status != FINISHED:
            continue
        config = _read_config(result)
        row = result.label, result.target
        if config is None or result.source_digest != source_digest or (*row, result.seed) in seeds:
            continue
        run = Run(result.name, result.label, result.role, config)
        own = _describe_settings(config)
        if result.key == compute_run_key(run, data.digest) and settings.setdefault(row, own) == own:
            seeds.add((*row, result.seed))
            found.append(result)
    return found


def read_measured_sequences(folder: str, result: RunResult, metrics: Collection[str]) -> MeasuredSequences:
    """Reads what a finished run measured of each test sequence.

    Args:
        folder: folder of the benchmark.
        result: result of the run.
        metrics: metrics to read, as far as the run has them.

    Raises:
        UserError: if the file is missing, damaged, or about another test set than the result.
    """
    path = os.path.join(locate_run(folder, result.name), SEQUENCES_FILE)
    return read_sequences(path, int(result.sequences or 0), RESULT_FILE, _ADVICE, metrics)


def _read_config(result: RunResult) -> PipelineConfig | None:
    """Returns the configuration of a result; None for one that is no longer allowed."""
    try:
        return parse_config(dict(result.config), result.name)
    except UserError:
        return None


def _describe_settings(config: PipelineConfig) -> str:
    """Returns all settings of a training but its seed, as text."""
    training = config.training.model_dump(mode="json", exclude={"seed"})
    return json.dumps([config.model.model_dump(mode="json"), training], sort_keys=True)


def _has_result_of_other_key(folder: str, run: Run) -> bool:
    """Tells whether the same run has a result with other data or settings."""
    name = glob.escape(run.name[:-_KEY_LENGTH]) + "[0-9a-f]" * _KEY_LENGTH
    found = glob.glob(os.path.join(locate_run(glob.escape(folder), name), RESULT_FILE))
    return any(os.path.dirname(path) != locate_run(folder, run.name) for path in found)
