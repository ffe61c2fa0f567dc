"""The transformer layer of BERT4Rec: attention and a GELU feed-forward net, normalised after."""

from typing import Any

import tensorflow as tf
import tf_keras

INITIALIZER_STDDEV = 0.02


def initializer(seed: int | None = None) -> tf_keras.initializers.Initializer:
    """Truncated normal of BERT, for embeddings and dense kernels."""
    return tf_keras.initializers.TruncatedNormal(stddev=INITIALIZER_STDDEV, seed=seed)


class TransformerLayer(tf_keras.layers.Layer):
    """Self-attention and feed-forward, each with dropout, a residual path and layer normalisation.

    Args:
        dim: width d of the states; a multiple of `heads`.
        heads: attention heads.
        dropout: rate on attention weights and on the output of both parts.
    """

    def __init__(self, dim: int, heads: int, dropout: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.attention = tf_keras.layers.MultiHeadAttention(
            heads, dim // heads, dropout=dropout, kernel_initializer=initializer(), name="attention"
        )
        self.attention_norm = tf_keras.layers.LayerNormalization(epsilon=1e-6, name="attention_norm")
        self.expand = tf_keras.layers.Dense(
            4 * dim, activation=tf_keras.activations.gelu, kernel_initializer=initializer(), name="expand"
        )
        self.contract = tf_keras.layers.Dense(dim, kernel_initializer=initializer(), name="contract")
        self.output_norm = tf_keras.layers.LayerNormalization(epsilon=1e-6, name="output_norm")
        self.dropout = tf_keras.layers.Dropout(dropout)

    def call(
        self, states: tf.Tensor, mask: tf.Tensor, last_only: bool = False, training: bool | None = None
    ) -> tf.Tensor:
        """Applies the layer.

        Args:
            states: float [batch, time, d].
            mask: bool [batch, time or 1, time], which positions each position attends to.
            last_only: compute the last position alone, which is all that the last layer is asked for.
            training: whether dropout is on.

        Returns:
            float [batch, time, d], or [batch, 1, d] with `last_only`.
        """
        query = states[:, -1:] if last_only else states
        mask = mask[:, -1:] if last_only else mask
        attended = self.attention(query, states, attention_mask=mask, training=training)
        query = self.attention_norm(query + self.dropout(attended, training=training))
        output = self.contract(self.expand(query))
        return self.output_norm(query + self.dropout(output, training=training))
