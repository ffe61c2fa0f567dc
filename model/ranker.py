"""The interface between an evaluator and anything that ranks."""

from collections.abc import Mapping
from typing import Protocol, TypedDict

import tensorflow as tf


class Encoded(TypedDict):
    """A batch of histories as a ranker has encoded it, before any candidate is scored.

    Keys:
        queries: [batch, ...], of the ranker's own type, what `Answer.item_scores` compares items with.
        rows: int64 [P], with `columns` the cells of the score matrix that have a score of their own; each once.
        columns: int64 [P], 0-based items, each of its row's history.
        scores: float32 [P], the scores of these cells, instead of what `Answer.item_scores` gives.
        scene_scores: float32 [batch, N_s].
    """

    queries: tf.Tensor
    rows: tf.Tensor
    columns: tf.Tensor
    scores: tf.Tensor
    scene_scores: tf.Tensor


class Answer(Protocol):
    """Scores two catalogues in answer to one question about given histories.

    Items are scored in pieces, so that no one ever needs a matrix of all users times all items.
    """

    def encode(self, items: tf.Tensor, scenes: tf.Tensor, times: tf.Tensor, now: tf.Tensor) -> Encoded:
        """Reads histories.

        Args:
            items: int64 [batch, time], fingerprints of the item history, oldest first; -1 is padding.
            scenes: int64 [batch, time'], fingerprints of the scene history, oldest first; -1 is padding.
            times: int64 [batch, time''], when the events were, unix seconds, 0 where padded or unknown.
            now: int64 [batch], when the question is asked, unix seconds, 0 where unknown.
        """
        ...

    def item_scores(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns the scores of the 0-based items start..stop-1, float32 [batch, stop - start]."""
        ...

    def item_scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the scores of some cells, float32 [P], and by how much rounding may set them off `item_scores`."""
        ...


class Ranker(Protocol):
    """Answers questions about users; a loaded SavedModel of `model.export.serving_module` is one.

    Attributes:
        item_fingerprints: int64 [N_v], the items it can rank, in the order of their scores.
        scene_fingerprints: int64 [N_s], the scenes it can rank, in the order of their scores.
        answers: by question (`model.questions`), the first answers all that none of them is.
    """

    item_fingerprints: tf.Tensor
    scene_fingerprints: tf.Tensor
    answers: Mapping[str, Answer]
