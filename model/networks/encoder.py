"""The sequential models f_S and f_V of Eq. 2: embeddings of events, and a transformer that encodes them.

The layers are those of BERT4Rec: attention and a GELU feed-forward net, normalised after.
"""

from typing import Any

import tensorflow as tf
import tf_keras

INITIALIZER_STDDEV = 0.02


def make_initializer() -> tf_keras.initializers.Initializer:
    """Returns the truncated normal of BERT, for embeddings and dense kernels."""
    return tf_keras.initializers.TruncatedNormal(stddev=INITIALIZER_STDDEV)


class Embedding(tf_keras.layers.Layer):
    """The table of vectors e_k, shared by histories and candidates.

    Args:
        catalogue_size: N; indices run from 0 (padding) to N + 1 (unknown, [MASK]).
        dim: width d.
    """

    def __init__(self, catalogue_size: int, dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.catalogue_size = catalogue_size
        self.table = self.add_weight("embeddings", shape=[catalogue_size + 2, dim], initializer=make_initializer())

    @property
    def mask_index(self) -> int:
        """N + 1: what stands for masked and for unknown entries."""
        return self.catalogue_size + 1

    def candidates(self) -> tf.Tensor:
        """Returns the latent representations e_k of the whole catalogue, float [N, d]."""
        return self.table[1:-1]

    def call(self, indices: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Looks up indices, int [...], as float [..., d]."""
        # A sparse read makes TensorFlow copy the whole variable at each dense read from then on. Training's updates of
        # single rows bring that about anyway; a served model, which ranks by dense reads, would answer half as fast.
        table = self.table if training else tf.convert_to_tensor(self.table)
        return tf.gather(table, indices)


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
        self.positions = self.add_weight("positions", shape=[max_length, dim], initializer=make_initializer())
        self.norm = tf_keras.layers.LayerNormalization(epsilon=1e-6, name="embedding_norm")
        self.dropout = tf_keras.layers.Dropout(dropout)
        self.layers = [TransformerLayer(dim, heads, dropout, name=f"layer_{i}") for i in range(layers)]

    def call(self, embedded: tf.Tensor, valid: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Encodes sequences.

        Args:
            embedded: float [batch, time, d], oldest first, 1 <= time <= max_length.
            valid: bool [batch, time], False where padded; padding comes first (`model.data.padding.right_align`).
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
            heads, dim // heads, dropout=dropout, kernel_initializer=make_initializer(), name="attention"
        )
        self.attention_norm = tf_keras.layers.LayerNormalization(epsilon=1e-6, name="attention_norm")
        self.expand = tf_keras.layers.Dense(
            4 * dim, activation=tf_keras.activations.gelu, kernel_initializer=make_initializer(), name="expand"
        )
        self.contract = tf_keras.layers.Dense(dim, kernel_initializer=make_initializer(), name="contract")
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
