"""Negatives shared by a batch: a few candidates, drawn from a known distribution, that stand for the catalogue.

With S draws with replacement from Q, candidate k is expected S Q(k) times. A sum over the whole catalogue is
estimated without bias by the sum over the draws of what is summed, divided by S Q(k): in logits, by taking
log(S Q(k)) off (the logQ correction).
"""

import math
from typing import NamedTuple

import tensorflow as tf

from model.targets import known_targets


class Negatives(NamedTuple):
    """The candidates that were drawn.

    Attributes:
        columns: int64 [U], distinct 0-based candidates, rising.
        counts: float [U], how often each was drawn.
        log_expected: float [U], log(S Q(k)), the log of how often each was expected to be drawn.
    """

    columns: tf.Tensor
    counts: tf.Tensor
    log_expected: tf.Tensor


def uniform(catalogue_size: int, number: int, seed: tf.Tensor) -> Negatives:
    """Draws all candidates alike: Q(k) = 1 / N.

    Args:
        catalogue_size: N.
        number: S, how many draws.
        seed: int [2]; the same seed gives the same negatives on every replica.
    """
    draws = tf.random.stateless_uniform([number], seed, 0, catalogue_size, tf.int64)
    columns, counts = _distinct(draws)
    return Negatives(columns, counts, tf.fill(tf.shape(columns), math.log(number / catalogue_size)))


def log_uniform(catalogue_size: int, number: int, seed: tf.Tensor) -> Negatives:
    """Draws the head of a catalogue, which is sorted by falling count, more often than its tail (Zipf's law).

    Q(k) = (log(k + 2) - log(k + 1)) / log(N + 1) for k = 0..N-1, so its inverse is k = floor((N + 1)^u) - 1.
    Arguments as for `uniform`.
    """
    # With the 23 random bits of a float32 most of the tail of a large catalogue could never be drawn.
    position = tf.random.stateless_uniform([number], seed, dtype=tf.float64)
    draws = tf.cast(tf.exp(position * math.log(catalogue_size + 1)), tf.int64) - 1
    columns, counts = _distinct(tf.minimum(draws, catalogue_size - 1))
    share = tf.math.log1p(1.0 / (tf.cast(columns, tf.float32) + 1.0))
    return Negatives(columns, counts, tf.math.log(share) + math.log(number / math.log(catalogue_size + 1)))


SAMPLERS = {"uniform": uniform, "log_uniform": log_uniform}


def in_batch(targets: tf.Tensor, log_frequency: tf.Tensor) -> Negatives:
    """Takes the targets of a batch as the negatives of one another: draws from the distribution of targets.

    Args:
        targets: int, of any shape, the targets of the whole batch over all replicas, as indices 1..N; 0 is padding,
            and indices above N are dropped like it.
        log_frequency: log Q, float32 [N], the log of each candidate's share of train futures. It counts events,
            while a row has each of its targets once, so Q is near to what is drawn, not the same.
    """
    draws = known_targets(tf.reshape(targets, [1, -1]), tf.shape(log_frequency)[0]).columns
    columns, counts = _distinct(draws)
    number = tf.cast(tf.maximum(tf.size(draws), 1), tf.float32)
    return Negatives(columns, counts, tf.gather(log_frequency, columns) + tf.math.log(number))


def _distinct(draws: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    columns, _, counts = tf.unique_with_counts(tf.sort(draws))
    return columns, tf.cast(counts, tf.float32)
