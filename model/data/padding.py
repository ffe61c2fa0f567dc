"""Padding: index 0 may stand anywhere in a batch; these functions make its place irrelevant."""

import tensorflow as tf

from schemas.catalogue import PAD_INDEX


def right_align(indices: tf.Tensor, max_length: tf.Tensor | int) -> tf.Tensor:
    """Moves the events of each row to its end, keeping their order, and keeps the last `max_length`.

    Args:
        indices: int [batch, time], 0 where padded.
        max_length: width that is kept at most.

    Returns:
        int [batch, min(time, max_length)], padding first.
    """
    valid = tf.not_equal(indices, PAD_INDEX)
    # Counted, not sorted: histories may have thousands of events.
    later = tf.cumsum(tf.cast(valid, tf.int64), axis=1, reverse=True)
    width = tf.minimum(tf.shape(indices, tf.int64)[1], tf.cast(max_length, tf.int64))
    places = tf.where(tf.logical_and(valid, later <= width))
    columns = width - tf.gather_nd(later, places)
    shape = tf.stack([tf.shape(indices, tf.int64)[0], width])
    return tf.scatter_nd(tf.stack([places[:, 0], columns], axis=1), tf.gather_nd(indices, places), shape)


def ensure_column(indices: tf.Tensor) -> tf.Tensor:
    """Returns indices, int [batch, time], with a column of padding if they have none: empty histories have a state too.

    Aligning again what is aligned therefore changes nothing.
    """
    return tf.pad(indices, [[0, 0], [tf.cast(tf.shape(indices)[1] == 0, tf.int32), 0]])


def left_align(indices: tf.Tensor, padding: int = PAD_INDEX) -> tf.Tensor:
    """Moves the events of each row to its start, keeping their order, in as few columns as hold them, at least 1.

    Args:
        indices: int [batch, time].
        padding: the value that means "no event".

    Returns:
        int [batch, longest].
    """
    empty = indices == padding
    width = tf.reduce_max(tf.reduce_sum(tf.cast(~empty, tf.int32), axis=1))
    order = tf.argsort(tf.cast(empty, tf.int8), axis=1, stable=True)
    aligned = tf.gather(indices, order, axis=1, batch_dims=1)
    return tf.pad(aligned, [[0, 0], [0, 1]], constant_values=padding)[:, : tf.maximum(width, 1)]


def take_next(indices: tf.Tensor, times: tf.Tensor, padding: int = PAD_INDEX) -> tf.Tensor:
    """Takes what comes next: the set of what each row has at its earliest time.

    Args:
        indices: int [batch, events].
        times: int [batch, events], aligned with `indices`; of padding any number.
        padding: the value that means "no event".

    Returns:
        int [batch, most], each value of a row once, left-aligned, at least one column.
    """
    valid = indices != padding
    earliest = tf.reduce_min(tf.where(valid, times, times.dtype.max), axis=1, keepdims=True)
    first = tf.where(tf.logical_and(valid, times == earliest), indices, tf.cast(padding, indices.dtype))
    return left_align(distinct(first, padding), padding)


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
