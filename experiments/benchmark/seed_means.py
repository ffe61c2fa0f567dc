"""What was measured of each test sequence, as the mean over seeds: a row of a benchmark as if it were one run."""

import os
from collections.abc import Collection, Sequence

import numpy as np

from experiments.benchmark.rows import Result
from experiments.comparison.runs import read_sequences
from experiments.runs.result import RESULT_FILE
from model.evaluation.pairing import MeasuredSequences, pair
from schemas.evaluation import SEQUENCES_FILE

_AGAIN = "Remove the folder of this cell and run the benchmark again."


def read_cell(result: Result, metrics: Collection[str]) -> MeasuredSequences:
    """Reads the test sequences of a finished cell.

    Args:
        result: content of its `result.json`, with its ``folder``.
        metrics: those to read, as far as they are there.

    Raises:
        UserError: if its file is missing, damaged, or of another test set than the result.
    """
    path = os.path.join(result["folder"], SEQUENCES_FILE)
    return read_sequences(path, int(result["sequences"]), RESULT_FILE, _AGAIN, metrics)


def mean_over_seeds(measured: Sequence[MeasuredSequences]) -> MeasuredSequences:
    """Averages runs that were measured on the same test sequences.

    Args:
        measured: of each seed, in any order of sequences.

    Returns:
        The sequences in the order of users, with the metrics that all runs have; NaN where any run has not measured.

    Raises:
        UnequalTestSetsError: if a run was measured on other users or other futures.
    """
    first = measured[0]
    metrics = [metric for metric in first.metrics if all(metric in run.metrics for run in measured)]
    sums = {metric: np.zeros(len(first.sequences)) for metric in metrics}
    for run in measured:
        order, its = pair(first, run)
        for metric in metrics:
            sums[metric] += run.metrics[metric][its]
    return MeasuredSequences(
        first.users[order],
        first.sequences[order],
        first.groups[order],
        {metric: (total / len(measured)).astype(np.float32) for metric, total in sums.items()},
    )
