"""Prior distributions p(z) of the users' representations (3.2 and appendix D.2).

All have mean 0; the Gaussian and the uniform prior have variance 1 in every dimension, so that weights chosen for
one make sense for the other. A new prior is a class with `sample`, named in `PRIORS`.
"""

import dataclasses
import math
from typing import Protocol

import tensorflow as tf

from model import replicas


class Prior(Protocol):
    """Draws representations."""

    def sample(self, batch: tf.Tensor, dim: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns float32 [batch, dim]; `seed` is int [2] (see `model.replicas`)."""


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
        distance: of a centre from 0, in standard deviations of a component.
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
