"""Repeat behaviour, beyond the paper: an item of the history is likely to come again.

A low-rank score o . e cannot single out the few dozen items that one user buys again and again; counting can.
As in pointer networks, the next item may be drawn from the catalogue or copied from the history, so for an item
k of the history the score s_k becomes

    log( exp(s_k) + exp(a(z) + b(z) log(share_k) + c_k) )

where share_k is the part that the events of k have of the history, each event weighed by a learned function of
its age (in doubling steps), ``a`` and ``b`` are linear in the user's representation, and ``c_k`` tells staples
from one-off purchases.
"""

from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from model.data.vocabulary import find
from schemas.catalogue import PAD_INDEX

AGE_STEPS = 12


class CopyScores(NamedTuple):
    """What a batch copies from its histories: the few cells of the score matrix that it raises, each once.

    Attributes:
        rows: int64 [C], the row of each cell.
        columns: int64 [C], its 0-based candidate.
        values: float [C], the log of what is copied, a(z) + b(z) log(share_k) + c_k.
    """

    rows: tf.Tensor
    columns: tf.Tensor
    values: tf.Tensor


def add_copies(scores: tf.Tensor, copies: CopyScores) -> tf.Tensor:
    """Mixes what is copied into a score matrix.

    Args:
        scores: float [batch, N].
        copies: cells of this matrix.

    Returns:
        float [batch, N].
    """
    cells = tf.stack([copies.rows, copies.columns], axis=1)
    gain = tf.math.softplus(copies.values - tf.gather_nd(scores, cells))
    return tf.tensor_scatter_nd_add(scores, cells, gain)


def add_copies_at(scores: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, copies: CopyScores) -> tf.Tensor:
    """Mixes what is copied into some cells alone, for those who have no score matrix.

    Args:
        scores: float [P], the scores of P cells.
        rows: int64 [P], their rows.
        columns: int64 [P], their 0-based candidates.
        copies: what the same batch copies.

    Returns:
        float [P]; the score itself where nothing is copied.
    """
    # One column more than any in use keeps the keys of two rows apart; rows times catalogue takes 64 bits.
    width = tf.reduce_max(tf.concat([columns, copies.columns, [0]], axis=0)) + 1
    keys = copies.rows * width + copies.columns
    order = tf.argsort(keys)
    found, place = find(tf.gather(keys, order), rows * width + columns)
    copied = tf.gather(copies.values, tf.gather(order, place))
    gain = tf.math.softplus(copied - tf.gather(scores, found))
    return tf.tensor_scatter_nd_add(scores, found[:, tf.newaxis], gain)


class RepeatHead(tf_keras.layers.Layer):
    """Finds by how much the scores of the items of a history rise.

    Args:
        catalogue_size: number N of candidates.
    """

    def __init__(self, catalogue_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.catalogue_size = catalogue_size
        self.gate = tf_keras.layers.Dense(
            2, kernel_initializer="zeros", bias_initializer=tf_keras.initializers.Constant([-1.0, 1.0]), name="gate"
        )

    def build(self, input_shape: Any) -> None:
        """Creates the weights of ages and items."""
        self.age_logits = self.add_weight("age_logits", shape=[AGE_STEPS], initializer="zeros")
        self.item_bias = self.add_weight("item_bias", shape=[self.catalogue_size], initializer="zeros")
        super().build(input_shape)

    def call(self, indices: tf.Tensor, representation: tf.Tensor) -> CopyScores:
        """Returns what each user copies from the history; `add_copies` mixes it into scores.

        Args:
            indices: int [batch, time], oldest first, 0 where padded, N + 1 where unknown.
            representation: float [batch, d], the user's z.
        """
        valid = tf.not_equal(indices, PAD_INDEX)
        age = tf.cumsum(tf.cast(valid, tf.float32), axis=1, reverse=True)  # 1 is the latest event
        step = tf.cast(tf.math.log(tf.maximum(age, 1.0)) / tf.math.log(2.0) + 1e-4, tf.int32)
        weight = tf.gather(tf.exp(self.age_logits), tf.minimum(step, AGE_STEPS - 1))

        places = tf.where(tf.logical_and(valid, indices <= self.catalogue_size))  # int64 [events, 2]
        column = tf.cast(tf.gather_nd(indices, places), tf.int64) - 1
        key, group = tf.unique(places[:, 0] * self.catalogue_size + column)
        mass = tf.math.unsorted_segment_sum(tf.gather_nd(weight, places), group, tf.size(key))
        row, column = key // self.catalogue_size, key % self.catalogue_size
        share = mass / tf.gather(tf.reduce_sum(tf.where(valid, weight, 0.0), axis=1), row)

        gate = tf.gather(self.gate(representation), row)
        copied = gate[:, 0] + gate[:, 1] * tf.math.log(share) + tf.gather(self.item_bias, column)
        return CopyScores(row, column, copied)
