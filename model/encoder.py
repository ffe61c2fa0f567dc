"""The sequential models f_S and f_V of Eq. 2."""

from typing import Any

import tensorflow as tf
import tf_keras

from model.transformer import TransformerLayer, initializer


class SequenceEncoder(tf_keras.layers.Layer):
    """Encodes one sequence of embedded events into the state of its last event: h = f(sequence), Eq. 2.

    Positions are learned and counted from the end, so that the latest event always has the same one.

    Args:
        dim: width d of embeddings and states.
        max_length: the longest sequence.
        layers: transformer layers.
        heads: attention heads.
        dropout: dropout rate.
        causal: whether an event attends to itself and earlier ones alone, or to all (as in BERT4Rec and DSPnet).
    """

    def __init__(
        self, dim: int, max_length: int, layers: int, heads: int, dropout: float, causal: bool = False, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.max_length = max_length
        self.causal = causal
        self.positions = self.add_weight("positions", shape=[max_length, dim], initializer=initializer())
        self.norm = tf_keras.layers.LayerNormalization(epsilon=1e-6, name="embedding_norm")
        self.dropout = tf_keras.layers.Dropout(dropout)
        self.layers = [TransformerLayer(dim, heads, dropout, name=f"layer_{i}") for i in range(layers)]

    def call(self, embedded: tf.Tensor, valid: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Encodes sequences.

        Args:
            embedded: float [batch, time, d], oldest first, 1 <= time <= max_length.
            valid: bool [batch, time], False where padded; padding comes first (`model.padding.right_align`).
            training: whether dropout is on.

        Returns:
            float [batch, d]: the last event's state; zeros for a sequence without events.
        """
        states = self._encode(embedded, valid, True, training)
        return tf.where(valid[:, -1:], states[:, -1], 0.0)

    def states(self, embedded: tf.Tensor, valid: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the states of all events, float [batch, time, d], zeros where padded; arguments as in `call`."""
        return tf.where(valid[:, :, tf.newaxis], self._encode(embedded, valid, False, training), 0.0)

    def _encode(self, embedded: tf.Tensor, valid: tf.Tensor, last_only: bool, training: bool | None) -> tf.Tensor:
        """Returns the states of all positions, or of the last one alone, float [batch, time or 1, d]."""
        time = tf.shape(embedded)[1]
        states = embedded + self.positions[self.max_length - time :]
        states = self.dropout(self.norm(states), training=training)
        mask = valid[:, tf.newaxis, :]
        if self.causal:
            mask = tf.logical_and(mask, tf.range(time)[tf.newaxis, :, tf.newaxis] >= tf.range(time))
        for layer in self.layers[:-1]:
            states = layer(states, mask, training=training)
        return self.layers[-1](states, mask, last_only=last_only, training=training)
