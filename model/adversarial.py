"""Adversarial prior regularisation (Eq. 4), in logits: log D = -softplus(-l) and log(1 - D) = -softplus(l)."""

import tensorflow as tf

from model.discriminator import Discriminator
from model.network import Representations
from model.priors import Prior


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


class AdversarialPrior(tf.Module):
    """Both discriminators of Eq. 4 and the prior that they compare z_S and z_V with.

    Args:
        prior: the prior p(z) of both.
        generator_loss: which of `GENERATOR_LOSSES` the network minimises.
    """

    def __init__(self, prior: Prior, generator_loss: str):
        super().__init__(name="adversarial_prior")
        self._prior = prior
        self._generator_loss = GENERATOR_LOSSES[generator_loss]
        self.discriminators = {"D_S": Discriminator(name="D_S"), "D_V": Discriminator(name="D_V")}

    def build(self, known: Representations) -> None:
        """Creates the weights of both discriminators."""
        for name, discriminator in self.discriminators.items():
            discriminator(_judged(known)[name])

    def draw(self, known: Representations, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Draws from the prior what each discriminator compares with its z, float [batch, width]."""
        return {
            name: self._prior.sample(tf.shape(z)[0], z.shape[1], tf.random.experimental.stateless_fold_in(seed, number))
            for number, (name, z) in enumerate(_judged(known).items())
        }

    def logits(self, known: Representations, draws: dict[str, tf.Tensor]) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """Returns each discriminator's logits of its draws and of its z, float [batch] each."""
        return {
            name: (discriminator(draws[name]), discriminator(_judged(known)[name]))
            for name, discriminator in self.discriminators.items()
        }

    def value(self, logits: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
        """Returns Eq. 4, which the discriminators maximise, float [batch]."""
        return tf.add_n([minimax(*pair) for pair in logits.values()])

    def generator_loss(self, logits: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
        """Returns L_APR, which the network minimises, float [batch]."""
        return tf.add_n([self._generator_loss(*pair) for pair in logits.values()])

    def accuracies(self, logits: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> dict[str, tf.Tensor]:
        """Returns ``D_S_accuracy`` and ``D_V_accuracy``, how often each discriminator is right, float [batch]."""
        return {f"{name}_accuracy": accuracy(*pair) for name, pair in logits.items()}


def _judged(known: Representations) -> dict[str, tf.Tensor]:
    return {"D_S": known.z_scene, "D_V": known.z_item}
