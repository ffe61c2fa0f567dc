"""Measures the exported model of a cell on the test split, as RankingEvaluator does."""

import dataclasses
import os
import time
from typing import Any

from components.ranking_evaluator.executor import EvaluationProgress
from components.ranking_evaluator.sequences_file import SequencesFile
from experiments.runs.dataset import Dataset
from experiments.runs.run import Run
from model.data.batches import evaluation_batches
from model.data.vocabulary import load_catalogues
from model.evaluation.evaluate import evaluate
from schemas.evaluation import SEQUENCES_FILE
from schemas.sequences import TEST
from serving.saved_model import load_saved_model


def measure(cell: Run, data: Dataset, model: str, folder: str) -> dict[str, Any]:
    """Measures a model over the full catalogue, and writes `sequences.parquet`, one row a test sequence.

    Args:
        cell: what it is a model of.
        data: whose test split it is measured on.
        model: folder of the SavedModel.
        folder: of the cell.

    Returns:
        ``sequences``, ``digest``, ``slices``, ``metrics`` (values alone) and ``evaluation_seconds``.

    Raises:
        ValueError: if the test split has fewer than two sequences.
    """
    start = time.monotonic()
    config = cell.config.evaluation
    items, scenes = load_catalogues(data.catalogue_uri)
    batches = evaluation_batches(data.files(TEST), config.batch_size)
    ranker = load_saved_model(model)
    with SequencesFile(os.path.join(folder, SEQUENCES_FILE)) as file:
        measured = evaluate(
            {cell.label: ranker}, batches, items, scenes, config.k, sink=file.write, progress=EvaluationProgress(1)
        )
    metrics = measured.models[cell.label].metrics
    return {
        "sequences": measured.sequences,
        "digest": measured.digest,
        "slices": {name: dataclasses.asdict(part) for name, part in measured.slices.items()},
        "metrics": {name: estimate.value for name, estimate in metrics.items()},
        "evaluation_seconds": time.monotonic() - start,
    }
