"""Two contrasts between the sequences of a batch.

- `contrastive_loss`: conditional contrastive regularisation L_CCR of DSPnet (Eq. 8).
- `supervised_contrast`: the context-context contrast of ContraRec, which draws views of sequences that share a next
  item together. It is the supervised contrastive loss (Khosla et al. 2020, L_out), where the next item is the class of
  a sequence (Wang et al. 2023, Sequential Recommendation with Multiple Contrast Signals); several are several classes.
"""

import tensorflow as tf

from model.training import replicas
from schemas.catalogue import PAD_INDEX

_SHORTEST = 1e-6
"""Length below which a state has no direction."""


def contrastive_loss(
    anchors: tf.Tensor, positives: tf.Tensor, positive_temperature: float, negative_temperature: float
) -> tf.Tensor:
    """L_CCR of one kind of sequence, for each anchor h (Eq. 8).

    With s(a, b) = a . b / tau it is

        - sum_i w+_i s(h, h+_i) + sum_j w-_j s(h, h-_j)

    where w+ = softmax(-s+) looks hardest at the augmented copies that are least alike and w- = softmax(s-) at the
    other sequences that are most alike. Both weights have gradients, as the equation is written.

    Args:
        anchors: h, float [batch, d]; the negatives of each are all others of the global batch.
        positives: h+, float [N+, batch, d], the augmented copies of each anchor.
        positive_temperature: tau+.
        negative_temperature: tau-.

    Returns:
        float [batch]; without other sequences the second term is 0.
    """
    alike = tf.einsum("bd,nbd->bn", anchors, positives) / positive_temperature
    attraction = tf.reduce_sum(tf.nn.softmax(-alike, axis=1) * alike, axis=1)

    everyone = replicas.gather(anchors)
    batch = tf.shape(anchors)[0]
    itself = tf.one_hot(
        replicas.first_row(batch) + tf.range(batch), tf.shape(everyone)[0], on_value=True, off_value=False
    )
    alike = tf.matmul(anchors, everyone, transpose_b=True) / negative_temperature
    weights = tf.nn.softmax(tf.where(itself, alike.dtype.min, alike), axis=1)
    repulsion = tf.reduce_sum(tf.where(itself, 0.0, weights * alike), axis=1)
    return repulsion - attraction


def supervised_contrast(views: tf.Tensor, labels: tf.Tensor | None, temperature: float) -> tf.Tensor:
    """Supervised contrastive loss L_out of each sequence, the mean over its views as anchors.

    With s(a, b) = cos(a, b) / tau, A all other views of the global batch, and P those of A that are
    of the anchor's own sequence or of one that shares a label with it, an anchor h has the loss

        - 1/|P| sum_{p in P} log( exp s(h, p) / sum_{a in A} exp s(h, a) )

    Where the papers are silent: an anchor without positives (one view alone, of a label that nobody shares) has loss
    0; a state of no length has no direction, so its cosines are 0 and it has no gradient. ContraRec's published code
    multiplies the loss by tau; as that is but a weight, it is left to the weight of the loss.

    Args:
        views: float [n, batch, d], the states of n augmented views of each sequence, of any length.
        labels: int [batch, L], the next items of each sequence, 0 where padded; a sequence without any has its own
            views alone as positives. None is 0 for all, which makes this NT-Xent (Chen et al. 2020). Any other number
            is a label: give 0 for a next item that is not in the catalogue, lest all of these be taken for one.
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
        related = tf.logical_or(related, tf.repeat(_share_label(replicas.gather(labels), place), number, axis=1))
    itself = place[:, tf.newaxis] * number + tf.range(number)
    others = tf.one_hot(itself, tf.size(owners), on_value=False, off_value=True)
    positive = tf.logical_and(related[:, tf.newaxis], others)

    partition = tf.reduce_logsumexp(tf.where(others, alike, alike.dtype.min), axis=2)
    total = tf.reduce_sum(tf.where(positive, alike, 0.0), axis=2)
    counts = tf.reduce_sum(tf.cast(positive, alike.dtype), axis=2)
    losses = tf.where(counts > 0, partition - tf.math.divide_no_nan(total, counts), 0.0)
    return tf.reduce_mean(losses, axis=1)


def _share_label(labels: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """Returns which rows have a label in common with those at some places, bool [places, batch].

    Args:
        labels: int [batch, L], 0 where padded.
        place: int32 [places].
    """
    batch, width = tf.unstack(tf.shape(labels))
    flat = tf.reshape(labels, [-1])
    distinct, label = tf.unique(flat)
    cells = tf.stack([tf.repeat(tf.range(batch), width), label], axis=1)
    has = tf.zeros([batch, tf.size(distinct)])
    has = tf.tensor_scatter_nd_max(has, cells, tf.cast(flat != PAD_INDEX, tf.float32))
    return tf.matmul(tf.gather(has, place), has, transpose_b=True) > 0


def _directions(states: tf.Tensor) -> tf.Tensor:
    """Returns states of length 1, or 0 for those of next to none."""
    square = tf.reduce_sum(states * states, axis=-1, keepdims=True)
    long = square > _SHORTEST**2
    # The inner choice keeps a division by zero out of the gradient, which the outer one would multiply by 0.
    return tf.where(long, states * tf.math.rsqrt(tf.where(long, square, 1.0)), 0.0)
