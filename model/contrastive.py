"""Conditional contrastive regularisation (Eq. 8)."""

import tensorflow as tf

from model import replicas


def contrastive_loss(
    anchors: tf.Tensor, positives: tf.Tensor, positive_temperature: float, negative_temperature: float
) -> tf.Tensor:
    """L_CCR of one kind of sequence, for each anchor h (Eq. 8).

    With s(a, b) = a . b / tau it is

        - sum_i w+_i s(h, h+_i) + sum_j w-_j s(h, h-_j)

    where w+ = softmax(-s+) looks hardest at the augmented copies that are least alike and w- = softmax(s-) at the
    other sequences that are most alike. Both weights have gradients, as the equation is written.

    Args:
        anchors: h, float [batch, d]; the negatives of each are all others of the global batch (`model.replicas`).
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
