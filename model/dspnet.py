"""DSPnet as a Keras model: what a training step and a validation step do."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from model import replicas
from model.adversarial import AdversarialPrior
from model.augmentation import augment
from model.config import TrainingConfig
from model.contrastive import contrastive_loss
from model.full_catalogue import full_catalogue_loss, target_ranks
from model.input import FUTURE_ITEMS, FUTURE_SCENES, HISTORY_ITEMS, HISTORY_SCENES, NEXT_ITEM
from model.losses import LOSSES
from model.metrics import ndcg_at
from model.negative_sampling import SAMPLERS, in_batch
from model.network import DSPnetNetwork, Outputs, Representations, Scores
from model.priors import PRIORS
from model.sampled_loss import sampled_loss

Batch = dict[str, tf.Tensor]

VALIDATION_METRIC = "next_item_ndcg@10"
_VALIDATION_K = 10


class DSPnet(tf_keras.Model):
    """Trains a network on the objective of Eq. 9, in turn with the discriminators of Eq. 4.

    Args:
        network: the network, which alone is exported.
        config: objective and weights.
        global_batch_size: sequences a step over all replicas, by which summed losses are divided.
        item_log_frequency: float [N_v], the log of each item's share of train futures, for in-batch negatives.

    Raises:
        ValueError: if in-batch negatives are asked for in batches of one.
    """

    def __init__(
        self,
        network: DSPnetNetwork,
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
        self.weights_of_terms = {
            "item_loss": 1.0,
            "scene_loss": config.scene_weight,
            "apr_loss": config.adversarial.weight,
            "ccr_loss": config.contrastive.weight,
        }
        names = ["loss", "item_loss", "scene_loss", VALIDATION_METRIC]
        self.adversary = None
        if config.adversarial.weight:
            self.adversary = AdversarialPrior(PRIORS[config.adversarial.prior], config.adversarial.generator_loss)
            names += ["apr_loss", "D_S_accuracy", "D_V_accuracy"]
        if config.contrastive.weight:
            names.append("ccr_loss")
        self.means = {name: tf_keras.metrics.Mean(name) for name in names}
        self._build()

    def _build(self) -> None:
        """Creates all weights, so that a checkpoint can be restored into them."""
        one = tf.ones([1, 1], tf.int32)
        known = self.network.represent(one, one)
        self.network.outputs(known, one)
        if self.adversary:
            self.adversary.build(known)

    def compile(
        self,
        optimizer: tf_keras.optimizers.Optimizer,
        discriminator_optimizer: tf_keras.optimizers.Optimizer,
        **kwargs: Any,
    ) -> None:
        """Sets one optimizer for the network and one for the discriminators."""
        super().compile(optimizer=optimizer, **kwargs)
        self.discriminator_optimizer = discriminator_optimizer
        optimizer.build(self.network.trainable_variables)
        if self.adversary:
            discriminator_optimizer.build(self.adversary.trainable_variables)

    @property
    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """The running means that Keras resets at every epoch."""
        return list(self.means.values())

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def call(self, batch: Batch, training: bool | None = None) -> Scores:
        """Scores all candidates for the histories of a batch (see `model.input`)."""
        return self.network(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], training=training)

    def _item_loss(self, outputs: Outputs, targets: tf.Tensor) -> tf.Tensor:
        """Returns L_DSL of items (Eq. 6b) over the whole catalogue, float [batch]."""
        table, bias = self.network.item_embedding.table, self.network.item_bias
        return full_catalogue_loss(self.config.objective, outputs.o_item, table, bias, targets, outputs.copies)

    def _sampled_item_loss(self, outputs: Outputs, targets: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns L_DSL of items over a row's targets and negatives that the global batch shares, float [batch]."""
        config, table, bias = self.config.candidates, self.network.item_embedding.table, self.network.item_bias
        if config.sampling == "in_batch":
            drawn = in_batch(replicas.gather(targets), self.item_log_frequency)
        else:
            drawn = SAMPLERS[config.sampling](len(self.item_log_frequency), config.number, seed)
        return sampled_loss(self.config.objective, outputs.o_item, table, bias, targets, drawn, outputs.copies)

    def _scene_loss(self, outputs: Outputs, targets: tf.Tensor) -> tf.Tensor:
        """Returns L_DSL of scenes (Eq. 6a) over all scenes, which are few, float [batch]."""
        return LOSSES[self.config.objective](self.network.score_scenes(outputs), targets)

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Trains the discriminators on Eq. 4, then the network on Eq. 9; both see one encoding of the batch."""
        seed = tf.random.experimental.stateless_fold_in([self.config.seed, 0], self.optimizer.iterations)
        for_prior, for_augmentation, for_negatives = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
        with tf.GradientTape() as tape:
            known, augmented = self._encode(batch, for_augmentation)
            outputs = self.network.outputs(known, batch[HISTORY_ITEMS])
            targets = batch[FUTURE_ITEMS]
            terms = {
                "item_loss": self._item_loss(outputs, targets)
                if self.config.candidates.sampling == "none"
                else self._sampled_item_loss(outputs, targets, for_negatives)
            }
            if self.config.scene_weight:
                terms["scene_loss"] = self._scene_loss(outputs, batch[FUTURE_SCENES])
            measures: Batch = {}
            if self.adversary:
                with tape.stop_recording():
                    draws = self.adversary.draw(known, for_prior)
                    measures = self._train_discriminators(self.adversary, known, draws)
                terms["apr_loss"] = self.adversary.generator_loss(self.adversary.logits(known, draws))
            if augmented is not None:
                terms["ccr_loss"] = self._contrastive_loss(known, augmented)
            total = tf.add_n([self.weights_of_terms[name] * term for name, term in terms.items()])
            # Replicas sum their gradients, so each divides by the batch of all of them.
            loss = tf.reduce_sum(total) / self.global_batch_size
        self.optimizer.minimize(loss, self.network.trainable_variables, tape=tape)
        return self._update({"loss": total, **terms, **measures})

    def _encode(self, batch: Batch, seed: tf.Tensor) -> tuple[Representations, tuple[tf.Tensor, tf.Tensor] | None]:
        """Encodes the histories and, where L_CCR needs them, N+ augmented copies, in one pass.

        Returns:
            the representations of the batch, and h_S+ and h_V+ of the copies, float [N+, batch, d].
        """
        items, scenes = batch[HISTORY_ITEMS], batch[HISTORY_SCENES]
        if not self.config.contrastive.weight:
            return self.network.represent(items, scenes, training=True), None
        number, share = self.config.contrastive.positives, self.config.contrastive.mask_share
        items, scenes = [self.network.latest(items)], [self.network.latest(scenes)]
        for_items, for_scenes = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        if self.network.config.encoding == "pair":
            for_scenes = for_items  # the same events are masked and moved in both
        for copy in range(number):
            item_seed, scene_seed = (
                tf.random.experimental.stateless_fold_in(seed, copy) for seed in (for_items, for_scenes)
            )
            items.append(augment(items[0], item_seed, self.network.item_embedding.mask_index, share))
            scenes.append(augment(scenes[0], scene_seed, self.network.scene_embedding.mask_index, share))
        encoded = self.network.encode(tf.concat(items, axis=0), tf.concat(scenes, axis=0), training=True)
        h_scene, h_item = (tf.reshape(h, [1 + number, -1, h.shape[1]]) for h in encoded)
        return self.network.enhance(h_scene[0], h_item[0]), (h_scene[1:], h_item[1:])

    def _train_discriminators(self, adversary: AdversarialPrior, known: Representations, draws: Batch) -> Batch:
        """Lets D_S and D_V climb Eq. 4; returns their accuracies on what they had not yet learned from."""
        with tf.GradientTape() as tape:
            logits = adversary.logits(known, draws)
            loss = -tf.reduce_sum(adversary.value(logits)) / self.global_batch_size
        self.discriminator_optimizer.minimize(loss, adversary.trainable_variables, tape=tape)
        return adversary.accuracies(logits)

    def _contrastive_loss(self, known: Representations, augmented: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Returns L_CCR = L_CCR of scenes + L_CCR of items (Eq. 8 and 9), float [batch]."""
        config = self.config.contrastive
        return tf.add_n(
            [
                contrastive_loss(h, copies, config.positive_temperature, config.negative_temperature)
                for h, copies in zip((known.h_scene, known.h_item), augmented, strict=True)
            ]
        )

    @tf.autograph.experimental.do_not_convert  # it would rewrite Keras' own source
    def test_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Measures the prediction losses and NDCG@10 of the next item over the full catalogue."""
        known = self.network.represent(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], training=False)
        outputs = self.network.outputs(known, batch[HISTORY_ITEMS])
        table, bias = self.network.item_embedding.table, self.network.item_bias
        target = tf.reshape(batch[NEXT_ITEM], [-1, 1])  # of static width, which batches read from files have not
        ranks = target_ranks(outputs.o_item, table, bias, target, _VALIDATION_K, outputs.copies)
        values = {
            "item_loss": self._item_loss(outputs, batch[FUTURE_ITEMS]),
            "scene_loss": self._scene_loss(outputs, batch[FUTURE_SCENES]),
            VALIDATION_METRIC: ndcg_at(ranks, tf.ones_like(ranks, tf.bool), _VALIDATION_K),
        }
        return self._update(values)

    def _update(self, values: Batch) -> dict[str, tf.Tensor]:
        for name, value in values.items():
            self.means[name].update_state(value)
        return {name: self.means[name].result() for name in values}
