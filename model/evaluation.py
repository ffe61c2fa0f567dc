"""Measures a ranker on sequences it has not seen."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from model import metrics
from model.config import TASKS
from model.input import FUTURE_ITEMS, HISTORY_ITEMS, HISTORY_SCENES, NEXT_ITEM, NEXT_SCENE
from model.ranker import Ranker
from model.vocabulary import FingerprintTable
from schemas.catalogue import PAD_INDEX

_TARGETS = dict(zip(TASKS, (NEXT_ITEM, FUTURE_ITEMS, NEXT_SCENE), strict=True))


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Means over sequences.

    Attributes:
        sequences: how many were measured.
        metrics: value of each ``task/metric@k``.
        unknown_share: for each task, the share of targets outside the catalogue, which count as misses.
    """

    sequences: int
    metrics: dict[str, float]
    unknown_share: dict[str, float]


def evaluate(ranker: Ranker, batches: tf.data.Dataset, ks: Sequence[int]) -> Evaluation:
    """Measures Recall@k and NDCG@k of the three tasks over the full catalogue.

    Memory does not grow with the number of sequences: only sums are kept.

    Args:
        ranker: what is measured.
        batches: from `model.input.fingerprint_batches`.
        ks: cut-offs.

    Returns:
        Means over all sequences of `batches`.

    Raises:
        ValueError: if there is no sequence to measure on.
    """
    item_table = FingerprintTable(ranker.item_fingerprints.numpy())
    scene_table = FingerprintTable(ranker.scene_fingerprints.numpy())
    names = [f"{task}/{metric}@{k}" for task in TASKS for k in ks for metric in ("recall", "ndcg")]
    sums = tf.Variable(tf.zeros([len(names)], tf.float64))
    targets, unknown = (tf.Variable(tf.zeros([len(TASKS)], tf.int64)) for _ in range(2))
    sequences = tf.Variable(0, dtype=tf.int64)

    @tf.function(reduce_retracing=True)
    def measure(batch: dict[str, tf.Tensor]) -> None:
        item_scores, scene_scores = ranker.score(batch[HISTORY_ITEMS], batch[HISTORY_SCENES])
        values, numbers, missing = [], [], []
        for task in TASKS:
            table, scores = (scene_table, scene_scores) if task == "next_scene" else (item_table, item_scores)
            indices = table(batch[_TARGETS[task]])
            relevant = tf.not_equal(indices, PAD_INDEX)
            ranks = metrics.target_ranks(scores, indices, max(ks))
            for k in ks:
                values += [metrics.recall_at(ranks, relevant, k), metrics.ndcg_at(ranks, relevant, k)]
            numbers.append(tf.math.count_nonzero(relevant))
            missing.append(tf.math.count_nonzero(tf.equal(indices, table.unknown_index)))
        sums.assign_add(tf.reduce_sum(tf.cast(tf.stack(values), tf.float64), axis=1))
        targets.assign_add(tf.stack(numbers))
        unknown.assign_add(tf.stack(missing))
        sequences.assign_add(tf.shape(item_scores, tf.int64)[0])

    for batch in batches:
        measure(batch)
    number = int(sequences.numpy())
    if not number:
        raise ValueError(
            "There is no sequence to measure on: the test split is empty. Give split.weights a test share."
        )
    return Evaluation(
        sequences=number,
        metrics=dict(zip(names, (sums.numpy() / number).tolist(), strict=True)),
        unknown_share=dict(zip(TASKS, (unknown.numpy() / targets.numpy()).tolist(), strict=True)),
    )
