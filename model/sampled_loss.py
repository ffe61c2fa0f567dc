"""The losses of `model.losses` over a few candidates: a row's targets and the negatives that its batch shares.

Only these candidates' rows are read, so that the gradient by a table is row-sparse: a step costs the same in a
catalogue of any size.
"""

import tensorflow as tf

from model.chunked_scores import scores_at
from model.lookup import find
from model.negative_sampling import Negatives
from model.repeat import Copies, add_copies, add_copies_at
from model.targets import KnownTargets, known_targets


def sampled_loss(
    objective: str,
    outputs: tf.Tensor,
    embeddings: tf.Tensor | tf.Variable,
    bias: tf.Tensor | tf.Variable | None,
    targets: tf.Tensor,
    negatives: Negatives,
    copies: Copies | None = None,
) -> tf.Tensor:
    """Eq. 6, or cross-entropy, over the targets of a row and the shared negatives that are not among them.

    ``bce`` is the mean of Eq. 6 over these candidates, a negative counted as often as it was drawn. ``softmax`` is
    the cross-entropy of softmax over them against the uniform distribution over the targets, where the log of how
    often a negative was expected to be drawn is taken off its score. Nothing is taken off a target, which is there
    for certain: so the sum below the fraction is an unbiased estimate of that over the whole catalogue, and what
    is learned has no bias towards popular targets.

    Args:
        objective: ``bce`` or ``softmax``.
        outputs: o, float [batch, d].
        embeddings: float [N + 2, d]; row k is candidate k, row 0 is padding and row N + 1 unknown.
        bias: float [N], or None.
        targets: int [batch, targets], indices 1..N, each once a row; 0 is padding and indices above N (not in the
            catalogue) count for nothing.
        negatives: from a sampler of `model.negative_sampling`.
        copies: raises the scores of its cells, as `model.repeat.add_copies` does, before any correction.

    Returns:
        float [batch]. A row without targets has the negatives alone under ``bce``, and 0 under ``softmax``.
    """
    known = known_targets(targets, embeddings.shape[0] - 2)
    at_targets = scores_at(outputs, embeddings, bias, known.rows, known.columns)
    if copies is not None:
        at_targets = add_copies_at(at_targets, known.rows, known.columns, copies)
    at_negatives = _negative_scores(outputs, embeddings, bias, negatives, copies)
    weights = _negative_weights(known, negatives, tf.shape(at_negatives))
    if objective == "bce":
        return _binary_cross_entropy(at_targets, at_negatives, weights, known.rows)
    at_negatives -= tf.cast(negatives.log_expected, at_negatives.dtype)
    return _softmax_cross_entropy(at_targets, at_negatives, weights, known, targets)


def _negative_scores(
    outputs: tf.Tensor, embeddings: tf.Tensor, bias: tf.Tensor | None, negatives: Negatives, copies: Copies | None
) -> tf.Tensor:
    """Returns the scores of the negatives, float [batch, U]."""
    scores = tf.matmul(outputs, tf.gather(embeddings, negatives.columns + 1), transpose_b=True)
    if bias is not None:
        scores += tf.gather(bias, negatives.columns)
    if copies is None:
        return scores
    found, place = find(negatives.columns, copies.columns)
    return add_copies(scores, Copies(tf.gather(copies.rows, found), place, tf.gather(copies.values, found)))


def _negative_weights(known: KnownTargets, negatives: Negatives, shape: tf.Tensor) -> tf.Tensor:
    """Returns how often each negative counts in each row, float [batch, U]: 0 where it is a target of the row."""
    found, place = find(negatives.columns, known.columns)
    cells = tf.stack([tf.gather(known.rows, found), place], axis=1)
    weights = tf.broadcast_to(negatives.counts, shape)
    return tf.tensor_scatter_nd_update(weights, cells, tf.zeros([tf.shape(cells)[0]], weights.dtype))


def _binary_cross_entropy(
    at_targets: tf.Tensor, at_negatives: tf.Tensor, weights: tf.Tensor, rows: tf.Tensor
) -> tf.Tensor:
    batch = tf.shape(at_negatives)[0]
    weights = tf.cast(weights, at_negatives.dtype)
    # softplus(-x) is softplus(x) - x without its cancellation where x is large.
    total = tf.reduce_sum(weights * tf.math.softplus(at_negatives), axis=1)
    total += tf.math.unsorted_segment_sum(tf.math.softplus(-at_targets), rows, batch)
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
    positives = tf.tensor_scatter_nd_update(tf.fill(tf.shape(targets), absent), known.places, at_targets)
    partition = tf.reduce_logsumexp(tf.concat([positives, negatives], axis=1), axis=1)
    number = tf.math.unsorted_segment_sum(tf.ones_like(at_targets), known.rows, batch)
    mean = tf.math.divide_no_nan(tf.math.unsorted_segment_sum(at_targets, known.rows, batch), number)
    return tf.where(number > 0, partition - mean, 0.0)
