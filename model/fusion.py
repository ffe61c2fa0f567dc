"""Sequence feature enhancement (Eq. 3)."""

from typing import Any

import tensorflow as tf
import tf_keras


class FusionMLP(tf_keras.layers.Layer):
    """The fusion MLP g of Eq. 3: z = g(h_S (+) h_V), where (+) is concatenation.

    Hidden layers are as wide as the concatenation and use GELU; the output is linear, so that z can follow
    its prior, which has no bounds.

    Args:
        dim: width of z.
        layers: number of dense layers; with none, z is its input.
    """

    def __init__(self, dim: int, layers: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.dim = dim
        self.depth = layers

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the dense layers."""
        hidden = int(input_shape[-1])
        self.layers = [
            tf_keras.layers.Dense(hidden, tf_keras.activations.gelu, name=f"hidden_{i}") for i in range(self.depth - 1)
        ]
        if self.depth:
            self.layers.append(tf_keras.layers.Dense(self.dim, name="output"))
        super().build(input_shape)

    def call(self, states: tf.Tensor) -> tf.Tensor:
        """Maps h_S (+) h_V, float [batch, d_S + d_V], to z, float [batch, dim]."""
        for layer in self.layers:
            states = layer(states)
        return states
