"""The losses of `model.losses.full` over a few candidates: a row's targets and the negatives that its batch shares.

Only these candidates' rows are read, so that the gradient by a table is row-sparse: a step costs the same in a
catalogue of any size.

Negatives are drawn from a known distribution Q and stand for the catalogue. With S draws with replacement, candidate k
is expected S Q(k) times. A sum over the whole catalogue is estimated without bias by the sum over the draws of what is
summed, divided by S Q(k): in logits, by taking log(S Q(k)) off (the logQ correction).
"""

import math
from typing import NamedTuple

import tensorflow as tf

from model.data.vocabulary import find
from model.losses.full import KnownTargets, known_targets
from model.networks.copy_head import CopyScores, add_copies, add_copies_at
from model.networks.item_scorer import scores_at
from model.networks.scene_head import SceneOffset


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


def sampled_loss(
    objective: str,
    outputs: tf.Tensor,
    embeddings: tf.Tensor | tf.Variable,
    bias: tf.Tensor | tf.Variable | None,
    targets: tf.Tensor,
    negatives: Negatives,
    copies: CopyScores | None = None,
    calibration: float = 0.75,
    offset: SceneOffset | None = None,
) -> tf.Tensor:
    """Eq. 6, or cross-entropy, over the targets of a row and the shared negatives that are not among them.

    ``bce`` is the mean of Eq. 6 over these candidates, a negative counted as often as it was drawn.

    ``gbce`` is generalised binary cross-entropy (Petrov and Macdonald 2023, gSASRec). Few negatives make ``bce``
    overconfident: it learns a sigmoid of P / (P + a (1 - P)) for a target of probability P, where a = K / (N - 1) is
    the rate at which negatives are drawn. So the sigmoid at a target is raised to the power of

        b = a (t (1 - 1/a) + 1/a) = 1 - t (1 - a),

    which gives b P / (b P + a (1 - P)): overconfident as ever for t = 0, the probability itself for t = 1. With several
    targets a row each has this power. Two choices where the paper is silent: draws are with replacement, so K may
    exceed N - 1, and then b > 1 makes up for too little confidence; and a sampler that is not uniform has the mean
    rate.

    ``softmax`` is the cross-entropy of softmax over the candidates against the empirical distribution of the targets,
    where the log of how often a negative was expected to be drawn is taken off its score. Nothing is taken off a
    target, which is there for certain: so the sum below the fraction is an unbiased estimate of that over the whole
    catalogue, and what is learned has no bias towards popular targets.

    Args:
        objective: ``bce``, ``gbce`` or ``softmax``.
        outputs: o, float [batch, d].
        embeddings: float [N + 2, d]; row k is candidate k, row 0 is padding and row N + 1 unknown.
        bias: float [N], or None.
        targets: int [batch, targets], indices 1..N, each once a row except under ``softmax``; 0 is padding and
            indices above N (not in the catalogue) count for nothing.
        negatives: from a sampler of `model.losses.sampled`.
        copies: raises the scores of its cells, as `model.networks.copy_head.add_copies` does, before any correction.
        calibration: t of ``gbce``, from 0 to 1; the other objectives ignore it.
        offset: what the scene head adds to the scores.

    Returns:
        float [batch]. A row without targets has the negatives alone under ``bce`` and ``gbce``, 0 under ``softmax``.
    """
    size = embeddings.shape[0] - 2
    known = known_targets(targets, size)
    at_targets = scores_at(outputs, embeddings, bias, known.rows, known.columns, offset)
    at_negatives = tf.matmul(outputs, tf.gather(embeddings, negatives.columns + 1), transpose_b=True)
    if bias is not None:
        at_negatives += tf.gather(bias, negatives.columns)
    if offset is not None:
        at_negatives += offset.scale * offset.of(negatives.columns)
    return loss_of_scores(objective, at_targets, at_negatives, targets, negatives, size, copies, calibration)


def loss_of_scores(
    objective: str,
    at_targets: tf.Tensor,
    at_negatives: tf.Tensor,
    targets: tf.Tensor,
    negatives: Negatives,
    catalogue_size: int,
    copies: CopyScores | None,
    calibration: float,
) -> tf.Tensor:
    """Returns `sampled_loss` for scores that come from anywhere, before copies.

    Args:
        objective: as for `sampled_loss`, like `targets`, `negatives`, `copies` and `calibration`.
        at_targets: float [P], the scores at `model.losses.full.known_targets`.
        at_negatives: float [batch, U], the scores of the negatives.
        targets: int [batch, targets].
        negatives: U of them.
        catalogue_size: number N of candidates.
        copies: raises the scores of its cells.
        calibration: t of ``gbce``.

    Returns:
        float [batch].
    """
    known = known_targets(targets, catalogue_size)
    if copies is not None:
        at_targets = add_copies_at(at_targets, known.rows, known.columns, copies)
        found, place = find(negatives.columns, copies.columns)
        cells = CopyScores(tf.gather(copies.rows, found), place, tf.gather(copies.values, found))
        at_negatives = add_copies(at_negatives, cells)
    weights = _negative_weights(known, negatives, tf.shape(at_negatives))
    if objective in ("bce", "gbce"):
        power = 1.0 if objective == "bce" else _gbce_power(negatives, catalogue_size, calibration)
        return _binary_cross_entropy(at_targets, at_negatives, weights, known.rows, power)
    at_negatives -= tf.cast(negatives.log_expected, at_negatives.dtype)
    return _softmax_cross_entropy(at_targets, at_negatives, weights, known, targets)


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


def _negative_weights(known: KnownTargets, negatives: Negatives, shape: tf.Tensor) -> tf.Tensor:
    """Returns how often each negative counts in each row, float [batch, U]: 0 where it is a target of the row."""
    found, place = find(negatives.columns, known.columns)
    cells = tf.stack([tf.gather(known.rows, found), place], axis=1)
    weights = tf.broadcast_to(negatives.counts, shape)
    return tf.tensor_scatter_nd_update(weights, cells, tf.zeros([tf.shape(cells)[0]], weights.dtype))


def _gbce_power(negatives: Negatives, catalogue_size: int, calibration: float) -> tf.Tensor:
    """Returns b of ``gbce``, a scalar."""
    if catalogue_size == 1:  # nothing is left out where there is no other candidate
        return tf.constant(1.0)
    rate = tf.reduce_sum(negatives.counts) / (catalogue_size - 1)
    return 1 - calibration * (1 - rate)


def _binary_cross_entropy(
    at_targets: tf.Tensor, at_negatives: tf.Tensor, weights: tf.Tensor, rows: tf.Tensor, power: tf.Tensor | float
) -> tf.Tensor:
    batch = tf.shape(at_negatives)[0]
    weights = tf.cast(weights, at_negatives.dtype)
    # softplus(-x) is softplus(x) - x without its cancellation where x is large.
    total = tf.reduce_sum(weights * tf.math.softplus(at_negatives), axis=1)
    positive = tf.cast(power, at_targets.dtype) * tf.math.softplus(-at_targets)
    total += tf.math.unsorted_segment_sum(positive, rows, batch)
    number = tf.reduce_sum(weights, axis=1) + tf.math.unsorted_segment_sum(tf.ones_like(at_targets), rows, batch)
    return tf.math.divide_no_nan(total, number)


def _softmax_cross_entropy(
    at_targets: tf.Tensor, at_negatives: tf.Tensor, weights: tf.Tensor, known: KnownTargets, targets: tf.Tensor
) -> tf.Tensor:
    batch = tf.shape(targets)[0]
    # Not minus infinity: a row with no candidate at all has a gradient too, if only one of zero.
    absent = tf.constant(at_targets.dtype.min / 2, at_targets.dtype)
    weights = tf.cast(weights, at_negatives.dtype)
    negatives = tf.where(weights > 0, at_negatives + tf.math.log(tf.maximum(weights, 1)), absent)
    once = at_targets - tf.math.log(_multiplicity(known, at_targets.dtype))
    positives = tf.tensor_scatter_nd_update(tf.fill(tf.shape(targets), absent), known.places, once)
    partition = tf.reduce_logsumexp(tf.concat([positives, negatives], axis=1), axis=1)
    number = tf.math.unsorted_segment_sum(tf.ones_like(at_targets), known.rows, batch)
    mean = tf.math.divide_no_nan(tf.math.unsorted_segment_sum(at_targets, known.rows, batch), number)
    return tf.where(number > 0, partition - mean, 0.0)


def _multiplicity(known: KnownTargets, dtype: tf.DType) -> tf.Tensor:
    """Returns how often each target stands in its row, float [P]: candidates are below the fraction but once."""
    width = tf.reduce_max(tf.concat([known.columns, [0]], axis=0)) + 1
    _, place, counts = tf.unique_with_counts(known.rows * width + known.columns)
    return tf.cast(tf.gather(counts, place), dtype)
