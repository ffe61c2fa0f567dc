"""Measures one batch: the ranks of its targets under a ranker, and the metrics of each sequence."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.data.batches import (
    CUTOFF,
    FUTURE_ITEMS,
    FUTURE_SCENES,
    HISTORY_ITEMS,
    HISTORY_SCENES,
    HISTORY_TIMES,
    NEXT_ITEM,
    NEXT_SCENE,
    USER,
)
from model.data.padding import distinct
from model.data.vocabulary import FingerprintTable
from model.evaluation import metrics
from model.evaluation.ranks import NONE, Candidates, RankingQuery, RankingResult, Scorer, dense_scorer, rank
from model.evaluation.tasks import QUESTION_OF, TASKS_OF
from model.questions import ASKED, choose_question
from model.ranker import Answer, Encoded, Ranker
from model.tracing import traced_once
from schemas.identity import PAD_FINGERPRINT

Batch = dict[str, tf.Tensor]
"""A batch of `model.data.batches.evaluation_batches`."""

BATCH_SPEC = {
    USER: tf.TensorSpec([None], tf.string),
    **dict.fromkeys(
        (HISTORY_ITEMS, HISTORY_SCENES, HISTORY_TIMES, NEXT_ITEM, NEXT_SCENE, FUTURE_ITEMS, FUTURE_SCENES),
        tf.TensorSpec([None, None], tf.int64),
    ),
    CUTOFF: tf.TensorSpec([None], tf.int64),
}
"""Names, shapes and types of the tensors of a batch."""


class Measured(NamedTuple):
    """What was measured of a batch. The first axis of all is that of the tasks.

    Attributes:
        values: metrics in the order of `model.evaluation.tasks.metric_names`, float32 [tasks, metrics, 1 + slices,
            batch]; the first slice is the whole.
        measured: whether there was a target, bool [tasks, 1 + slices, batch].
        alone: whether all targets of the sequence are in the slice, bool [tasks, 1 + slices, batch]; only then is the
            first of them known, and `mrr` measured.
        top: the best candidates, 0-based in the ranker's catalogue, int64 [tasks, batch, k]; `NONE` where the ranking
            has no more.
        relevant: which of the batch's future items (scenes) are targets of the task, bool [tasks, batch, T].
        unknown: number of targets outside the catalogue, int64 [tasks].
    """

    values: tf.Tensor
    measured: tf.Tensor
    alone: tf.Tensor
    top: tf.Tensor
    relevant: tf.Tensor
    unknown: tf.Tensor


def make_measure(
    ranker: Ranker, ks: Sequence[int], chunk_scores: int
) -> Callable[[Batch, tf.Tensor], dict[str, Measured]]:
    """Returns a function that measures a batch.

    The function takes the batch and the slices of its item targets, bool [slices, batch, T]. It returns what was
    measured of ``items``, with the tasks in the order of `model.evaluation.tasks.ITEM_TASKS`, and of ``scenes``, in the
    order of `model.evaluation.tasks.SCENE_TASKS` and without slices.

    Args:
        ranker: what is measured.
        ks: cut-offs.
        chunk_scores: largest number of scores held at a time.
    """
    items = FingerprintTable(tf.convert_to_tensor(ranker.item_fingerprints).numpy())
    scenes = FingerprintTable(tf.convert_to_tensor(ranker.scene_fingerprints).numpy())

    asked: dict[str, list[str]] = {}
    for wanted in ASKED:
        asked.setdefault(choose_question(wanted, list(ranker.answers)), []).append(wanted)

    @tf.function(input_signature=[BATCH_SPEC, tf.TensorSpec([None, None, None], tf.bool)], autograph=False)
    def measure(batch: Batch, slices: tf.Tensor) -> dict[str, Measured]:
        of_items, of_scenes = _ask_for_items(items, batch), _ask_for_scenes(scenes, batch)
        parts: dict[str, list[Measured]] = {"items": [], "scenes": []}
        order: dict[str, list[int]] = {"items": [], "scenes": []}
        for question, wanted in asked.items():
            answer = ranker.answers[question]
            encoded = answer.encode(
                batch[HISTORY_ITEMS],
                batch[HISTORY_SCENES],
                tf.maximum(batch[HISTORY_TIMES] - 1, 0),
                tf.maximum(batch[CUTOFF] - 1, 0),
            )
            scorers = {
                "items": _item_scorer(answer, encoded, items.size),
                "scenes": dense_scorer(encoded["scene_scores"]),
            }
            for kind, (candidates, query, relevant) in (("items", of_items), ("scenes", of_scenes)):
                tasks = [place for place, task in enumerate(TASKS_OF[kind]) if QUESTION_OF[task] in wanted]
                mine = RankingQuery(*(tf.gather(mask, tasks) for mask in query))
                result = rank(scorers[kind], candidates, mine, max(ks), chunk_scores)
                of_targets = slices if kind == "items" else slices[:0]
                found = _measure_ranking(result, tf.gather(relevant, tasks), candidates.targets, of_targets, ks)
                parts[kind].append(found)
                order[kind] += tasks
        return {kind: _in_order(parts[kind], order[kind]) for kind in parts}

    return measure


def _item_scorer(answer: Answer, encoded: Encoded, size: int) -> Scorer:
    queries = encoded["queries"]
    return Scorer(
        size=size,
        scores=lambda start, stop: answer.item_scores(queries, start, stop),
        scores_at=lambda rows, columns: answer.item_scores_at(queries, rows, columns),
        own=(encoded["rows"], encoded["columns"], encoded["scores"]),
    )


def _in_order(parts: Sequence[Measured], tasks: Sequence[int]) -> Measured:
    """Joins what was measured of some tasks each; `tasks` are the places of all of them."""
    places = np.argsort(tasks)
    return Measured(*(tf.gather(tf.concat(values, axis=0), places) for values in zip(*parts, strict=True)))


def _ask_for_items(table: FingerprintTable, batch: Batch) -> tuple[Candidates, RankingQuery, tf.Tensor]:
    others, query = _query_items(batch)
    return Candidates(_columns(table, batch[FUTURE_ITEMS]), _columns(table, others)), query, query.relevant


@traced_once
def _query_items(batch: Batch) -> tuple[tf.Tensor, RankingQuery]:
    """Returns the items of histories that are no targets, fingerprints, each once a row, and what is asked."""
    history, targets = batch[HISTORY_ITEMS], batch[FUTURE_ITEMS]
    every = targets != PAD_FINGERPRINT
    following = tf.logical_and(every, _is_in(targets, batch[NEXT_ITEM]))
    seen = _is_in(targets, history)
    new = tf.logical_not(seen)
    others = tf.where(_is_in(history, targets), np.int64(PAD_FINGERPRINT), history)
    others = distinct(others, PAD_FINGERPRINT)
    past = tf.concat([seen, others != PAD_FINGERPRINT], axis=1)
    relevant = tf.stack([following, every, tf.logical_and(following, new), tf.logical_and(every, new)])
    excluded = tf.stack([tf.zeros_like(past), tf.zeros_like(past), past, past])
    return others, RankingQuery(relevant, excluded)


def _ask_for_scenes(table: FingerprintTable, batch: Batch) -> tuple[Candidates, RankingQuery, tf.Tensor]:
    targets = batch[FUTURE_SCENES]
    every = targets != PAD_FINGERPRINT
    relevant = tf.stack([tf.logical_and(every, _is_in(targets, batch[NEXT_SCENE])), every])
    candidates = Candidates(_columns(table, targets), tf.zeros([tf.shape(targets)[0], 0], tf.int64))
    return candidates, RankingQuery(relevant, tf.zeros_like(relevant)), relevant


@traced_once
def _measure_ranking(
    result: RankingResult, relevant: tf.Tensor, columns: tf.Tensor, slices: tf.Tensor, ks: Sequence[int]
) -> Measured:
    whole = tf.ones_like(columns[tf.newaxis], tf.bool)
    masks = tf.logical_and(relevant[:, tf.newaxis], tf.concat([whole, slices], axis=0))
    ranks = result.ranks[:, tf.newaxis]
    measured = tf.reduce_any(masks, axis=3)
    whole_set = tf.reduce_all(masks == relevant[:, tf.newaxis], axis=3)
    alone = tf.logical_and(measured, whole_set)
    values = [
        metric(ranks, masks, k)
        for k in ks
        for metric in (metrics.recall_at, metrics.ndcg_at, metrics.hit_rate_at, metrics.map_at)
    ]
    values.append(tf.where(alone, metrics.reciprocal_rank(result.first)[:, tf.newaxis], 0.0))
    unknown = tf.math.count_nonzero(tf.logical_and(relevant, columns == NONE), axis=[1, 2])
    return Measured(tf.stack(values, axis=1), measured, alone, result.top, relevant, unknown)


def _is_in(values: tf.Tensor, among: tf.Tensor) -> tf.Tensor:
    """Returns which values of each row are in the same row of `among`, both int64 [batch, …]; bool, as `values`."""
    # A column that is larger than all others lets every search end at a number.
    ordered = tf.pad(tf.sort(among, axis=1), [[0, 0], [0, 1]], constant_values=tf.int64.max)
    place = tf.searchsorted(ordered, values)
    return tf.equal(tf.gather(ordered, place, batch_dims=1), values)


def _columns(table: FingerprintTable, fingerprints: tf.Tensor) -> tf.Tensor:
    index = tf.cast(table(fingerprints), tf.int64)
    return tf.where(tf.logical_and(index >= 1, index <= table.size), index - 1, NONE)
