"""The best candidates of a few users, and what is put in or left out afterwards."""

from typing import NamedTuple

import tensorflow as tf

from model.lookup import find
from model.repeat import Copies

NO_SCORE = float("-inf")
"""The score of a place that no candidate fills."""


class Ranked(NamedTuple):
    """Candidates and their scores; `best` sorts them.

    Attributes:
        scores: float [batch, K]; `NO_SCORE` where there is no candidate.
        columns: int64 [batch, K], 0-based candidates, each once a row; any number where the score is `NO_SCORE`.
    """

    scores: tf.Tensor
    columns: tf.Tensor


def best(ranked: Ranked, k: int) -> Ranked:
    """Returns the k best of each row, best first; of equal scores the lower column first. K must be at least k."""
    order = tf.argsort(ranked.columns, axis=1, stable=True)
    scores, columns = (tf.gather(x, order, batch_dims=1) for x in ranked)
    top = tf.math.top_k(scores, k)
    return Ranked(top.values, tf.gather(columns, top.indices, batch_dims=1))


def with_copies(ranked: Ranked, copies: Copies, scores_at_copies: tf.Tensor, k: int) -> Ranked:
    """Mixes what is copied from histories into the best candidates, exactly as `model.repeat.add_copies` does.

    Copying only raises scores, so a candidate that is not copied is among the k best afterwards only if it was so
    before: the k best and the copied ones are all that has to be compared.

    Args:
        ranked: at least the k best of each row, before copying.
        copies: cells by rising row, each once, as `model.repeat.RepeatHead` gives them.
        scores_at_copies: float [C], the scores of these cells before copying.
        k: how many to return.

    Returns:
        The k best after copying.
    """
    raised = scores_at_copies + tf.math.softplus(copies.values - scores_at_copies)
    batch = tf.shape(ranked.scores, tf.int64)[0]
    columns = tf.RaggedTensor.from_value_rowids(copies.columns, copies.rows, batch).to_tensor(-1)
    scores = tf.RaggedTensor.from_value_rowids(raised, copies.rows, batch).to_tensor(NO_SCORE)
    others = without(ranked, columns)
    return best(Ranked(tf.concat([others.scores, scores], axis=1), tf.concat([others.columns, columns], axis=1)), k)


def without(ranked: Ranked, columns: tf.Tensor) -> Ranked:
    """Takes candidates away.

    Args:
        ranked: candidates of each row.
        columns: int64 [batch, E], which to take from each row; -1 is padding.

    Returns:
        The same places, with `NO_SCORE` where a candidate was taken away.
    """
    # Keys tell rows apart; a search among sorted keys needs no matrix of K times E.
    width = 2 + tf.reduce_max(tf.concat([tf.reshape(ranked.columns, [-1]), tf.reshape(columns, [-1]), [0]], axis=0))
    rows = tf.range(tf.shape(columns, tf.int64)[0], dtype=tf.int64)[:, tf.newaxis]
    gone, keys = (tf.reshape(rows * width + some + 1, [-1]) for some in (columns, ranked.columns))
    taken, _ = find(tf.sort(gone), keys)
    scores = tf.reshape(ranked.scores, [-1])
    scores = tf.tensor_scatter_nd_update(scores, taken[:, tf.newaxis], tf.fill(tf.shape(taken), NO_SCORE))
    return Ranked(tf.reshape(scores, tf.shape(ranked.scores)), ranked.columns)
