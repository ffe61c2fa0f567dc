"""Every prefix as a training example: a sequence is cut somewhere in its history, and what comes after is its future.

One cut a sequence and epoch costs as much as training on the given cutoff alone, and over the epochs all prefixes
are seen. Nothing of the given future comes to be input.
"""

import tensorflow as tf

from schemas.catalogue import PAD_INDEX


def random_prefixes(
    items: tf.Tensor, scenes: tf.Tensor, future_items: tf.Tensor, future_scenes: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Cuts each row after a number of the events of its history that is drawn from 1..n, n being all of them.

    A row's items and scenes are cut at the same event. Should there be more of one than of the other, they are those of
    the same latest events, and n counts items. An empty history stays empty.

    Args:
        items: int [batch, time], oldest first, 0 where padded, on any side or in between.
        scenes: int [batch, time'], oldest first, 0 where padded.
        future_items: int [batch, f], in the order in which they happened, 0 where padded.
        future_scenes: int [batch, f'], in the order in which they happened, 0 where padded.
        seed: int [2]; the seed alone decides, with a draw a row, so that a batch must be cut before replicas share it.

    Returns:
        the item and scene histories, int [batch, time] and [batch, time'], whose later events have become padding, and
        the item and scene futures, as from `cut`.
    """
    number = _events(items)
    draws = tf.random.stateless_uniform(tf.shape(number), seed)
    kept = 1 + tf.cast(draws * tf.cast(number, tf.float32), tf.int32)
    after = number - tf.minimum(kept, number)
    prefix_items, rest_items = cut(items, future_items, after)
    prefix_scenes, rest_scenes = cut(scenes, future_scenes, after)
    return prefix_items, prefix_scenes, rest_items, rest_scenes


def cut(history: tf.Tensor, future: tf.Tensor, after: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Moves the latest events of each history to the start of its future.

    Args:
        history: int [batch, time], oldest first, 0 where padded, on any side or in between.
        future: int [batch, f], oldest first, 0 where padded.
        after: int32 [batch], how many events to move; all of them where there are fewer.

    Returns:
        the history, int [batch, time], with padding in the place of what was moved; and the future, int [batch,
        longest], left-aligned, as wide as the longest of the batch, at least 1.
    """
    valid = tf.cast(history != PAD_INDEX, tf.int32)
    from_end = tf.cumsum(valid, axis=1, reverse=True)  # 1 is the latest event
    moved = from_end <= after[:, tf.newaxis]
    prefix = tf.where(moved, tf.cast(PAD_INDEX, history.dtype), history)
    rest = tf.concat([tf.where(moved, history, tf.cast(PAD_INDEX, history.dtype)), future], axis=1)
    return prefix, _left_align(rest)


def _left_align(indices: tf.Tensor) -> tf.Tensor:
    """Moves the events of each row to its start, keeping their order, in as few columns as hold them, at least 1."""
    width = tf.reduce_max(tf.concat([_events(indices), [1]], axis=0))
    order = tf.argsort(tf.cast(indices == PAD_INDEX, tf.int8), axis=1, stable=True)
    return tf.pad(tf.gather(indices, order, axis=1, batch_dims=1), [[0, 0], [0, 1]])[:, :width]


def _events(indices: tf.Tensor) -> tf.Tensor:
    """Counts the events of each row, int32 [batch]."""
    return tf.reduce_sum(tf.cast(indices != PAD_INDEX, tf.int32), axis=1)
