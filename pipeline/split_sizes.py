"""Sizes of the splits: whether there is enough to train on and to measure on, known as soon as the log is read."""

from collections.abc import Mapping

from pipeline.config import PipelineConfig
from schemas.sequences import TEST, TRAIN, VALIDATION

FEWEST_TESTS = 2
"""Without two test sequences there is no interval, and RankingEvaluator refuses to measure."""

FEW_TESTS = 100
"""With fewer test sequences no interval and no p-value can be relied on."""


def find_size_problems(config: PipelineConfig, sizes: Mapping[str, int]) -> list[str]:
    """Returns why a run cannot come to its end with splits of these sizes: what is wrong, and what to do.

    `dspnet run` asks right after the ingest, and `dspnet check` asks, too.

    Args:
        config: the pipeline.
        sizes: number of sequences by split.
    """
    problems = []
    batch_size, train, test = config.training.batch_size, sizes[TRAIN], sizes[TEST]
    if config.model.method.trained and train < batch_size:
        problems.append(
            f"The train split has {train:,} sequences, fewer than one batch of {batch_size:,}: lower "
            "training.batch_size, or give more data, more or earlier windows.cutoffs, or a lower windows.min_history."
        )
    if test < FEWEST_TESTS:
        problems.append(
            f"The test split has {test:,} sequences, too few to measure on; {FEWEST_TESTS} are the least, {FEW_TESTS} "
            f"begin to tell something. {_advise_on_tests(config)}"
        )
    return problems


def find_size_warnings(config: PipelineConfig, sizes: Mapping[str, int]) -> list[str]:
    """Returns what a run with splits of these sizes can do less well than a person may expect; as above."""
    warnings = []
    if config.model.method.trained and not sizes[VALIDATION]:
        warnings.append(
            f"The val split is empty: training lasts for training.epochs={config.training.epochs}, without early "
            "stopping."
        )
    if FEWEST_TESTS <= sizes[TEST] < FEW_TESTS:
        warnings.append(
            f"The test split has {sizes[TEST]:,} sequences: too few to rely on intervals and p-values. "
            f"{_advise_on_tests(config)}"
        )
    return warnings


def _advise_on_tests(config: PipelineConfig) -> str:
    if config.split.by == "user":
        where = "Give split.weights a larger test share"
        return where + (", or choose an earlier last cutoff." if config.windows.cutoffs else ", or give more data.")
    if config.split.by == "time":
        return "Choose an earlier last cutoff in windows.cutoffs: users need events before it and after it."
    return "Lower windows.min_history, or give more data."
