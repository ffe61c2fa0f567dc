"""DSPnet as a Keras model: what a training step and a validation step do."""

from typing import Any

import tensorflow as tf
import tf_keras

from model import metrics
from model.config import TrainingConfig
from model.input import FUTURE_ITEMS, FUTURE_SCENES, HISTORY_ITEMS, HISTORY_SCENES, NEXT_ITEM
from model.losses import LOSSES
from model.network import DSPnetNetwork, Scores

Batch = dict[str, tf.Tensor]

VALIDATION_METRIC = "next_item_ndcg@10"
_VALIDATION_K = 10


class DSPnet(tf_keras.Model):
    """Trains a network on the dual sequence loss L_DSL of items and scenes (Eq. 6 and 9).

    Args:
        network: the network, which alone is exported.
        config: objective and weights.
        global_batch_size: sequences a step over all replicas, by which summed losses are divided.
    """

    def __init__(self, network: DSPnetNetwork, config: TrainingConfig, global_batch_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.network = network
        self.config = config
        self.global_batch_size = global_batch_size
        self.means = {
            name: tf_keras.metrics.Mean(name) for name in ("loss", "item_loss", "scene_loss", VALIDATION_METRIC)
        }

    @property
    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """The running means that Keras resets at every epoch."""
        return list(self.means.values())

    def call(self, batch: Batch, training: bool | None = None) -> Scores:
        """Scores all candidates for the histories of a batch (see `model.input`)."""
        return self.network(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], training=training)

    def prediction_losses(self, batch: Batch, scores: Scores) -> Batch:
        """Returns L_DSL of items and of scenes (Eq. 6), each float [batch]."""
        loss = LOSSES[self.config.objective]
        return {
            "item_loss": loss(scores.items, batch[FUTURE_ITEMS]),
            "scene_loss": loss(scores.scenes, batch[FUTURE_SCENES]),
        }

    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Minimises L_DSL of items plus lambda times L_DSL of scenes (Eq. 9)."""
        with tf.GradientTape() as tape:
            terms = self.prediction_losses(batch, self(batch, training=True))
            total = terms["item_loss"] + self.config.scene_weight * terms["scene_loss"]
            # Replicas sum their gradients, so each divides by the batch of all of them.
            loss = tf.reduce_sum(total) / self.global_batch_size
        variables = self.network.trainable_variables
        self.optimizer.minimize(loss, variables, tape=tape)
        return self._update({"loss": total, **terms})

    def test_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Measures the losses and NDCG@10 of the next item over the full catalogue."""
        scores = self(batch, training=False)
        terms = self.prediction_losses(batch, scores)
        target = batch[NEXT_ITEM]
        ranks = metrics.target_ranks(scores.items, target, _VALIDATION_K)
        ndcg = metrics.ndcg_at(ranks, tf.ones_like(target, tf.bool), _VALIDATION_K)
        total = terms["item_loss"] + self.config.scene_weight * terms["scene_loss"]
        return self._update({"loss": total, **terms, VALIDATION_METRIC: ndcg})

    def _update(self, values: Batch) -> dict[str, tf.Tensor]:
        for name, value in values.items():
            self.means[name].update_state(value)
        return {name: self.means[name].result() for name in values}
