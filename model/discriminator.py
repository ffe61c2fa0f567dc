"""The discriminators D_S and D_V of Eq. 4."""

import tensorflow as tf
import tf_keras

HIDDEN_LAYERS = 2
NEGATIVE_SLOPE = 0.2


class Discriminator(tf_keras.layers.Layer):
    """Tells representations of users from draws of the prior: D(z) = sigmoid of what it returns.

    The paper leaves its form open; this is a small MLP with leaky ReLUs, which do not starve the network of
    gradients, as wide as z.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the dense layers."""
        self.hidden = [tf_keras.layers.Dense(int(input_shape[-1]), name=f"hidden_{i}") for i in range(HIDDEN_LAYERS)]
        self.output_layer = tf_keras.layers.Dense(1, name="output")
        super().build(input_shape)

    def call(self, z: tf.Tensor) -> tf.Tensor:
        """Returns logits, float [batch], of whether z, float [batch, dim], comes from the prior."""
        for layer in self.hidden:
            z = tf.nn.leaky_relu(layer(z), NEGATIVE_SLOPE)
        return self.output_layer(z)[:, 0]
