"""Prediction losses over the full candidate set: Eq. 6, and cross-entropy beside it.

Targets are indices of a catalogue; `known_targets` finds their cells in a score matrix, where what is padding or not in
the catalogue has none.
"""

from typing import NamedTuple

import tensorflow as tf

from schemas.catalogue import PAD_INDEX


def binary_cross_entropy(scores: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Eq. 6: mean over the K candidates of the binary cross-entropy of sigmoid(o . e_k) against y_k.

    With logits x it is (1/K) sum_k [softplus(x_k) - y_k x_k], so no logarithm of a sigmoid is taken.

    Args:
        scores: logits o . e_k, float [batch, K].
        targets: int [batch, targets], indices 1..K of the k with y_k = 1, each once a row; 0 is padding and
            indices above K (not in the catalogue) count for nothing.

    Returns:
        float [batch].
    """
    at_targets, counts = _target_scores(scores, targets)
    positive = tf.reduce_sum(at_targets * counts, axis=1)
    size = tf.cast(tf.shape(scores)[1], scores.dtype)
    return (tf.reduce_sum(tf.math.softplus(scores), axis=1) - positive) / size


def softmax_cross_entropy(scores: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of softmax over the candidates against the empirical distribution of the targets.

    That is the uniform distribution over targets that stand once each. One that stands m times among n has the
    share m / n.

    Args:
        scores: float [batch, K].
        targets: as in `binary_cross_entropy`, but may repeat.

    Returns:
        float [batch]; 0 for a row without targets.
    """
    at_targets, counts = _target_scores(scores, targets)
    number = tf.reduce_sum(counts, axis=1)
    positive = tf.math.divide_no_nan(tf.reduce_sum(at_targets * counts, axis=1), number)
    loss = tf.reduce_logsumexp(scores, axis=1) - positive
    return tf.where(number > 0, loss, 0.0)


LOSSES = {"bce": binary_cross_entropy, "softmax": softmax_cross_entropy}


class KnownTargets(NamedTuple):
    """The targets that are in the catalogue, row by row.

    Attributes:
        places: int64 [P, 2], where each stands in the [batch, targets] tensor.
        columns: int64 [P], the 0-based candidate.
    """

    places: tf.Tensor
    columns: tf.Tensor

    @property
    def rows(self) -> tf.Tensor:
        """int64 [P], the row of each."""
        return self.places[:, 0]


def known_targets(targets: tf.Tensor, catalogue_size: tf.Tensor | int) -> KnownTargets:
    """Finds the targets that are candidates.

    Args:
        targets: int [batch, targets], indices 1..N; 0 is padding, indices above N are not in the catalogue.
        catalogue_size: N.
    """
    targets = tf.cast(targets, tf.int64)
    known = tf.logical_and(tf.not_equal(targets, PAD_INDEX), targets <= tf.cast(catalogue_size, tf.int64))
    places = tf.where(known)
    return KnownTargets(places, tf.gather_nd(targets, places) - 1)


def _target_scores(scores: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the scores at the targets and 1.0 where a target counts, both float [batch, targets]."""
    counts = tf.logical_and(tf.not_equal(targets, PAD_INDEX), targets <= tf.shape(scores)[1])
    columns = tf.where(counts, targets - 1, 0)
    return tf.gather(scores, columns, axis=1, batch_dims=1), tf.cast(counts, scores.dtype)
