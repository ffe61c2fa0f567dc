"""Every prefix as a training example: a sequence is cut somewhere in its history, and what comes after is its future.

One cut a sequence and epoch costs as much as training on the given cutoff alone, and over the epochs all prefixes
are seen. Nothing of the given future comes to be input.
"""

import tensorflow as tf

from model.data.padding import left_align
from schemas.catalogue import PAD_INDEX


def draw_cuts(items: tf.Tensor, times: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws a place in each history at which a future begins, from behind the first event to behind the last.

    Events at one time are not parted, as no cutoff parts them: a cut that falls among them is made behind the last.

    Args:
        items: int [batch, time], oldest first, 0 where padded, on any side or in between.
        times: int64 [batch, time], when they happened, never falling, 0 where padded.
        seed: int [2]; the seed alone decides, with a draw a row, so that a batch must be cut before replicas share it.

    Returns:
        int32 [batch], how many of the latest events are moved to the future; none of an empty history.
    """
    number = _events(items)
    kept = 1 + tf.cast(tf.random.stateless_uniform(tf.shape(number), seed) * tf.cast(number, tf.float32), tf.int32)
    before = _from_end(items) > (number - tf.minimum(kept, number))[:, tf.newaxis]
    valid = items != PAD_INDEX
    latest = tf.reduce_max(tf.where(tf.logical_and(before, valid), times, 0), axis=1, keepdims=True)
    return tf.reduce_sum(tf.cast(tf.logical_and(valid, times > latest), tf.int32), axis=1)


def cut(history: tf.Tensor, future: tf.Tensor, after: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Moves the latest events of each history to the start of its future.

    Items, scenes and times are cut one by one; should there be more of one than of another, they are those of the same
    latest events.

    Args:
        history: int [batch, time], oldest first, 0 where padded, on any side or in between.
        future: int [batch, f], oldest first, 0 where padded.
        after: int32 [batch], how many events to move; all of them where there are fewer.

    Returns:
        the history, int [batch, time], with padding in the place of what was moved; and the future, int [batch,
        longest], left-aligned, as wide as the longest of the batch, at least 1.
    """
    moved = _from_end(history) <= after[:, tf.newaxis]
    prefix = tf.where(moved, tf.cast(PAD_INDEX, history.dtype), history)
    rest = tf.concat([tf.where(moved, history, tf.cast(PAD_INDEX, history.dtype)), future], axis=1)
    return prefix, left_align(rest)


def _from_end(indices: tf.Tensor) -> tf.Tensor:
    """Numbers the events of each row from its end, int32 [batch, time]: 1 is the latest."""
    return tf.cumsum(tf.cast(indices != PAD_INDEX, tf.int32), axis=1, reverse=True)


def _events(indices: tf.Tensor) -> tf.Tensor:
    """Counts the events of each row, int32 [batch]."""
    return tf.reduce_sum(tf.cast(indices != PAD_INDEX, tf.int32), axis=1)
