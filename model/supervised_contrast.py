"""Context-context contrast of ContraRec: views of sequences with the same next item are drawn together.

It is the supervised contrastive loss (Khosla et al. 2020, L_out), where the next item is the class of a sequence
(Wang et al. 2023, Sequential Recommendation with Multiple Contrast Signals).
"""

import tensorflow as tf

from model import replicas
from schemas.catalogue import PAD_INDEX

_SHORTEST = 1e-6


def supervised_contrast(views: tf.Tensor, labels: tf.Tensor | None, temperature: float) -> tf.Tensor:
    """L_out of each sequence, the mean over its views as anchors.

    With s(a, b) = cos(a, b) / tau, A all other views of the global batch (`model.replicas`), and P those of A that are
    of the anchor's own sequence or of one with the same label, an anchor h has the loss

        - 1/|P| sum_{p in P} log( exp s(h, p) / sum_{a in A} exp s(h, a) )

    Where the papers are silent: an anchor without positives (one view alone, of a label that nobody shares) has loss
    0; a state of no length has no direction, so its cosines are 0 and it has no gradient. ContraRec's published code
    multiplies the loss by tau; as that is but a weight, it is left to the weight of the loss.

    Args:
        views: float [n, batch, d], the states of n augmented views of each sequence, of any length.
        labels: int [batch], the next item of each sequence; with 0 a sequence has its own views alone as positives.
            None is 0 for all, which makes this NT-Xent (Chen et al. 2020). Any other number is a label: give 0 for a
            next item that is not in the catalogue, lest all of these be taken for one.
        temperature: tau.

    Returns:
        float [batch].
    """
    number, batch = tf.unstack(tf.shape(views)[:2])
    anchors = _directions(tf.transpose(views, [1, 0, 2]))
    everyone = replicas.gather(anchors)
    owners = tf.repeat(tf.range(tf.shape(everyone)[0]), number)
    alike = tf.einsum("bnd,ad->bna", anchors, tf.reshape(everyone, [-1, views.shape[2]])) / temperature

    place = replicas.first_row(batch) + tf.range(batch)
    related = place[:, tf.newaxis] == owners
    if labels is not None:
        same = labels[:, tf.newaxis] == tf.repeat(replicas.gather(labels), number)
        related = tf.logical_or(related, tf.logical_and(same, labels[:, tf.newaxis] != PAD_INDEX))
    itself = place[:, tf.newaxis] * number + tf.range(number)
    others = tf.one_hot(itself, tf.size(owners), on_value=False, off_value=True)
    positive = tf.logical_and(related[:, tf.newaxis], others)

    partition = tf.reduce_logsumexp(tf.where(others, alike, alike.dtype.min), axis=2)
    total = tf.reduce_sum(tf.where(positive, alike, 0.0), axis=2)
    counts = tf.reduce_sum(tf.cast(positive, alike.dtype), axis=2)
    losses = tf.where(counts > 0, partition - tf.math.divide_no_nan(total, counts), 0.0)
    return tf.reduce_mean(losses, axis=1)


def _directions(states: tf.Tensor) -> tf.Tensor:
    """Returns states of length 1, or 0 for those of next to none."""
    square = tf.reduce_sum(states * states, axis=-1, keepdims=True)
    long = square > _SHORTEST**2
    # The inner choice keeps a division by zero out of the gradient, which the outer one would multiply by 0.
    return tf.where(long, states * tf.math.rsqrt(tf.where(long, square, 1.0)), 0.0)
