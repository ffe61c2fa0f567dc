"""Finds numbers among sorted ones, where a hash table would have to be filled first."""

import tensorflow as tf


def find(ordered: tf.Tensor, wanted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which of some numbers are there, and where.

    Args:
        ordered: int64 [n], rising, below the largest int64.
        wanted: int64 [P].

    Returns:
        The places in `wanted` of those that are there, and their places in `ordered`; both int64 [found].
    """
    ends = tf.concat([ordered, [tf.int64.max]], axis=0)  # so that every search ends at a number
    place = tf.searchsorted(ends, wanted, out_type=tf.int64)
    found = tf.where(tf.equal(tf.gather(ends, place), wanted))[:, 0]
    return found, tf.gather(place, found)
