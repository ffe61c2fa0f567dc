"""The sequential models f_S and f_V of Eq. 2."""

from typing import Any

import tensorflow as tf
import tf_keras

from model.padding import right_align
from model.transformer import TransformerLayer, initializer
from schemas.catalogue import PAD_INDEX


class SequenceEncoder(tf_keras.layers.Layer):
    """Encodes one sequence of indices into the state of its last event: h = f(sequence), Eq. 2.

    Positions are learned and counted from the end, so that the latest event always has the same one.

    Args:
        catalogue_size: N; indices run from 0 (padding) to N + 1 (unknown, [MASK]).
        dim: width d of embeddings and states.
        max_length: how many of the latest events are read.
        layers: transformer layers.
        heads: attention heads.
        dropout: dropout rate.
    """

    def __init__(
        self, catalogue_size: int, dim: int, max_length: int, layers: int, heads: int, dropout: float, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.catalogue_size = catalogue_size
        self.dim = dim
        self.max_length = max_length
        self.norm = tf_keras.layers.LayerNormalization(epsilon=1e-6, name="embedding_norm")
        self.dropout = tf_keras.layers.Dropout(dropout)
        self.layers = [TransformerLayer(dim, heads, dropout, name=f"layer_{i}") for i in range(layers)]

    def build(self, input_shape: Any) -> None:
        """Creates the embedding and position tables."""
        self.embeddings = self.add_weight(
            "embeddings", shape=[self.catalogue_size + 2, self.dim], initializer=initializer()
        )
        self.positions = self.add_weight("positions", shape=[self.max_length, self.dim], initializer=initializer())
        super().build(input_shape)

    def candidates(self) -> tf.Tensor:
        """Returns the latent representations e_k of the whole catalogue, float [N, d]."""
        return self.embeddings[1:-1]

    def call(self, indices: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Encodes sequences.

        Args:
            indices: int [batch, time], oldest first, 0 where padded, on either side or in between.
            training: whether dropout is on.

        Returns:
            float [batch, d]: the last event's state; zeros for a sequence without events.
        """
        # A column of padding keeps the batch at least one wide, so that empty histories have a state too.
        indices = right_align(tf.pad(indices, [[0, 0], [1, 0]]), self.max_length)
        valid = tf.not_equal(indices, PAD_INDEX)
        length = tf.shape(indices)[1]
        states = tf.gather(self.embeddings, indices) + self.positions[self.max_length - length :]
        states = self.dropout(self.norm(states), training=training)
        for layer in self.layers[:-1]:
            states = layer(states, valid, training=training)
        states = self.layers[-1](states, valid, last_only=True, training=training)
        return tf.where(valid[:, -1:], states[:, 0], 0.0)
