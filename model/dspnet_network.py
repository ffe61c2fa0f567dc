"""The network of DSPnet: two encoders, their fusion, and what candidates are compared with (Eq. 2 to 5)."""

from typing import Any

import tensorflow as tf
import tf_keras

from model.config import ModelConfig
from model.encoder import SequenceEncoder
from model.fusion import FusionMLP
from model.network import Network, Outputs, Representations
from schemas.catalogue import PAD_INDEX


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
        self.item_encoder = encoder(self.config, self.config.item_dim, "f_V")
        self.scene_encoder = encoder(self.config, self.config.scene_dim, "f_S")

    def encode(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes histories (Eq. 2).

        Args:
            items: int [batch, time], item indices, oldest first, 0 where padded.
            scenes: int [batch, time'], scene indices likewise.
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


def encoder(config: ModelConfig, dim: int, name: str) -> SequenceEncoder:
    """Returns an encoder of the configured depth for events of width `dim`."""
    return SequenceEncoder(dim, config.max_length, config.layers, config.heads, config.dropout, name=name)
