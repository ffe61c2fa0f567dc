"""Adversarial prior regularisation (Eq. 4), in logits: log D = -softplus(-l) and log(1 - D) = -softplus(l)."""

import tensorflow as tf


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
