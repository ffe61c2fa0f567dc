"""Sequence augmentation A (3.3), mask or reorder, and hiding, for a whole batch at once, never touching padding."""

from collections.abc import Sequence

import tensorflow as tf

from model.data.history import History
from model.training import replicas
from schemas.catalogue import PAD_INDEX


def augment_both(
    history: History, number: int, seeds: Sequence[tf.Tensor], mask_indices: Sequence[int], mask_share: float
) -> list[History]:
    """Returns augmented copies of histories, each changed in its own way, with the times as they are.

    Args:
        history: items and scenes, int [batch, time], padding anywhere.
        number: how many copies.
        seeds: int [2] each, of items and of scenes; with the same seed the same events of both are changed.
        mask_indices: what masked items and masked scenes become.
        mask_share: share of events that are masked.
    """
    copies = []
    for copy in range(number):
        items, scenes = (
            augment(indices, tf.random.experimental.stateless_fold_in(seed, copy), mask_index, mask_share)
            for indices, seed, mask_index in zip((history.items, history.scenes), seeds, mask_indices, strict=True)
        )
        copies.append(history._replace(items=items, scenes=scenes))
    return copies


def augment(indices: tf.Tensor, seed: tf.Tensor, mask_index: int, mask_share: float) -> tf.Tensor:
    """Masks or reorders each sequence, either with probability one half.

    Args:
        indices: int [batch, time], 0 where padded, on any side or in between.
        seed: int [2]; sequences with padding in the same places and the same seed are changed in the same way.
        mask_index: what masked events become.
        mask_share: share of events that are masked.

    Returns:
        int [batch, time].
    """
    coin, for_mask, for_reorder = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    heads = replicas.uniform([tf.shape(indices)[0], 1], coin) < 0.5
    return tf.where(heads, mask(indices, for_mask, mask_index, mask_share), reorder(indices, for_reorder))


def mask(indices: tf.Tensor, seed: tf.Tensor, mask_index: int, share: float, fewest: int = 0) -> tf.Tensor:
    """Replaces round(share x length) random events of each sequence, halves rounded up, by `mask_index`.

    Args:
        indices: as in `augment`, like `seed` and `mask_index`.
        seed: int [2].
        mask_index: what masked events become.
        share: share of events that are masked.
        fewest: how many are masked at least, if the sequence has so many; 1 leaves no Cloze task without a blank.

    Returns:
        int [batch, time].
    """
    valid = indices != PAD_INDEX
    length = tf.reduce_sum(tf.cast(valid, tf.float32), axis=1, keepdims=True)
    number = tf.maximum(tf.cast(tf.floor(share * length + 0.5), tf.int32), fewest)
    draws = tf.where(valid, replicas.uniform(tf.unstack(tf.shape(indices)), seed), 2.0)
    return tf.where(tf.logical_and(valid, _rank(draws) < number), tf.cast(mask_index, indices.dtype), indices)


def hide(indices: tf.Tensor, seed: tf.Tensor, mask_index: int, share: float) -> tf.Tensor:
    """Replaces each event by `mask_index` with a probability, whatever becomes of the others; arguments as for `mask`.

    So a history of one event is sometimes whole, where `mask` would always or never hide it.
    """
    hidden = tf.logical_and(indices != PAD_INDEX, replicas.uniform(tf.unstack(tf.shape(indices)), seed) < share)
    return tf.where(hidden, tf.cast(mask_index, indices.dtype), indices)


def reorder(indices: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shuffles a random run of each sequence, of 2 to all of its events; size and place are uniform."""
    batch, time = tf.unstack(tf.shape(indices))
    for_size, for_start, for_order = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    valid = indices != PAD_INDEX
    place = tf.cumsum(tf.cast(valid, tf.int32), axis=1, exclusive=True)
    length = tf.reduce_sum(tf.cast(valid, tf.int32), axis=1, keepdims=True)
    size = 2 + _integers(length - 1, batch, for_size)
    start = _integers(length - size + 1, batch, for_start)
    inside = tf.logical_and(place >= start, place < start + size)

    # Events of the run get keys between those of its neighbours, so that one sort shuffles it and leaves the rest.
    draws = replicas.uniform([batch, time], for_order)
    shuffled = tf.cast(start, tf.float32) - 0.5 + draws * tf.cast(size, tf.float32)
    key = tf.where(inside, shuffled, tf.cast(place, tf.float32))
    order = tf.argsort(tf.where(valid, key, float("inf")), axis=1, stable=True)
    events = tf.gather(indices, order, axis=1, batch_dims=1)
    moved = tf.gather(events, tf.minimum(place, time - 1), axis=1, batch_dims=1)
    return tf.where(tf.logical_and(valid, length > 1), moved, indices)


def _rank(values: tf.Tensor) -> tf.Tensor:
    """The place of each value in its row, sorted: 0 is the smallest; int32 [batch, time]."""
    return tf.argsort(tf.argsort(values, axis=1, stable=True), axis=1)


def _integers(stop: tf.Tensor, batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws from 0 .. stop - 1 for each row, int32 [batch, 1]; 0 where `stop` is not positive."""
    drawn = tf.cast(replicas.uniform([batch, 1], seed) * tf.cast(stop, tf.float32), tf.int32)
    return tf.maximum(tf.minimum(drawn, stop - 1), 0)
