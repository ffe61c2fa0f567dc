"""The interface between an evaluator and anything that ranks."""

from typing import Protocol, TypedDict

import tensorflow as tf


class Encoded(TypedDict):
    """A batch of histories as a ranker has encoded it, before any candidate is scored.

    Keys:
        queries: [batch, ...], of the ranker's own type, what `Ranker.item_scores` compares items with.
        rows: int64 [P], with `columns` the cells of the score matrix that have a score of their own; each once.
        columns: int64 [P], 0-based items, each of its row's history.
        scores: float32 [P], the scores of these cells, instead of what `Ranker.item_scores` gives.
        scene_scores: float32 [batch, N_s].
    """

    queries: tf.Tensor
    rows: tf.Tensor
    columns: tf.Tensor
    scores: tf.Tensor
    scene_scores: tf.Tensor


class Ranker(Protocol):
    """Scores two catalogues for given histories; a loaded SavedModel of `model.export.serving_module` is one.

    Items are scored in pieces, so that no one ever needs a matrix of all users times all items.

    Attributes:
        item_fingerprints: int64 [N_v], the items it can rank, in the order of their scores.
        scene_fingerprints: int64 [N_s], the scenes it can rank, in the order of their scores.
    """

    item_fingerprints: tf.Tensor
    scene_fingerprints: tf.Tensor

    def encode(self, items: tf.Tensor, scenes: tf.Tensor) -> Encoded:
        """Reads histories.

        Args:
            items: int64 [batch, time], fingerprints of the item history, oldest first; -1 is padding.
            scenes: int64 [batch, time'], fingerprints of the scene history, oldest first; -1 is padding.
        """
        ...

    def item_scores(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns the scores of the 0-based items start..stop-1, float32 [batch, stop - start]."""
        ...

    def item_scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the scores of some cells, float32 [P], and by how much rounding may set them off `item_scores`."""
        ...
