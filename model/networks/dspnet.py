"""DSPnet: two encoders, their fusion, what candidates are compared with (Eq. 2 to 5), and its training (Eq. 9).

`DSPnetNetwork` is what is exported; `DSPnet` trains it, and adds adversarial prior regularisation (Eq. 4) and
conditional contrastive regularisation (Eq. 8) to the prediction of items and scenes.
"""

from typing import Any

import tensorflow as tf
import tf_keras

from model.config import ModelConfig, TrainingConfig
from model.data.augmentation import augment
from model.data.batches import FUTURE_ITEMS, HISTORY_ITEMS, HISTORY_SCENES
from model.losses.adversarial import PRIORS, AdversarialPrior
from model.losses.contrastive import contrastive_loss
from model.networks.base import Network, Outputs, Representations
from model.networks.encoder import SequenceEncoder
from model.training.recommender import Batch, Recommender
from schemas.catalogue import PAD_INDEX


class FusionMLP(tf_keras.layers.Layer):
    """The fusion MLP g of Eq. 3: z = g(h_S (+) h_V), where (+) is concatenation.

    Hidden layers are as wide as the concatenation and use GELU; the output is linear, so that z can follow
    its prior, which has no bounds.

    Args:
        dim: width of z.
        layers: number of dense layers; with none, z is its input.
    """

    def __init__(self, dim: int, layers: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.dim = dim
        self.depth = layers

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the dense layers."""
        hidden = int(input_shape[-1])
        self.layers = [
            tf_keras.layers.Dense(hidden, tf_keras.activations.gelu, name=f"hidden_{i}") for i in range(self.depth - 1)
        ]
        if self.depth:
            self.layers.append(tf_keras.layers.Dense(self.dim, name="output"))
        super().build(input_shape)

    def call(self, states: tf.Tensor) -> tf.Tensor:
        """Maps h_S (+) h_V, float [batch, d_S + d_V], to z, float [batch, dim]."""
        for layer in self.layers:
            states = layer(states)
        return states


class DSPnetNetwork(Network):
    """Reads items and scenes as two sequences and lets each inform the other; arguments as for `Network`."""

    paired = False
    """Whether an augmented copy must hide and move the same events in both sequences."""

    def __init__(self, config: ModelConfig, items: int, scenes: int, *priors: Any, **kwargs: Any):
        super().__init__(config, items, scenes, *priors, **kwargs)
        self._create_encoders()
        self.item_fusion = FusionMLP(config.item_dim, config.fusion_layers, name="g_V")
        self.scene_fusion = FusionMLP(config.scene_dim, config.fusion_layers, name="g_S")
        self.item_head = tf_keras.layers.Dense(config.item_dim, name="r_V")
        self.scene_head = tf_keras.layers.Dense(config.scene_dim, name="r_S")

    def _create_encoders(self) -> None:
        self.item_encoder = create_encoder(self.config, self.config.item_dim, "f_V")
        self.scene_encoder = create_encoder(self.config, self.config.scene_dim, "f_S")

    def encode(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes histories (Eq. 2).

        Args:
            items: int [batch, time], item indices, oldest first, 0 where padded.
            scenes: int [batch, time'], scene indices, oldest first, 0 where padded.
            training: whether dropout is on.

        Returns:
            h_S, float [batch, scene_dim], and h_V, float [batch, item_dim].
        """
        items, scenes = self.latest(items), self.latest(scenes)
        embedded_scenes, embedded_items = self._embed(scenes, items, training)
        h_scene = self.scene_encoder(embedded_scenes, scenes != PAD_INDEX, training=training)
        h_item = self.item_encoder(embedded_items, items != PAD_INDEX, training=training)
        return h_scene, h_item

    def _embed(self, scenes: tf.Tensor, items: tf.Tensor, training: bool | None) -> tuple[tf.Tensor, tf.Tensor]:
        return self.scene_embedding(scenes, training=training), self.item_embedding(items, training=training)

    def enhance(self, h_scene: tf.Tensor, h_item: tf.Tensor) -> Representations:
        """Lets each sequence inform the other (Eq. 3); without `ModelConfig.interplay`, each stands alone."""
        if self.config.interplay:
            both = tf.concat([h_scene, h_item], axis=1)
            z_scene, z_item = self.scene_fusion(both), self.item_fusion(both)
        else:
            z_scene, z_item = self.scene_fusion(h_scene), self.item_fusion(h_item)
        return Representations(h_scene, h_item, z_scene, z_item)

    def represent(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Representations:
        """Encodes and enhances histories (Eq. 2 and 3); arguments as in `encode`."""
        return self.enhance(*self.encode(items, scenes, training=training))

    def outputs(self, known: Any, items: tf.Tensor) -> Outputs:
        """See `Network.outputs` (Eq. 5)."""
        for_scenes, for_items = known.z_scene, known.z_item
        if self.config.interplay:
            for_scenes = for_items = tf.concat([known.z_scene, known.z_item], axis=1)
        copies = self.copies(items, for_items)
        return Outputs(self.scene_head(for_scenes), self.item_head(for_items), copies)


def create_encoder(config: ModelConfig, dim: int, name: str) -> SequenceEncoder:
    """Returns an encoder of the configured depth for events of width `dim`."""
    return SequenceEncoder(dim, config.max_length, config.layers, config.heads, config.dropout, name=name)


class DSPnet(Recommender):
    """Trains a network on the objective of Eq. 9, in turn with the discriminators of Eq. 4; as `Recommender`."""

    network: DSPnetNetwork

    @staticmethod
    def own_terms(config: TrainingConfig) -> dict[str, float]:
        """See `Recommender.own_terms`."""
        return {"apr_loss": config.adversarial.weight, "ccr_loss": config.contrastive.weight}

    @staticmethod
    def own_measures(config: TrainingConfig) -> list[str]:
        """See `Recommender.own_measures`."""
        return ["D_S_accuracy", "D_V_accuracy"] if config.adversarial.weight else []

    def _build(self) -> None:
        """Creates the weights of the discriminators, too."""
        self.adversary = None
        if self.config.adversarial.weight:
            adversarial = self.config.adversarial
            self.adversary = AdversarialPrior(PRIORS[adversarial.prior], adversarial.generator_loss)
        super()._build()
        if self.adversary:
            one = tf.ones([1, 1], tf.int32)
            self.adversary.build(self.network.represent(one, one))

    def compile(
        self,
        optimizer: tf_keras.optimizers.Optimizer,
        discriminator_optimizer: tf_keras.optimizers.Optimizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Sets one optimizer for the network and one for the discriminators, which they need if they are there."""
        super().compile(optimizer=optimizer, **kwargs)
        if self.adversary:
            assert discriminator_optimizer is not None, "an adversarial term needs an optimizer of its own"
            self.discriminator_optimizer = discriminator_optimizer
            discriminator_optimizer.build(self.adversary.trainable_variables)

    def checkpointed(self) -> dict[str, Any]:
        """See `Recommender.checkpointed`."""
        parts = super().checkpointed()
        if self.adversary:
            parts |= {"adversary": self.adversary, "discriminator_optimizer": self.discriminator_optimizer}
        return parts

    def terms(self, batch: Batch, seed: tf.Tensor, tape: tf.GradientTape) -> tuple[Batch, Batch]:
        """Trains the discriminators on Eq. 4 and returns the terms of Eq. 9; both see one encoding of the batch."""
        for_prior, for_augmentation, for_negatives = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
        known, augmented = self._encode(batch, for_augmentation)
        outputs = self.network.outputs(known, batch[HISTORY_ITEMS])
        terms = self.prediction_terms(outputs, batch, self.draw_negatives(batch[FUTURE_ITEMS], for_negatives))
        measures: Batch = {}
        if self.adversary:
            with tape.stop_recording():
                draws = self.adversary.draw(known, for_prior)
                measures = self._train_discriminators(self.adversary, known, draws)
            terms["apr_loss"] = self.adversary.generator_loss(self.adversary.logits(known, draws))
        if augmented is not None:
            terms["ccr_loss"] = self._contrastive_loss(known, augmented)
        return terms, measures

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
        if self.network.paired:
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
