"""The network of every statistical baseline: two matrices of counts, and which of their rows a history reads.

It takes the place of a trained network in `ServingModule`, so a baseline is exported, validated, served
and evaluated as any other model.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

import tensorflow as tf

from model.config import ModelConfig, TrainingConfig
from model.data.padding import right_align
from model.data.sequences import TrainSequences
from model.methods import load
from model.networks.base import Outputs
from model.networks.item_scorer import ItemScorer
from schemas.catalogue import PAD_INDEX, Catalogue

Read: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""From item and scene histories to the queries of both scorers."""


class StatisticalNetwork(tf.Module):
    """Ranks by counts, of which nothing is trained.

    Args:
        items: scores items; its queries are int32 [batch, any].
        scenes: scores scenes; its queries are int32 [batch, any].
        read: from histories, catalogue indices int32 [batch, time] each with 0 for padding anywhere, to the queries of
            `items` and of `scenes`.

    Attributes:
        item_scorer: scores items for `Outputs.o_item`.
        scene_scorer: scores scenes for `Outputs.o_scene`.
    """

    query_spec = tf.TensorSpec([None, None], tf.int32, "queries")
    """Shape and type of the queries of `item_scorer`."""
    embeds_users: ClassVar[bool] = False
    """Whether representations of users are worth exporting: they are but histories."""

    def __init__(self, items: ItemScorer, scenes: ItemScorer, read: Read):
        super().__init__()
        self.item_scorer = items
        self.scene_scorer = scenes
        self._read = read

    def represent(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Outputs:
        """Reads histories; the result is already what candidates are compared with.

        Args:
            items: int32 [batch, time], item indices, oldest first, 0 where padded, N + 1 where unknown.
            scenes: int32 [batch, time'], scene indices, oldest first, 0 where padded, N_s + 1 where unknown.
            training: ignored; nothing is trained.
        """
        item_queries, scene_queries = self._read(items, scenes)
        return Outputs(scene_queries, item_queries, None)

    def outputs(self, known: Outputs, items: tf.Tensor) -> Outputs:
        """Returns what `represent` does."""
        return known

    def score_items(self, outputs: Outputs) -> tf.Tensor:
        """Scores all items, float32 [batch, N_v]."""
        return self.item_scorer.chunk(outputs.o_item, 0, self.item_scorer.size)

    def score_scenes(self, outputs: Outputs) -> tf.Tensor:
        """Scores all scenes, float32 [batch, N_s]."""
        return self.scene_scorer.chunk(outputs.o_scene, 0, self.scene_scorer.size)


Fit: TypeAlias = Callable[[TrainSequences, Catalogue, Catalogue, int, TrainingConfig], StatisticalNetwork]
"""Fits a baseline to the train split: its sequences, the item and the scene catalogue, how many of the latest
events may be read (`ModelConfig.max_length`), and what is to be predicted (`TrainingConfig.target`)."""


def fit_network(
    model: ModelConfig, training: TrainingConfig, train_files: Sequence[str], items: Catalogue, scenes: Catalogue
) -> StatisticalNetwork:
    """Returns the network of the configured method, fitted to the train split.

    Args:
        model: names a statistical method, and how many of the latest events it may read.
        training: what is to be predicted.
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
    return fit(TrainSequences(train_files, items, scenes), items, scenes, model.max_length, training)


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
