"""Recall@k and NDCG@k over the full catalogue, from the ranks of the relevant candidates."""

import tensorflow as tf

from schemas.catalogue import PAD_INDEX


def target_ranks(scores: tf.Tensor, targets: tf.Tensor, max_rank: int) -> tf.Tensor:
    """Ranks the relevant candidates among all.

    Ties are broken against the model: a candidate that is not relevant goes before a relevant one of equal
    score. Relevant candidates of equal score follow one another. A score that is not a number ranks last.

    Args:
        scores: float [batch, N] of the whole catalogue.
        targets: int [batch, targets], indices 1..N of the relevant candidates, each once a row; 0 is padding,
            indices above N are relevant but not in the catalogue.
        max_rank: ranks up to this are exact; a larger one is only known to be larger.

    Returns:
        int32 [batch, targets]: 1 is best; `max_rank` + 1 or more for what is padding or not in the catalogue.
    """
    size = tf.shape(scores)[1]
    lowest = tf.constant(float("-inf"), scores.dtype)
    scores = tf.where(tf.math.is_nan(scores), lowest, scores)
    known = tf.logical_and(tf.not_equal(targets, PAD_INDEX), targets <= size)
    at_targets = tf.gather(scores, tf.where(known, targets - 1, 0), axis=1, batch_dims=1)
    at_targets = tf.where(known, at_targets, lowest)

    places = tf.where(known)
    columns = tf.cast(tf.gather_nd(targets, places), tf.int64) - 1
    cells = tf.stack([places[:, 0], columns], axis=1)
    others = tf.tensor_scatter_nd_update(scores, cells, tf.fill([tf.shape(cells)[0]], lowest))
    best_others = tf.math.top_k(others, tf.minimum(max_rank, size)).values

    # A removed target leaves -inf behind; targets at -inf, which would count it, are not ranked below.
    rivals = best_others[:, tf.newaxis] >= at_targets[:, :, tf.newaxis]
    ahead = tf.reduce_sum(tf.cast(rivals, tf.int32), axis=2)
    mine, other = at_targets[:, :, tf.newaxis], at_targets[:, tf.newaxis, :]
    number = tf.shape(targets)[1]
    earlier = tf.range(number)[tf.newaxis, :] < tf.range(number)[:, tf.newaxis]
    before = tf.logical_or(other > mine, tf.logical_and(tf.equal(other, mine), earlier))
    before = tf.logical_and(before, known[:, tf.newaxis, :])
    ranks = 1 + ahead + tf.reduce_sum(tf.cast(before, tf.int32), axis=2)
    ranked = tf.logical_and(known, at_targets > lowest)
    return tf.where(ranked, ranks, max_rank + 1)


def recall_at(ranks: tf.Tensor, relevant: tf.Tensor, k: int) -> tf.Tensor:
    """Recall@k: the share of a row's relevant candidates that are among the first k.

    Args:
        ranks: int [batch, targets] from `target_ranks`.
        relevant: bool [batch, targets], false where padded; candidates not in the catalogue are relevant.
        k: cut-off.

    Returns:
        float32 [batch]; 0 for a row with nothing relevant.
    """
    hits = tf.reduce_sum(tf.cast(tf.logical_and(relevant, ranks <= k), tf.float32), axis=1)
    return tf.math.divide_no_nan(hits, tf.reduce_sum(tf.cast(relevant, tf.float32), axis=1))


def ndcg_at(ranks: tf.Tensor, relevant: tf.Tensor, k: int) -> tf.Tensor:
    """NDCG@k with gain 1 for each relevant candidate and discount 1 / log2(1 + rank).

    The ideal ranking has all relevant candidates, in the catalogue or not, first.

    Args:
        ranks: int [batch, targets] from `target_ranks`.
        relevant: bool [batch, targets], false where padded.
        k: cut-off.

    Returns:
        float32 [batch]; 0 for a row with nothing relevant.
    """
    discount = _discount(tf.cast(ranks, tf.float32))
    gains = tf.where(tf.logical_and(relevant, ranks <= k), discount, 0.0)
    ideal = tf.cumsum(_discount(tf.range(1, k + 1, dtype=tf.float32)))
    number = tf.minimum(tf.reduce_sum(tf.cast(relevant, tf.int32), axis=1), k)
    best = tf.gather(tf.concat([[0.0], ideal], axis=0), number)
    return tf.math.divide_no_nan(tf.reduce_sum(gains, axis=1), best)


def _discount(rank: tf.Tensor) -> tf.Tensor:
    return tf.math.log(2.0) / tf.math.log(1.0 + rank)
