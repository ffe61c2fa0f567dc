"""Latent representations of catalogue entries."""

from typing import Any

import tensorflow as tf
import tf_keras

from model.transformer import initializer


class Embedding(tf_keras.layers.Layer):
    """The table of vectors e_k, shared by histories and candidates.

    Args:
        catalogue_size: N; indices run from 0 (padding) to N + 1 (unknown, [MASK]).
        dim: width d.
    """

    def __init__(self, catalogue_size: int, dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.catalogue_size = catalogue_size
        self.table = self.add_weight("embeddings", shape=[catalogue_size + 2, dim], initializer=initializer())

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
