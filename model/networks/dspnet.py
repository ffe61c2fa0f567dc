"""DSPnet: two encoders, their fusion, what candidates are compared with (Eq. 2 to 5), and its training (Eq. 9).

`DSPnetNetwork` is what is exported; `DSPnet` trains it, and adds adversarial prior regularisation (Eq. 4) and
conditional contrastive regularisation (Eq. 8) to the prediction of items and scenes.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from model.config import ModelConfig, TrainingConfig
from model.data.augmentation import augment_both
from model.data.history import History, concatenate
from model.data.target_counts import TargetCounts
from model.losses.adversarial import PRIORS, AdversarialPrior
from model.losses.contrastive import contrastive_loss
from model.networks.base import Network, Representations
from model.networks.clock import EventClock, describe_user, fill_now
from model.networks.encoder import SequenceEncoder
from model.training.recommender import Batch, Recommender
from schemas.catalogue import PAD_INDEX

USER_CLOCK = 16
"""Width of what fusion is told of a user's times."""


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

    def __init__(self, config: ModelConfig, counts: Mapping[str, TargetCounts], **kwargs: Any):
        super().__init__(config, counts, **kwargs)
        self._create_encoders()
        self.item_fusion = FusionMLP(config.item_dim, config.fusion_layers, name="g_V")
        self.scene_fusion = FusionMLP(config.scene_dim, config.fusion_layers, name="g_S")
        self.item_maps, self.scene_maps = (
            {question: tf_keras.layers.Dense(width, name=f"{name}_{question}") for question in self.questions}
            for name, width in (("r_V", config.item_dim), ("r_S", config.scene_dim))
        )
        self.head_dropout = tf_keras.layers.Dropout(config.head_dropout)
        self.item_clock = self.scene_clock = self.user_clock = None
        if config.times:
            self.item_clock = EventClock(config.item_dim, name="item_clock")
            self.scene_clock = EventClock(config.scene_dim, name="scene_clock")
            self.user_clock = tf_keras.layers.Dense(USER_CLOCK, tf_keras.activations.gelu, name="user_clock")

    def _create_encoders(self) -> None:
        self.item_encoder = create_encoder(self.config, self.config.item_dim, "f_V")
        self.scene_encoder = create_encoder(self.config, self.config.scene_dim, "f_S")

    def encode(self, history: History, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes histories (Eq. 2).

        Args:
            history: what users did.
            training: whether dropout is on.

        Returns:
            h_S, float [batch, scene_dim], and h_V, float [batch, item_dim].
        """
        latest = self.aligned(history)
        embedded_scenes, embedded_items = self._embed(latest, training)
        h_scene = self.scene_encoder(embedded_scenes, latest.scenes != PAD_INDEX, training=training)
        h_item = self.item_encoder(embedded_items, latest.items != PAD_INDEX, training=training)
        return h_scene, h_item

    def _embed(self, latest: History, training: bool | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Embeds scenes and items, float [batch, time, width] each."""
        scenes = self.scene_embedding(latest.scenes, training=training)
        items = self.item_embedding(latest.items, training=training)
        if self.item_clock is None or self.scene_clock is None:
            return scenes, items
        return scenes + self.scene_clock(latest), items + self.item_clock(latest)

    def enhance(
        self, h_scene: tf.Tensor, h_item: tf.Tensor, history: History, training: bool | None = None
    ) -> Representations:
        """Lets each sequence inform the other (Eq. 3); without `ModelConfig.interplay`, each stands alone.

        Both are told what the user's times tell as a whole, with `ModelConfig.times`.
        """
        read_scene, read_item = (self.head_dropout(h, training=training) for h in (h_scene, h_item))
        if self.config.interplay:
            read_scene = read_item = tf.concat([read_scene, read_item], axis=1)
        if self.user_clock is not None:
            told = self.user_clock(describe_user(fill_now(history)))
            read_scene, read_item = (tf.concat([read, told], axis=1) for read in (read_scene, read_item))
        return Representations(h_scene, h_item, self.scene_fusion(read_scene), self.item_fusion(read_item))

    def represent(self, history: History, training: bool | None = None) -> Representations:
        """Encodes and enhances histories (Eq. 2 and 3); arguments as in `encode`."""
        return self.enhance(*self.encode(history, training=training), history, training=training)

    def queries(self, known: Any, question: str, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Network.queries` (Eq. 5)."""
        for_scenes, for_items = (self.head_dropout(z, training=training) for z in (known.z_scene, known.z_item))
        if self.config.interplay:
            for_scenes = for_items = tf.concat([for_scenes, for_items], axis=1)
        return self.scene_maps[question](for_scenes), self.item_maps[question](for_items)

    def copied_by(self, known: Any) -> tf.Tensor:
        """See `Network.copied_by`."""
        return tf.concat([known.z_scene, known.z_item], axis=1) if self.config.interplay else known.z_item


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
            self.adversary.build(self.network.represent(History(one, one)))

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
        for_prior, for_encoding, for_negatives = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
        history, known, augmented = self._encode(batch, for_encoding)
        terms = self.prediction_terms(known, batch, for_negatives, history)
        measures: Batch = {}
        if self.adversary:
            with tape.stop_recording():
                draws = self.adversary.draw(known, for_prior)
                measures = self._train_discriminators(self.adversary, known, draws)
            terms["apr_loss"] = self.adversary.generator_loss(self.adversary.logits(known, draws))
        if augmented is not None:
            terms["ccr_loss"] = self._contrastive_loss(known, augmented)
        return terms, measures

    def _encode(
        self, batch: Batch, seed: tf.Tensor
    ) -> tuple[History, Representations, tuple[tf.Tensor, tf.Tensor] | None]:
        """Encodes the histories and, where L_CCR needs them, N+ augmented copies, in one pass.

        Returns:
            the histories as heads read them, the representations of the batch, and h_S+ and h_V+ of the copies, float
            [N+, batch, d].
        """
        network = self.network
        for_hiding, for_copies = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        whole, read = self.hide(batch, for_hiding)
        if not self.config.contrastive.weight:
            return whole, network.represent(read, training=True), None
        number, share = self.config.contrastive.positives, self.config.contrastive.mask_share
        for_items, for_scenes = tf.unstack(tf.random.experimental.stateless_split(for_copies, 2))
        if network.paired:
            for_scenes = for_items  # the same events are masked and moved in both
        copies = augment_both(network.aligned(whole), number, (for_items, for_scenes), network.mask_indices, share)
        encoded = network.encode(concatenate([read, *copies]), training=True)
        h_scene, h_item = (tf.reshape(h, [1 + number, -1, h.shape[1]]) for h in encoded)
        return whole, network.enhance(h_scene[0], h_item[0], whole, training=True), (h_scene[1:], h_item[1:])

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
