"""Padding: index 0 may stand anywhere in a batch; these functions make its place irrelevant."""

import tensorflow as tf

from schemas.catalogue import PAD_INDEX


def right_align(indices: tf.Tensor, max_length: int) -> tf.Tensor:
    """Moves the events of each row to its end, keeping their order, and keeps the last `max_length`.

    Args:
        indices: int [batch, time], 0 where padded.
        max_length: width that is kept at most.

    Returns:
        int [batch, min(time, max_length)], padding first.
    """
    order = tf.argsort(tf.cast(tf.not_equal(indices, PAD_INDEX), tf.int8), axis=1, stable=True)
    return tf.gather(indices, order, axis=1, batch_dims=1)[:, -max_length:]


def distinct(values: tf.Tensor, padding: int = PAD_INDEX) -> tf.Tensor:
    """Keeps each value of a row once; repeats become padding. The order within a row is not kept.

    Args:
        values: int [batch, time].
        padding: the value that means "no event".

    Returns:
        int [batch, time].
    """
    ordered = tf.sort(values, axis=1)
    repeats = tf.pad(tf.equal(ordered[:, 1:], ordered[:, :-1]), [[0, 0], [1, 0]])
    return tf.where(repeats, tf.cast(padding, values.dtype), ordered)
