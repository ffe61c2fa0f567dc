"""Windows of futures, in events or in days: what questions beside the next events and the whole period ask for."""

import tensorflow as tf

from schemas.catalogue import PAD_INDEX
from schemas.sequences import SECONDS_A_DAY


def keep_first_events(sequence: tf.Tensor, times: tf.Tensor, sizes: tf.Tensor | int) -> tf.Tensor:
    """Keeps the first events of each future, and those at the time of the last of them.

    Args:
        sequence: int [batch, f], left-aligned, 0 where padded.
        times: int64 [batch, f], when they happened, never falling; of padding any number.
        sizes: int [batch], or one number for all, how many events a row keeps at least; a shorter one keeps all it has.

    Returns:
        int [batch, f], 0 beyond the window.
    """
    counted = tf.range(tf.shape(sequence)[1]) < tf.cast(tf.expand_dims(sizes, -1), tf.int32)
    latest = tf.reduce_max(tf.where(counted & (sequence != PAD_INDEX), times, 0), axis=1, keepdims=True)
    return tf.where(times <= latest, sequence, tf.cast(PAD_INDEX, sequence.dtype))


def keep_first_days(sequence: tf.Tensor, times: tf.Tensor, cutoffs: tf.Tensor, days: int) -> tf.Tensor:
    """Keeps the events of the days from the cutoff on.

    Args:
        sequence: as in `keep_first_events`, like `times`.
        times: int64 [batch, f].
        cutoffs: int64 [batch], when each future begins.
        days: how many days.

    Returns:
        int [batch, f], 0 beyond the window.
    """
    inside = times < cutoffs[:, tf.newaxis] + days * SECONDS_A_DAY
    return tf.where(inside, sequence, tf.cast(PAD_INDEX, sequence.dtype))
