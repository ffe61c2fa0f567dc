"""The networks of all trained methods share embeddings, what is added to scores, and the scores themselves.

`Network` is their base class; `ServedNetwork` is what the served model asks of any network, trained or statistical.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import tensorflow as tf
import tf_keras

from model.config import ModelConfig, TrainingConfig
from model.data.history import History, align
from model.data.padding import ensure_column, right_align
from model.data.target_counts import TargetCounts
from model.methods import load
from model.networks.clock import fill_now
from model.networks.copy_head import Cells, CopyScores, add_copies, exclude, find_own_items
from model.networks.encoder import Embedding
from model.networks.item_scorer import InnerProducts, ItemScorer
from model.networks.questions import QuestionHead
from model.networks.scene_head import SceneOffset, last_scenes


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
    """What candidates are compared with, for one question.

    Attributes:
        o_scene: o_S, float [batch, scene_dim] (Eq. 5).
        o_item: o_V, float [batch, item_dim] (Eq. 5), or whatever the network's item scorer reads.
        copies: scores of the items of the histories, with `ModelConfig.repeat_head`.
        last_scene: int32 [batch], the scene of the last event, with `ModelConfig.scene_head`.
        excluded: items that are not recommended, because nothing of a history comes again in this log.
    """

    o_scene: tf.Tensor
    o_item: tf.Tensor
    copies: CopyScores | None = None
    last_scene: tf.Tensor | None = None
    excluded: Cells | None = None

    @property
    def item_queries(self) -> tf.Tensor:
        """What item scorers read, [batch, ...]: o_V and, where there is one, the last scene behind it."""
        if self.last_scene is None:
            return self.o_item
        return tf.concat([self.o_item, tf.cast(self.last_scene, self.o_item.dtype)[:, tf.newaxis]], axis=1)


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

    A method defines how histories are read (`represent`), and what candidates are then compared with (`queries`).

    Args:
        config: widths, depths and choices.
        counts: by question, the targets of the train split; the network can be asked each of these questions.
    """

    query_spec = tf.TensorSpec([None, None], tf.float32, "queries")
    """Shape and type of what item scorers compare items with."""
    embeds_users: ClassVar[bool] = True
    """Whether representations of users are worth exporting."""

    def __init__(self, config: ModelConfig, counts: Mapping[str, TargetCounts], **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        self.questions = tuple(counts)
        first = counts[self.questions[0]]
        self.item_embedding = Embedding(len(first.items), config.item_dim, name="items")
        self.scene_embedding = Embedding(len(first.scenes), config.scene_dim, name="scenes")
        self.heads = {question: QuestionHead(config, counts[question], name=question) for question in counts}

    @classmethod
    def create(
        cls, config: ModelConfig, training: TrainingConfig, counts: Mapping[str, TargetCounts], **options: Any
    ) -> Self:
        """Returns a network with fresh weights.

        A method whose network depends on how it is trained overrides this.

        Args:
            config: widths, depths and choices.
            training: how the network will be trained.
            counts: as for the class.
            **options: further arguments of the class.
        """
        return cls(config, counts, name=config.name, **options)

    def item_scorer(self, question: str) -> ItemScorer:
        """Scores items for `Outputs.item_queries`: o_V . e_k (Eq. 6b), and the terms of the question's head."""
        head = self.heads[question]
        return InnerProducts(self.item_embedding.table, head.item_bias, head.scene_head)

    @property
    def mask_indices(self) -> tuple[int, int]:
        """What masked items and masked scenes become."""
        return self.item_embedding.mask_index, self.scene_embedding.mask_index

    def latest(self, indices: tf.Tensor) -> tf.Tensor:
        """Returns the events that are read, int [batch, time], right-aligned, at least one column."""
        return right_align(ensure_column(indices), self.config.max_length)

    def aligned(self, history: History) -> History:
        """Returns the events that are read, items, scenes and times in as many columns (`model.data.history.align`)."""
        return align(history, self.config.max_length)

    def represent(self, history: History, training: bool | None = None) -> Any:
        """Encodes histories.

        Args:
            history: what users did.
            training: whether dropout is on.

        Returns:
            `Representations`, or another object with their attributes.
        """
        raise NotImplementedError

    def queries(self, known: Any, question: str, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Maps representations to what scenes and items are compared with (Eq. 5).

        Args:
            known: representations of a batch of users.
            question: what is asked about them.
            training: whether dropout is on.

        Returns:
            o_S, float [batch, scene_dim], and o_V, float [batch, item_dim].
        """
        raise NotImplementedError

    def outputs(self, known: Any, history: History, question: str, training: bool | None = None) -> Outputs:
        """Returns all that candidates are compared with.

        Args:
            known: representations of a batch of users.
            history: their histories, which the heads read whole.
            question: what is asked about them.
            training: whether dropout is on.
        """
        o_scene, o_item = self.queries(known, question, training=training)
        head = self.heads[question]
        copies: CopyScores | None = None
        excluded: Cells | None = None
        if head.repeat_head is not None:
            copies = head.repeat_head(fill_now(align(history)), self.copied_by(known))
        elif head.never_repeats:
            _, _, rows, columns = find_own_items(history.items, self.item_embedding.catalogue_size)
            excluded = Cells(rows, columns)
        last = None if head.scene_head is None else last_scenes(history.scenes)
        return Outputs(o_scene, o_item, copies, last, excluded)

    def of_question(self, known: Any, question: str) -> Any:
        """Returns the `Representations` by which a question is answered."""
        return known

    def copied_by(self, known: Any) -> tf.Tensor:
        """Returns what the repeat head reads of each user, float [batch, width]."""
        return known.z_item

    def score_items(self, outputs: Outputs, question: str) -> tf.Tensor:
        """Scores all items (Eq. 6b), with the optional terms beyond the paper; float [batch, N_v]."""
        scorer = self.item_scorer(question)
        scores = scorer.chunk(outputs.item_queries, 0, scorer.size)
        if outputs.excluded is not None:
            scores = exclude(scores, outputs.excluded)
        return scores if outputs.copies is None else add_copies(scores, outputs.copies)

    def score_scenes(self, outputs: Outputs, question: str) -> tf.Tensor:
        """Scores all scenes by o_S . e_k (Eq. 6a); float [batch, N_s]."""
        scores = tf.matmul(outputs.o_scene, self.scene_embedding.candidates(), transpose_b=True)
        head = self.heads[question]
        scores = scores if head.scene_bias is None else scores + head.scene_bias
        if head.scene_scene_head is None or outputs.last_scene is None:
            return scores
        offset = SceneOffset(head.scene_scene_head, outputs.last_scene)
        return scores + offset.scale * offset.chunk(0, scores.shape[1])

    def call(self, history: History, question: str | None = None, training: bool | None = None) -> Scores:
        """Encodes histories and scores all candidates for a question, by default the first."""
        question = question or self.questions[0]
        outputs = self.outputs(self.represent(history, training=training), history, question, training=training)
        return Scores(self.score_items(outputs, question), self.score_scenes(outputs, question))


class ServedNetwork(Protocol):
    """Reads histories and scores both catalogues, for each of its questions.

    Histories are int32 catalogue indices, oldest first, 0 where padded, N + 1 where unknown.

    Attributes:
        questions: what can be asked (`model.questions`).
        query_spec: shape and type of what item scorers read, the batch first.
        embeds_users: whether representations of users are worth exporting.
        variables: all that a SavedModel must hold.
    """

    questions: tuple[str, ...]
    query_spec: tf.TensorSpec
    embeds_users: ClassVar[bool]

    @property
    def variables(self) -> Any:
        """All `tf.Variable`s that a SavedModel must hold."""
        ...

    def item_scorer(self, question: str) -> ItemScorer:
        """Returns what scores items for `Outputs.item_queries`."""
        ...

    def of_question(self, known: Any, question: str) -> Any:
        """Returns the `Representations` by which a question is answered, where users are embedded."""
        ...

    def represent(self, history: History, training: bool | None = None) -> Any:
        """Returns what is known of users, given their histories."""
        ...

    def outputs(self, known: Any, history: History, question: str, training: bool | None = None) -> Outputs:
        """Returns what candidates are compared with, given what is known, the histories and a question."""
        ...

    def score_items(self, outputs: Outputs, question: str) -> tf.Tensor:
        """Returns the scores of all items, float [batch, N_v]."""
        ...

    def score_scenes(self, outputs: Outputs, question: str) -> tf.Tensor:
        """Returns the scores of all scenes, float [batch, N_s]."""
        ...


def build_network(
    config: ModelConfig,
    counts: Mapping[str, TargetCounts],
    training: TrainingConfig = TrainingConfig(),  # noqa: B008  (frozen)
) -> Network:
    """Returns the network of the configured method, with fresh weights.

    Args:
        config: names the method; widths, depths and choices.
        counts: by question, the targets of the train split; the network can be asked each of these questions.
        training: how the network will be trained.

    Raises:
        ValueError: if the method is statistical.
    """
    if not config.method.trained:
        raise ValueError(f"{config.name} is statistical, and has nothing to train. Fit it with fit_network.")
    network_class: type[Network] = load(config.method.network)
    return network_class.create(config, training, counts)
