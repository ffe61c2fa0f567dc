"""Adversarial prior regularisation (Eq. 4): what each side minimises, the discriminators D_S and D_V, and the prior.

Losses are in logits: log D = -softplus(-l) and log(1 - D) = -softplus(l).

The priors p(z) of the users' representations (3.2 and appendix D.2) all have mean 0; the Gaussian and the uniform prior
have variance 1 in every dimension, so that weights chosen for one make sense for the other. A new prior is a class with
`sample`, named in `PRIORS`.
"""

import dataclasses
import math
from typing import Protocol

import tensorflow as tf
import tf_keras

from model.networks.base import Representations
from model.training import replicas

HIDDEN_LAYERS = 2
"""Hidden layers of a discriminator."""

NEGATIVE_SLOPE = 0.2
"""Slope of the leaky ReLU of a discriminator below 0."""


def minimax(prior_logits: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """One sequence's part of Eq. 4: log D(prior) + log(1 - D(z)), float [batch].

    The discriminator maximises it, the network minimises it; it is 2 log 1/2 for a discriminator that only guesses.

    Args:
        prior_logits: logits of draws from the prior, float [batch].
        logits: logits of representations z, float [batch].
    """
    return -tf.math.softplus(-prior_logits) - tf.math.softplus(logits)


def non_saturating(prior_logits: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """-log D(z), float [batch]: pulls at z also where the discriminator is sure that it is not the prior's."""
    return tf.math.softplus(-logits)


GENERATOR_LOSSES = {"minimax": minimax, "non_saturating": non_saturating}
"""What the network minimises; the discriminators maximise `minimax` in either case."""


def accuracy(prior_logits: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The share of right answers, float [batch]: 0, 1/2 or 1 for each pair; 1/2 is chance."""
    right = tf.stack([prior_logits > 0, logits <= 0])
    return tf.reduce_mean(tf.cast(right, tf.float32), axis=0)


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


class Prior(Protocol):
    """Draws representations."""

    def sample(self, batch: tf.Tensor, dim: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns float32 [batch, dim]; `seed` is int [2] (see `model.training.replicas`)."""


class Gaussian:
    """The standard Gaussian N(0, I)."""

    def sample(self, batch: tf.Tensor, dim: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns float32 [batch, dim]."""
        return replicas.normal([batch, dim], seed)


@dataclasses.dataclass(frozen=True)
class MultiGaussian:
    """An even mixture of Gaussians N(mu_j, I), whose centres lie in pairs around 0 on the first axes.

    Attributes:
        pairs: half the number of components; centres 2 j and 2 j + 1 are `distance` away on axis j, one each way.
        distance: distance of a centre from 0, in standard deviations of a component.
    """

    pairs: int = 2
    distance: float = 2.0

    def sample(self, batch: tf.Tensor, dim: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns float32 [batch, dim]."""
        component = tf.cast(replicas.uniform([batch], _purpose(seed, 1)) * 2 * self.pairs, tf.int32)
        axis = tf.one_hot(component // 2 % dim, dim)
        side = tf.cast(1 - component % 2 * 2, tf.float32)
        return replicas.normal([batch, dim], _purpose(seed, 2)) + self.distance * side[:, tf.newaxis] * axis


class Uniform:
    """The uniform distribution on [-sqrt 3, sqrt 3) in every dimension."""

    def sample(self, batch: tf.Tensor, dim: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns float32 [batch, dim]."""
        return math.sqrt(3.0) * (2.0 * replicas.uniform([batch, dim], seed) - 1.0)


PRIORS: dict[str, Prior] = {"gaussian": Gaussian(), "multi_gaussian": MultiGaussian(), "uniform": Uniform()}


def _purpose(seed: tf.Tensor, number: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, number)


class AdversarialPrior(tf.Module):
    """Both discriminators of Eq. 4 and the prior that they compare z_S and z_V with.

    Args:
        prior: the prior p(z) of both.
        generator_loss: which of `GENERATOR_LOSSES` the network minimises.
    """

    def __init__(self, prior: Prior, generator_loss: str):
        super().__init__(name="adversarial_prior")
        self._prior = prior
        self._generator_loss = GENERATOR_LOSSES[generator_loss]
        self.discriminators = {"D_S": Discriminator(name="D_S"), "D_V": Discriminator(name="D_V")}

    def build(self, known: Representations) -> None:
        """Creates the weights of both discriminators."""
        for name, discriminator in self.discriminators.items():
            discriminator(_judged(known)[name])

    def draw(self, known: Representations, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Draws from the prior what each discriminator compares with its z, float [batch, width]."""
        return {
            name: self._prior.sample(tf.shape(z)[0], z.shape[1], tf.random.experimental.stateless_fold_in(seed, number))
            for number, (name, z) in enumerate(_judged(known).items())
        }

    def logits(self, known: Representations, draws: dict[str, tf.Tensor]) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """Returns each discriminator's logits of its draws and of its z, float [batch] each."""
        return {
            name: (discriminator(draws[name]), discriminator(_judged(known)[name]))
            for name, discriminator in self.discriminators.items()
        }

    def value(self, logits: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
        """Returns Eq. 4, which the discriminators maximise, float [batch]."""
        return tf.add_n([minimax(*pair) for pair in logits.values()])

    def generator_loss(self, logits: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
        """Returns L_APR, which the network minimises, float [batch]."""
        return tf.add_n([self._generator_loss(*pair) for pair in logits.values()])

    def accuracies(self, logits: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> dict[str, tf.Tensor]:
        """Returns ``D_S_accuracy`` and ``D_V_accuracy``, how often each discriminator is right, float [batch]."""
        return {f"{name}_accuracy": accuracy(*pair) for name, pair in logits.items()}


def _judged(known: Representations) -> dict[str, tf.Tensor]:
    return {"D_S": known.z_scene, "D_V": known.z_item}
