"""The networks of all trained methods share embeddings, what is added to scores, and the scores themselves.

`Network` is their base class; `ServedNetwork` is what the served model asks of any network, trained or statistical.
"""

from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from model.config import ModelConfig, TrainingConfig
from model.data.padding import right_align
from model.methods import load
from model.networks.copy_head import CopyScores, RepeatHead, add_copies
from model.networks.encoder import Embedding
from model.networks.item_scorer import InnerProducts, ItemScorer
from schemas.catalogue import Catalogue


class Representations(NamedTuple):
    """What the network knows of a batch of users, each float [batch, width].

    A method with one state for both predictions has that state in all four places.

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
        o_item: o_V, float [batch, item_dim] (Eq. 5), or whatever the network's `item_scorer` reads.
        copies: scores of the items of the histories, with `ModelConfig.repeat_head`.
    """

    o_scene: tf.Tensor
    o_item: tf.Tensor
    copies: CopyScores | None


class Scores(NamedTuple):
    """Logits of all candidates.

    Attributes:
        items: float [batch, N_v].
        scenes: float [batch, N_s].
    """

    items: tf.Tensor
    scenes: tf.Tensor


class Network(tf_keras.layers.Layer):
    """Encodes histories of items and scenes and scores both catalogues.

    A method defines how histories are read (`represent`), and what candidates are then compared with (`outputs`).

    Args:
        config: widths, depths and choices.
        items: number N_v of items in the catalogue.
        scenes: number N_s of scenes in the catalogue.
        item_prior: float [N_v], where the items' biases start with `config.popularity_prior`.
        scene_prior: float [N_s], where the scenes' biases start.
    """

    query_spec = tf.TensorSpec([None, None], tf.float32, "queries")
    """Shape and type of what `item_scorer` compares items with."""
    embeds_users: ClassVar[bool] = True
    """Whether representations of users are worth exporting."""

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
        self.repeat_head = RepeatHead(items, name="repeat") if config.repeat_head else None
        self.item_bias = self.scene_bias = None
        if config.popularity_prior:
            self.item_bias = self._bias("item_bias", items, item_prior)
            self.scene_bias = self._bias("scene_bias", scenes, scene_prior)

    @classmethod
    def create(
        cls, config: ModelConfig, training: TrainingConfig, items: Catalogue, scenes: Catalogue, **options: Any
    ) -> Self:
        """Returns a network with fresh weights for two catalogues.

        A method whose network depends on how it is trained overrides this.

        Args:
            config: widths, depths and choices.
            training: how the network will be trained.
            items: the item catalogue.
            scenes: the scene catalogue.
            **options: further arguments of the class.
        """
        priors = log_frequency(items), log_frequency(scenes)
        return cls(config, len(items), len(scenes), *priors, name=config.name, **options)

    def _bias(self, name: str, size: int, prior: npt.NDArray[np.float32] | None) -> tf.Variable:
        start = np.zeros(size, np.float32) if prior is None else prior
        return self.add_weight(name, shape=[size], initializer=tf_keras.initializers.Constant(start))

    @property
    def item_scorer(self) -> ItemScorer:
        """Scores items for `Outputs.o_item`: o_V . e_k (Eq. 6b), plus a bias with `config.popularity_prior`."""
        return InnerProducts(self.item_embedding.table, self.item_bias)

    def latest(self, indices: tf.Tensor) -> tf.Tensor:
        """Returns the events that are read, int [batch, time], right-aligned, at least one column."""
        # A column of padding keeps the batch at least one wide, so that empty histories have a state too.
        return right_align(tf.pad(indices, [[0, 0], [1, 0]]), self.config.max_length)

    def aligned(self, items: tf.Tensor, scenes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the latest events of both histories in as many columns, int [batch, time] each."""
        items, scenes = self.latest(items), self.latest(scenes)
        time = tf.maximum(tf.shape(items)[1], tf.shape(scenes)[1])
        items, scenes = (tf.pad(x, [[0, 0], [time - tf.shape(x)[1], 0]]) for x in (items, scenes))
        return items, scenes

    def represent(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Any:
        """Encodes histories.

        Args:
            items: int [batch, time], item indices, oldest first, 0 where padded.
            scenes: int [batch, time'], scene indices, oldest first, 0 where padded.
            training: whether dropout is on.

        Returns:
            `Representations`, or another object with their attributes.
        """
        raise NotImplementedError

    def outputs(self, known: Any, items: tf.Tensor) -> Outputs:
        """Maps representations to what candidates are compared with (Eq. 5).

        Args:
            known: representations of a batch of users.
            items: int [batch, time], their item histories, for the repeat head.
        """
        raise NotImplementedError

    def copies(self, items: tf.Tensor, representation: tf.Tensor) -> CopyScores | None:
        """Returns what is copied from item histories, given what is known of each user, float [batch, width]."""
        return self.repeat_head(items, representation) if self.repeat_head is not None else None

    def score_items(self, outputs: Outputs) -> tf.Tensor:
        """Scores all items (Eq. 6b), with the optional terms beyond the paper; float [batch, N_v]."""
        scorer = self.item_scorer
        scores = scorer.chunk(outputs.o_item, 0, scorer.size)
        return scores if outputs.copies is None else add_copies(scores, outputs.copies)

    def score_scenes(self, outputs: Outputs) -> tf.Tensor:
        """Scores all scenes by o_S . e_k (Eq. 6a); float [batch, N_s]."""
        scores = tf.matmul(outputs.o_scene, self.scene_embedding.candidates(), transpose_b=True)
        return scores if self.scene_bias is None else scores + self.scene_bias

    def call(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Scores:
        """Encodes histories and scores all candidates; arguments as in `represent`."""
        outputs = self.outputs(self.represent(items, scenes, training=training), items)
        return Scores(self.score_items(outputs), self.score_scenes(outputs))


class ServedNetwork(Protocol):
    """Reads histories and scores both catalogues.

    Histories are int32 catalogue indices, oldest first, 0 where padded, N + 1 where unknown.

    Attributes:
        query_spec: shape and type of what `item_scorer` reads, the batch first.
        embeds_users: whether representations of users are worth exporting.
        item_scorer: scores items for `Outputs.o_item`.
        variables: all that a SavedModel must hold.
    """

    query_spec: tf.TensorSpec
    embeds_users: ClassVar[bool]

    @property
    def item_scorer(self) -> ItemScorer:
        """Scores items for `Outputs.o_item`."""
        ...

    @property
    def variables(self) -> Any:
        """All `tf.Variable`s that a SavedModel must hold."""
        ...

    def represent(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Any:
        """Returns what is known of users, given their histories, int [batch, time] and [batch, time']."""
        ...

    def outputs(self, known: Any, items: tf.Tensor) -> Outputs:
        """Returns what candidates are compared with, given what is known and the item histories."""
        ...

    def score_items(self, outputs: Outputs) -> tf.Tensor:
        """Returns the scores of all items, float [batch, N_v]."""
        ...

    def score_scenes(self, outputs: Outputs) -> tf.Tensor:
        """Returns the scores of all scenes, float [batch, N_s]."""
        ...


def build_network(
    config: ModelConfig,
    items: Catalogue,
    scenes: Catalogue,
    training: TrainingConfig = TrainingConfig(),  # noqa: B008  (frozen)
) -> Network:
    """Returns the network of the configured method, with fresh weights, for two catalogues.

    Args:
        config: names the method; widths, depths and choices.
        items: the item catalogue.
        scenes: the scene catalogue.
        training: how the network will be trained.

    Raises:
        ValueError: if the method is statistical.
    """
    if not config.method.trained:
        raise ValueError(f"{config.name} is statistical, and has nothing to train. Fit it with fit_network.")
    network_class: type[Network] = load(config.method.network)
    return network_class.create(config, training, items, scenes)


def log_frequency(catalogue: Catalogue) -> npt.NDArray[np.float32]:
    """Returns the log of each candidate's share of train futures, add-one smoothed, float32 [N]."""
    counts = catalogue.future_counts + 1.0
    return np.log(counts / counts.sum()).astype(np.float32)
