"""Metrics of rankings, from the ranks of the relevant candidates (`model.evaluation.ranks`).

All take

    ranks: int [..., targets], 1 is best; candidates that are not in the catalogue have a rank beyond every k.
    relevant: bool [..., targets], which of these are asked for; false where padded.
    k: cut-off.

with any leading axes, which broadcast, and return float32 [...], 0 where nothing is relevant.
"""

import tensorflow as tf


def recall_at(ranks: tf.Tensor, relevant: tf.Tensor, k: int) -> tf.Tensor:
    """Recall@k: the share of the relevant candidates that are among the first k."""
    return tf.math.divide_no_nan(_count(_hits(ranks, relevant, k)), _count(relevant))


def hit_rate_at(ranks: tf.Tensor, relevant: tf.Tensor, k: int) -> tf.Tensor:
    """HitRate@k: 1 if any relevant candidate is among the first k."""
    return tf.cast(tf.reduce_any(_hits(ranks, relevant, k), axis=-1), tf.float32)


def ndcg_at(ranks: tf.Tensor, relevant: tf.Tensor, k: int) -> tf.Tensor:
    """NDCG@k with gain 1 for each relevant candidate and discount 1 / log2(1 + rank).

    The ideal ranking has all relevant candidates, in the catalogue or not, first.
    """
    gains = tf.where(_hits(ranks, relevant, k), _discount(tf.cast(ranks, tf.float32)), 0.0)
    ideal = tf.concat([[0.0], tf.cumsum(_discount(tf.range(1, k + 1, dtype=tf.float32)))], axis=0)
    best = tf.gather(ideal, tf.minimum(tf.cast(_count(relevant), tf.int32), k))
    return tf.math.divide_no_nan(tf.reduce_sum(gains, axis=-1), best)


def map_at(ranks: tf.Tensor, relevant: tf.Tensor, k: int) -> tf.Tensor:
    """Average precision at k, whose mean over users is MAP@k: the sum of precisions at hits over all relevant.

    As in trec_eval, what is relevant counts whole, also where there is more of it than k.
    """
    hits = _hits(ranks, relevant, k)
    # As many hits as a hit's rank says at most: those before it, itself included.
    ordered = tf.sort(tf.where(hits, ranks, tf.zeros_like(ranks) + tf.int32.max), axis=-1)
    found = tf.range(1, tf.shape(ordered)[-1] + 1, dtype=tf.float32)
    precision = tf.where(ordered <= k, found / tf.cast(ordered, tf.float32), 0.0)
    return tf.math.divide_no_nan(tf.reduce_sum(precision, axis=-1), _count(relevant))


def reciprocal_rank(first: tf.Tensor) -> tf.Tensor:
    """Reciprocal of the rank of the first relevant candidate, whose mean over users is MRR.

    Args:
        first: int [...], that rank in the whole catalogue; 0 where none is in the catalogue.
    """
    return tf.cast(tf.math.divide_no_nan(1.0, tf.cast(first, tf.float64)), tf.float32)


def _hits(ranks: tf.Tensor, relevant: tf.Tensor, k: int) -> tf.Tensor:
    return tf.logical_and(relevant, ranks <= k)


def _count(mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(mask, tf.float32), axis=-1)


def _discount(rank: tf.Tensor) -> tf.Tensor:
    return tf.math.log(2.0) / tf.math.log(1.0 + rank)
