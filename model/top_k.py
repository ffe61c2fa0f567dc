"""The best of each row of a score matrix, faster than `tf.math.top_k` for wide rows.

`tf.math.top_k` walks through each row number by number, which takes several times as long as the matrix product that
made the row. The maximum of a group of neighbours is vectorised; and what is among the k best is in one of the k groups
whose maxima are best, so only their members have to be sorted.
"""

import tensorflow as tf

from model.ranked import NO_SCORE

GROUP = 32
"""Neighbours that are compared at once. More make fewer groups, but leave more members to sort."""


def top_k(scores: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the k best of each row, best first; of equal scores the lower column first, as `tf.math.top_k` does.

    Args:
        scores: float [batch, C]. A score that is not a number comes after all others, as minus infinity.
        k: how many, at most C.

    Returns:
        float [batch, k] and int32 [batch, k], their columns.
    """
    # With fewer groups than this, sorting their members costs what was saved.
    return tf.cond(
        tf.shape(scores)[1] >= 4 * GROUP * k,
        lambda: _of_groups(scores, k),
        lambda: _plain(without_nan(scores), k),
    )


def without_nan(scores: tf.Tensor) -> tf.Tensor:
    """Puts minus infinity where a score is not a number."""
    return tf.where(tf.math.is_nan(scores), tf.constant(NO_SCORE, scores.dtype), scores)


def _plain(scores: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    top = tf.math.top_k(scores, k)
    return top.values, top.indices


def _of_groups(scores: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    batch, width = tf.shape(scores)[0], tf.shape(scores)[1]
    missing = -width % GROUP
    scores = tf.cond(
        missing > 0, lambda: tf.pad(scores, [[0, 0], [0, missing]], constant_values=NO_SCORE), lambda: scores
    )
    groups = tf.reshape(scores, [batch, -1, GROUP])
    maxima = tf.reduce_max(groups, axis=2)  # of a group with a NaN it is NaN
    groups, maxima = tf.cond(
        tf.reduce_any(tf.math.is_nan(maxima)),
        lambda: (without_nan(groups), tf.reduce_max(without_nan(groups), axis=2)),
        lambda: (groups, maxima),
    )
    # In the order of their columns, so that the lower of two equal scores comes first below.
    chosen = tf.sort(tf.math.top_k(maxima, k, sorted=False).indices, axis=1)
    members = tf.reshape(tf.gather(groups, chosen, batch_dims=1), [batch, k * GROUP])
    columns = tf.reshape(chosen[:, :, tf.newaxis] * GROUP + tf.range(GROUP), [batch, k * GROUP])
    values, places = _plain(members, k)
    # Padding is never among the k best: width is at least k, and all of a row's columns come before the padding.
    return values, tf.gather(columns, places, batch_dims=1)
