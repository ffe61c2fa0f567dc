"""The training of any method: a step, a validation step, and the losses of prediction (Eq. 6)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from model.config import VALIDATION_METRIC, TrainingConfig
from model.data.batches import FUTURE_ITEMS, FUTURE_SCENES, HISTORY_ITEMS, HISTORY_SCENES, NEXT_ITEM
from model.evaluation.metrics import ndcg_at
from model.losses.chunked import full_catalogue_loss, target_ranks
from model.losses.full import LOSSES
from model.losses.sampled import SAMPLERS, Negatives, in_batch, sampled_loss
from model.methods import load
from model.networks.base import Network, Outputs, Scores, log_frequency
from model.networks.copy_head import CopyScores
from model.training import replicas
from model.training.lazy_adam import LazyAdam
from schemas.catalogue import PAD_INDEX, Catalogue

Batch = dict[str, tf.Tensor]

_VALIDATION_K = 10


class Recommender(tf_keras.Model):
    """Trains a network on the prediction of items and scenes, and on what a method adds to that.

    Its own objective is the vanilla one, L_DSL of items + lambda L_DSL of scenes; a method overrides `terms`.

    Args:
        network: the network, which alone is exported.
        config: objective and weights.
        global_batch_size: sequences a step over all replicas, by which summed losses are divided.
        item_log_frequency: float [N_v], the log of each item's share of train futures, for in-batch negatives.

    Raises:
        ValueError: if in-batch negatives are asked for in batches of one.
    """

    has_all_prefixes: ClassVar[bool] = False
    """Whether the target ``prefix`` is made of whole histories by `terms` itself, and needs no cut sequences."""

    def __init__(
        self,
        network: Network,
        config: TrainingConfig,
        global_batch_size: int,
        item_log_frequency: npt.NDArray[np.float32],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if config.candidates.sampling == "in_batch" and global_batch_size == 1:
            raise ValueError("in_batch negatives are the targets of other sequences: training.batch_size must be > 1.")
        # A tensor, for a function to capture: an array would become part of its graph, millions of numbers and all.
        self.item_log_frequency = tf.constant(item_log_frequency)
        self.network = network
        self.config = config
        self.global_batch_size = global_batch_size
        own = {name: weight for name, weight in self.own_terms(config).items() if weight}
        self.weights_of_terms = {"item_loss": 1.0, "scene_loss": config.scene_weight, **own}
        names = ["loss", "item_loss", "scene_loss", VALIDATION_METRIC, *own, *self.own_measures(config)]
        self.means = {name: tf_keras.metrics.Mean(name) for name in names}
        self._build()

    @property
    def reads_order(self) -> bool:
        """Whether `terms` reads when events happened, and the future as it did."""
        return False

    @staticmethod
    def own_terms(config: TrainingConfig) -> Mapping[str, float]:
        """Returns the weights of the terms that a method adds, by name; a term of weight 0 is left out."""
        return {}

    @staticmethod
    def own_measures(config: TrainingConfig) -> Sequence[str]:
        """Returns the names of further values that a method measures."""
        return ()

    def _build(self) -> None:
        """Creates all weights, so that a checkpoint can be restored into them."""
        one = tf.ones([1, 1], tf.int32)
        self.network.outputs(self.network.represent(one, one), one)

    def compile(
        self,
        optimizer: tf_keras.optimizers.Optimizer,
        discriminator_optimizer: tf_keras.optimizers.Optimizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Sets the optimizer of the network, and that of its adversaries if a method has some."""
        super().compile(optimizer=optimizer, **kwargs)
        optimizer.build(self.trained_variables)

    @property
    def trained_variables(self) -> list[tf.Variable]:
        """Variables that a step changes."""
        return self.network.trainable_variables

    def checkpointed(self) -> dict[str, Any]:
        """Returns what the next step depends on, besides the states of dropout, by name."""
        return {"network": self.network, "optimizer": self.optimizer}

    @property
    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """The running means that Keras resets at every epoch."""
        return list(self.means.values())

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def call(self, batch: Batch, training: bool | None = None) -> Scores:
        """Scores all candidates for the histories of a batch (see `model.data.batches`)."""
        return self.network(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], training=training)

    def terms(self, batch: Batch, seed: tf.Tensor, tape: tf.GradientTape) -> tuple[Batch, Batch]:
        """Returns the terms of the loss, by their names in `weights_of_terms`, and further measured values.

        Args:
            batch: see `model.data.batches.index_batches`.
            seed: int [2], seed of all that the step draws but dropout.
            tape: tape that records the network's gradients.

        Returns:
            float [batch] each, by name.
        """
        known = self.network.represent(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], training=True)
        outputs = self.network.outputs(known, batch[HISTORY_ITEMS])
        return self.prediction_terms(outputs, batch, self.draw_negatives(batch[FUTURE_ITEMS], seed)), {}

    def prediction_terms(self, outputs: Outputs, batch: Batch, negatives: Negatives | None) -> Batch:
        """Returns L_DSL of items and, unless their weight is 0, of scenes (Eq. 6), float [batch] each."""
        terms = {"item_loss": self.item_loss(outputs.o_item, batch[FUTURE_ITEMS], outputs.copies, negatives)}
        if self.config.scene_weight:
            terms["scene_loss"] = self.scene_loss(outputs, batch[FUTURE_SCENES])
        return terms

    def draw_negatives(self, targets: tf.Tensor, seed: tf.Tensor) -> Negatives | None:
        """Draws what the global batch shares as negatives; None where the whole catalogue is compared."""
        config = self.config.candidates
        if config.sampling == "none":
            return None
        if config.sampling == "in_batch":
            return in_batch(replicas.gather(targets), self.item_log_frequency)
        return SAMPLERS[config.sampling](len(self.item_log_frequency), config.number, seed)

    def item_loss(
        self, queries: tf.Tensor, targets: tf.Tensor, copies: CopyScores | None, negatives: Negatives | None
    ) -> tf.Tensor:
        """Returns L_DSL of items (Eq. 6b) over the whole catalogue, or over targets and negatives, float [rows].

        Args:
            queries: [rows, ...], what candidates are compared with.
            targets: int [rows, targets], indices; 0 is padding.
            copies: what is copied from the histories of these rows.
            negatives: from `draw_negatives`.
        """
        table, bias = self.network.item_embedding.table, self.network.item_bias
        if negatives is None:
            return full_catalogue_loss(self.whole_objective, queries, table, bias, targets, copies)
        calibration = self.config.gbce_calibration
        return sampled_loss(self.config.objective, queries, table, bias, targets, negatives, copies, calibration)

    def scene_loss(self, outputs: Outputs, targets: tf.Tensor) -> tf.Tensor:
        """Returns L_DSL of scenes (Eq. 6a) over all scenes, which are few, float [batch]."""
        return LOSSES[self.whole_objective](self.network.score_scenes(outputs), targets)

    @property
    def whole_objective(self) -> str:
        """The objective over a whole catalogue, where nothing is sampled and gBCE is BCE."""
        return "bce" if self.config.objective == "gbce" else self.config.objective

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Makes a step on the weighted sum of the method's terms."""
        seed = tf.random.experimental.stateless_fold_in([self.config.seed, 0], self.optimizer.iterations)
        with tf.GradientTape() as tape:
            terms, measures = self.terms(batch, seed, tape)
            total = tf.add_n([self.weights_of_terms[name] * term for name, term in terms.items()])
            # Replicas sum their gradients, so each divides by the batch of all of them.
            loss = tf.reduce_sum(total) / self.global_batch_size
        self.optimizer.minimize(loss, self.trained_variables, tape=tape)
        return self._update({"loss": total, **terms, **measures})

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def test_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Measures the prediction losses and NDCG@10 of the next items over the full catalogue."""
        known = self.network.represent(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], training=False)
        outputs = self.network.outputs(known, batch[HISTORY_ITEMS])
        targets = batch[NEXT_ITEM]
        ranks = target_ranks(self.network.item_scorer, outputs.o_item, targets, _VALIDATION_K, outputs.copies)
        values = {
            "item_loss": self.validation_item_loss(outputs, batch[FUTURE_ITEMS]),
            "scene_loss": self.scene_loss(outputs, batch[FUTURE_SCENES]),
            VALIDATION_METRIC: ndcg_at(ranks, targets != PAD_INDEX, _VALIDATION_K),
        }
        return self._update(values)

    def validation_item_loss(self, outputs: Outputs, targets: tf.Tensor) -> tf.Tensor:
        """Returns the loss of items over the whole catalogue, float [batch]."""
        return self.item_loss(outputs.o_item, targets, outputs.copies, None)

    def _update(self, values: Batch) -> dict[str, tf.Tensor]:
        for name, value in values.items():
            self.means[name].update_state(value)
        return {name: self.means[name].result() for name in values}


def build_recommender(
    network: Network, config: TrainingConfig, global_batch_size: int, items: Catalogue
) -> Recommender:
    """Returns what trains a network, compiled.

    Args:
        network: network from `model.networks.base.build_network`.
        config: how to train; an objective that the method cannot be trained by gives way to the method's own.
        global_batch_size: sequences a step over all replicas.
        items: the item catalogue.
    """
    method = network.config.method
    recommender_class: type[Recommender] = load(method.recommender)
    config = config.model_copy(update={"objective": method.objective(config.objective)})
    model = recommender_class(network, config, global_batch_size, log_frequency(items))
    compile_model(model)
    return model


def compile_model(model: Recommender) -> None:
    """Gives a model its optimizers."""
    rate = model.config.learning_rate
    # Eq. 6 divides by the size of the catalogue, and so its gradient; beside it Adam's usual epsilon would brake.
    scale = len(model.item_log_frequency) if model.whole_objective == "bce" else 1
    model.compile(LazyAdam(rate, epsilon=1e-7 / scale), discriminator_optimizer=LazyAdam(rate))
