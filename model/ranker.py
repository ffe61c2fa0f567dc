"""What an evaluator asks of anything that ranks."""

from typing import Protocol

import tensorflow as tf


class Ranker(Protocol):
    """Scores two catalogues for given histories; a loaded SavedModel of `model.serving` is one.

    Attributes:
        item_fingerprints: int64 [N_v], the items it can rank, in the order of their scores.
        scene_fingerprints: int64 [N_s], likewise.
    """

    item_fingerprints: tf.Tensor
    scene_fingerprints: tf.Tensor

    def score(self, items: tf.Tensor, scenes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns float32 scores [batch, N_v] and [batch, N_s].

        Args:
            items: int64 [batch, time], fingerprints of the item history, oldest first; -1 is padding.
            scenes: int64 [batch, time'], likewise.
        """
        ...
