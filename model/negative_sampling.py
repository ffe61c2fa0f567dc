"""Negatives shared by a batch: a few candidates, drawn from a known distribution, that stand for the catalogue.

A sampler draws candidates with replacement and tells how often it expects to draw any: log(S Q(k)) for S draws
from Q. Softmax over a sample is unbiased only when this is taken off the scores (the logQ correction).
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.targets import known_targets


class Negatives(NamedTuple):
    """The candidates that were drawn.

    Attributes:
        columns: int64 [U], distinct 0-based candidates, rising.
        counts: float [U], how often each was drawn.
        log_expected: float [U], the log of how often each was expected to be drawn.
    """

    columns: tf.Tensor
    counts: tf.Tensor
    log_expected: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Draws all candidates alike: Q(k) = 1 / N.

    Attributes:
        catalogue_size: N.
        number: S, how many draws.
    """

    catalogue_size: int
    number: int

    def draw(self, seed: tf.Tensor) -> Negatives:
        """Draws negatives; `seed` is int [2], and the same seed gives the same negatives on every replica."""
        draws = tf.random.stateless_uniform([self.number], seed, 0, self.catalogue_size, tf.int64)
        return _negatives(draws, self)

    def log_expected(self, columns: tf.Tensor) -> tf.Tensor:
        """Returns log(S Q(k)) of 0-based candidates, float32 of their shape."""
        return tf.fill(tf.shape(columns), math.log(self.number / self.catalogue_size))


@dataclasses.dataclass(frozen=True)
class LogUniform:
    """Draws the head of a catalogue, which is sorted by falling count, more often than its tail (Zipf's law).

    Q(k) = (log(k + 2) - log(k + 1)) / log(N + 1) for k = 0..N-1, so its inverse is k = floor((N + 1)^u) - 1.

    Attributes:
        catalogue_size: N.
        number: S, how many draws.
    """

    catalogue_size: int
    number: int

    def draw(self, seed: tf.Tensor) -> Negatives:
        """Draws negatives; `seed` as for `Uniform`."""
        # With the 23 random bits of a float32 most of the tail of a large catalogue could never be drawn.
        uniform = tf.random.stateless_uniform([self.number], seed, dtype=tf.float64)
        draws = tf.cast(tf.exp(uniform * math.log(self.catalogue_size + 1)), tf.int64) - 1
        return _negatives(tf.minimum(draws, self.catalogue_size - 1), self)

    def log_expected(self, columns: tf.Tensor) -> tf.Tensor:
        """Returns log(S Q(k)) of 0-based candidates, float32 of their shape."""
        share = tf.math.log1p(1.0 / (tf.cast(columns, tf.float32) + 1.0))
        return tf.math.log(share) + math.log(self.number / math.log(self.catalogue_size + 1))


@dataclasses.dataclass(frozen=True)
class InBatch:
    """Takes the targets of a batch as the negatives of one another: S draws from the distribution of targets.

    Attributes:
        targets: int, of any shape, the targets of the whole batch over all replicas, as indices 1..N; 0 is padding,
            and indices above N are dropped like it.
        log_frequency: log Q, float32 [N], the log of each candidate's share of train futures.
    """

    targets: tf.Tensor
    log_frequency: tf.Tensor

    def draw(self, seed: tf.Tensor | None = None) -> Negatives:
        """Returns the targets as negatives; there is nothing random in it."""
        return _negatives(self._draws(), self)

    def log_expected(self, columns: tf.Tensor) -> tf.Tensor:
        """Returns log(S Q(k)) of 0-based candidates, float32 of their shape; S is 1 for a batch without targets."""
        number = tf.cast(tf.maximum(tf.size(self._draws()), 1), tf.float32)
        return tf.gather(self.log_frequency, columns) + tf.math.log(number)

    def _draws(self) -> tf.Tensor:
        return known_targets(tf.reshape(self.targets, [1, -1]), tf.shape(self.log_frequency)[0]).columns


def _negatives(draws: tf.Tensor, sampler: "Sampler") -> Negatives:
    columns, _, counts = tf.unique_with_counts(tf.sort(draws))
    return Negatives(columns, tf.cast(counts, tf.float32), sampler.log_expected(columns))


Sampler = Uniform | LogUniform | InBatch


def make_sampler(
    kind: str, number: int, targets: tf.Tensor, log_frequency: npt.NDArray[np.float32] | tf.Tensor
) -> Sampler:
    """Returns the sampler that `CandidatesConfig.sampling` names.

    Args:
        kind: ``uniform``, ``log_uniform`` or ``in_batch``.
        number: S, draws of the first two.
        targets: as of `InBatch`.
        log_frequency: float32 [N], as of `InBatch`.
    """
    if kind == "in_batch":
        return InBatch(targets, tf.convert_to_tensor(log_frequency))
    if kind == "uniform":
        return Uniform(len(log_frequency), number)
    return LogUniform(len(log_frequency), number)
