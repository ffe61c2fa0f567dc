"""The network of DSPnet: two encoders, their fusion, and the scores of all candidates (Eq. 2 to 6)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from model.config import ModelConfig
from model.embedding import Embedding
from model.encoder import SequenceEncoder
from model.fusion import FusionMLP
from model.padding import right_align
from model.repeat import Copies, RepeatHead, add_copies
from schemas.catalogue import PAD_INDEX


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


class Outputs(NamedTuple):
    """What candidates are compared with.

    Attributes:
        o_scene: o_S, float [batch, scene_dim] (Eq. 5).
        o_item: o_V, float [batch, item_dim] (Eq. 5).
        copies: scores of the items of the histories, with `ModelConfig.repeat_head`.
    """

    o_scene: tf.Tensor
    o_item: tf.Tensor
    copies: Copies | None


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
        self.config = config
        self.item_embedding = Embedding(items, config.item_dim, name="items")
        self.scene_embedding = Embedding(scenes, config.scene_dim, name="scenes")
        if config.encoding == "pair":
            self.pair_encoder = _encoder(config, config.scene_dim + config.item_dim, "f")
        else:
            self.item_encoder = _encoder(config, config.item_dim, "f_V")
            self.scene_encoder = _encoder(config, config.scene_dim, "f_S")
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

    def latest(self, indices: tf.Tensor) -> tf.Tensor:
        """Returns the events that the encoders read, int [batch, time], right-aligned, at least one column."""
        # A column of padding keeps the batch at least one wide, so that empty histories have a state too.
        return right_align(tf.pad(indices, [[0, 0], [1, 0]]), self.config.max_length)

    def encode(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes histories (Eq. 2); with `ModelConfig.encoding` "pair", item and scene of an event as one token.

        Args:
            items: int [batch, time], item indices, oldest first, 0 where padded.
            scenes: int [batch, time'], scene indices likewise.
            training: whether dropout is on.

        Returns:
            h_S, float [batch, scene_dim], and h_V, float [batch, item_dim].
        """
        items, scenes = self.latest(items), self.latest(scenes)
        if self.config.encoding == "pair":
            return self._encode_pairs(items, scenes, training)
        embedded_scenes, embedded_items = self._embed(scenes, items, training)
        h_scene = self.scene_encoder(embedded_scenes, scenes != PAD_INDEX, training=training)
        h_item = self.item_encoder(embedded_items, items != PAD_INDEX, training=training)
        return h_scene, h_item

    def _embed(self, scenes: tf.Tensor, items: tf.Tensor, training: bool | None) -> tuple[tf.Tensor, tf.Tensor]:
        return self.scene_embedding(scenes, training=training), self.item_embedding(items, training=training)

    def _encode_pairs(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None) -> tuple[tf.Tensor, tf.Tensor]:
        time = tf.maximum(tf.shape(items)[1], tf.shape(scenes)[1])
        items, scenes = (tf.pad(x, [[0, 0], [time - tf.shape(x)[1], 0]]) for x in (items, scenes))
        pairs = tf.concat(self._embed(scenes, items, training), axis=2)
        valid = tf.logical_or(items != PAD_INDEX, scenes != PAD_INDEX)
        state = self.pair_encoder(pairs, valid, training=training)
        return state[:, : self.config.scene_dim], state[:, self.config.scene_dim :]

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

    def outputs(self, known: Representations, items: tf.Tensor) -> Outputs:
        """Maps representations to what candidates are compared with (Eq. 5).

        Args:
            known: representations of a batch of users.
            items: int [batch, time], their item histories, for the repeat head.
        """
        for_scenes, for_items = known.z_scene, known.z_item
        if self.config.interplay:
            for_scenes = for_items = tf.concat([known.z_scene, known.z_item], axis=1)
        copies = self.repeat_head(items, for_items) if self.repeat_head is not None else None
        return Outputs(self.scene_head(for_scenes), self.item_head(for_items), copies)

    def score_items(self, outputs: Outputs) -> tf.Tensor:
        """Scores all items by o_V . e_k (Eq. 6b), with the optional terms beyond the paper; float [batch, N_v]."""
        scores = tf.matmul(outputs.o_item, self.item_embedding.candidates(), transpose_b=True)
        if self.item_bias is not None:
            scores += self.item_bias
        return scores if outputs.copies is None else add_copies(scores, outputs.copies)

    def score_scenes(self, outputs: Outputs) -> tf.Tensor:
        """Scores all scenes by o_S . e_k (Eq. 6a); float [batch, N_s]."""
        scores = tf.matmul(outputs.o_scene, self.scene_embedding.candidates(), transpose_b=True)
        return scores if self.scene_bias is None else scores + self.scene_bias

    def call(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Scores:
        """Encodes histories and scores all candidates; arguments as in `encode`."""
        outputs = self.outputs(self.represent(items, scenes, training=training), items)
        return Scores(self.score_items(outputs), self.score_scenes(outputs))


def _encoder(config: ModelConfig, dim: int, name: str) -> SequenceEncoder:
    return SequenceEncoder(dim, config.max_length, config.layers, config.heads, config.dropout, name=name)
