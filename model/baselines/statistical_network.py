"""The network of every statistical baseline: two matrices of counts, and which of their rows a history reads.

It takes the place of a trained network in `ServingModule`, so a baseline is exported, validated, served
and evaluated as any other model.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeAlias

import tensorflow as tf

from model.config import ModelConfig, TrainingConfig
from model.data.history import History
from model.data.padding import right_align
from model.data.sequences import TrainSequences
from model.methods import load
from model.networks.base import Outputs
from model.networks.item_scorer import ItemScorer
from schemas.catalogue import PAD_INDEX, Catalogue

Read: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""From item and scene histories to the queries of both scorers."""


class StatisticalNetwork(tf.Module):
    """Ranks by counts, of which nothing is trained, in answer to one question.

    Args:
        items: scores items; its queries are int32 [batch, any].
        scenes: scores scenes; its queries are int32 [batch, any].
        read: from histories to the queries of `items` and of `scenes`.

    Attributes:
        items: scores items.
        scenes: scores scenes.
        read: as given.
    """

    def __init__(self, items: ItemScorer, scenes: ItemScorer, read: Read):
        super().__init__()
        self.items = items
        self.scenes = scenes
        self.read = read


class StatisticalNetworks(tf.Module):
    """Counts for each question: a `model.networks.base.ServedNetwork`.

    Args:
        networks: by question.
    """

    query_spec = tf.TensorSpec([None, None], tf.int32, "queries")
    """Shape and type of the queries of item scorers."""
    embeds_users: ClassVar[bool] = False
    """Whether representations of users are worth exporting: they are but histories."""

    def __init__(self, networks: Mapping[str, StatisticalNetwork]):
        super().__init__()
        self.questions = tuple(networks)
        self.networks = dict(networks)

    def item_scorer(self, question: str) -> ItemScorer:
        """Returns what scores items."""
        return self.networks[question].items

    def of_question(self, known: None, question: str) -> None:
        """Returns nothing; see `represent`."""

    def represent(self, history: History, training: bool | None = None) -> None:
        """Returns nothing: all that is known of users is their histories."""

    def outputs(self, known: None, history: History, question: str, training: bool | None = None) -> Outputs:
        """Reads histories; see `model.networks.base.ServedNetwork.outputs`."""
        item_queries, scene_queries = self.networks[question].read(history.items, history.scenes)
        return Outputs(scene_queries, item_queries)

    def score_items(self, outputs: Outputs, question: str) -> tf.Tensor:
        """Scores all items, float32 [batch, N_v]."""
        scorer = self.networks[question].items
        return scorer.chunk(outputs.o_item, 0, scorer.size)

    def score_scenes(self, outputs: Outputs, question: str) -> tf.Tensor:
        """Scores all scenes, float32 [batch, N_s]."""
        scorer = self.networks[question].scenes
        return scorer.chunk(outputs.o_scene, 0, scorer.size)


@dataclasses.dataclass(frozen=True)
class CountingTask:
    """What a baseline counts, and for which question.

    Attributes:
        train: the train split; nothing else is read.
        items: the item catalogue, of N_v items.
        scenes: the scene catalogue, of N_s scenes.
        max_length: how many of the latest events of a history may be read (`ModelConfig.max_length`).
        training: how to count.
        question: the question to answer (`model.questions`).
    """

    train: TrainSequences
    items: Catalogue
    scenes: Catalogue
    max_length: int
    training: TrainingConfig
    question: str


Fit: TypeAlias = Callable[[CountingTask], StatisticalNetwork]
"""Fits a baseline to the train split."""


def fit_network(
    model: ModelConfig, training: TrainingConfig, train_files: Sequence[str], items: Catalogue, scenes: Catalogue
) -> StatisticalNetworks:
    """Returns the networks of the configured method, fitted to the train split for each question.

    Args:
        model: names a statistical method, and how many of the latest events it may read.
        training: how to count, and the questions.
        train_files: names or globs of the train split's examples; nothing else is read.
        items: the item catalogue.
        scenes: the scene catalogue.

    Raises:
        FileNotFoundError: if no file matches.
        ValueError: if the method is trained.
    """
    if model.method.trained:
        raise ValueError(f"{model.name} is trained, and cannot be fitted by counting. Build it with build_network.")
    fit: Fit = load(model.method.fit)
    train = TrainSequences(train_files, items, scenes)
    tasks = (
        CountingTask(train, items, scenes, model.max_length, training, question) for question in training.questions
    )
    return StatisticalNetworks({task.question: fit(task) for task in tasks})


def read_nothing(items: tf.Tensor, scenes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns queries that read no row, int32 [batch, 0]: a `Read`."""
    return items[:, :0], scenes[:, :0]


def latest_known(indices: tf.Tensor, size: int, number: int) -> tf.Tensor:
    """Returns the latest events of each history that are in the catalogue.

    An event that is not in the catalogue has never been counted, so the one before it says more.

    Args:
        indices: int32 [batch, time], oldest first, 0 where padded, N + 1 where unknown.
        size: number N of the catalogue.
        number: how many to return.

    Returns:
        int32 [batch, min(time, number)], right-aligned, 0 where padded.
    """
    return right_align(tf.where(indices <= size, indices, PAD_INDEX), number)
