"""The network of DSPnet: two encoders, their fusion, and the scores of all candidates (Eq. 2 to 6)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from model.config import ModelConfig
from model.encoder import SequenceEncoder
from model.fusion import FusionMLP
from model.repeat import RepeatHead


class Representations(NamedTuple):
    """What the network knows of a batch of users, each float [batch, width].

    Attributes:
        h_scene: h_S, the encoded scene sequence (Eq. 2).
        h_item: h_V, the encoded item sequence (Eq. 2).
        z_scene: z_S, the enhanced scene representation (Eq. 3).
        z_item: z_V, the enhanced item representation (Eq. 3).
    """

    h_scene: tf.Tensor
    h_item: tf.Tensor
    z_scene: tf.Tensor
    z_item: tf.Tensor

    @property
    def user(self) -> tf.Tensor:
        """z_S (+) z_V, the input of both prediction heads (Eq. 5)."""
        return tf.concat([self.z_scene, self.z_item], axis=1)


class Scores(NamedTuple):
    """Logits of all candidates.

    Attributes:
        items: float [batch, N_v].
        scenes: float [batch, N_s].
    """

    items: tf.Tensor
    scenes: tf.Tensor


class DSPnetNetwork(tf_keras.layers.Layer):
    """Encodes the histories of items and scenes and scores both catalogues.

    Args:
        config: widths, depths and choices.
        items: number N_v of items in the catalogue.
        scenes: number N_s of scenes in the catalogue.
        item_prior: float [N_v], where the items' biases start with `config.popularity_prior`.
        scene_prior: float [N_s], likewise.
    """

    def __init__(
        self,
        config: ModelConfig,
        items: int,
        scenes: int,
        item_prior: npt.NDArray[np.float32] | None = None,
        scene_prior: npt.NDArray[np.float32] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        encoder = {"max_length": config.max_length, "layers": config.layers, "heads": config.heads}
        self.item_encoder = SequenceEncoder(items, config.item_dim, dropout=config.dropout, name="f_V", **encoder)
        self.scene_encoder = SequenceEncoder(scenes, config.scene_dim, dropout=config.dropout, name="f_S", **encoder)
        self.item_fusion = FusionMLP(config.item_dim, config.fusion_layers, name="g_V")
        self.scene_fusion = FusionMLP(config.scene_dim, config.fusion_layers, name="g_S")
        self.item_head = tf_keras.layers.Dense(config.item_dim, name="r_V")
        self.scene_head = tf_keras.layers.Dense(config.scene_dim, name="r_S")
        self.repeat_head = RepeatHead(items, name="repeat") if config.repeat_head else None
        self.item_bias = self.scene_bias = None
        if config.popularity_prior:
            self.item_bias = self._bias("item_bias", items, item_prior)
            self.scene_bias = self._bias("scene_bias", scenes, scene_prior)

    def _bias(self, name: str, size: int, prior: npt.NDArray[np.float32] | None) -> tf.Variable:
        start = np.zeros(size, np.float32) if prior is None else prior
        return self.add_weight(name, shape=[size], initializer=tf_keras.initializers.Constant(start))

    def represent(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Representations:
        """Encodes and fuses histories (Eq. 2 and 3).

        Args:
            items: int [batch, time], item indices, oldest first, 0 where padded.
            scenes: int [batch, time'], scene indices likewise.
            training: whether dropout is on.
        """
        h_scene = self.scene_encoder(scenes, training=training)
        h_item = self.item_encoder(items, training=training)
        both = tf.concat([h_scene, h_item], axis=1)
        return Representations(h_scene, h_item, self.scene_fusion(both), self.item_fusion(both))

    def score(self, representations: Representations, items: tf.Tensor) -> Scores:
        """Scores all candidates by o . e_k (Eq. 5 and 6), with the optional terms beyond the paper.

        Args:
            representations: of a batch of users.
            items: int [batch, time], their item histories, for the repeat head.
        """
        user = representations.user
        item_scores = tf.matmul(self.item_head(user), self.item_encoder.candidates(), transpose_b=True)
        scene_scores = tf.matmul(self.scene_head(user), self.scene_encoder.candidates(), transpose_b=True)
        if self.item_bias is not None:
            item_scores += self.item_bias
            scene_scores += self.scene_bias
        if self.repeat_head is not None:
            item_scores = self.repeat_head(item_scores, items, user)
        return Scores(item_scores, scene_scores)

    def call(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Scores:
        """Encodes histories and scores all candidates; arguments as in `represent`."""
        return self.score(self.represent(items, scenes, training=training), items)
