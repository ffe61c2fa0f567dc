"""What a benchmark has on disk: a folder for each run, whose name holds a key, so that runs are never mixed up."""

import collections
import dataclasses
import glob
import os
from collections.abc import Collection, Iterator, Mapping, Sequence

from experiments.comparison.runs import read_sequences
from experiments.runs.dataset import Dataset
from experiments.runs.result import RESULT_FILE, SETTINGS_CHANGED, RunResult, explain_rerun, read_result
from experiments.runs.run import Run, compute_run_key
from model.evaluation.pairing import MeasuredSequences
from pipeline.config import PipelineConfig
from pipeline.workspace import make_workspace
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


def _has_result_of_other_key(folder: str, run: Run) -> bool:
    """Tells whether the same run has a result with other data or settings."""
    name = glob.escape(run.name[:-_KEY_LENGTH]) + "[0-9a-f]" * _KEY_LENGTH
    found = glob.glob(os.path.join(locate_run(glob.escape(folder), name), RESULT_FILE))
    return any(os.path.dirname(path) != locate_run(folder, run.name) for path in found)
