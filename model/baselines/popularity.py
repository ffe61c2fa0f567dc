"""Popularity: everybody is shown what was most frequent in the futures of train sequences."""

import tensorflow as tf

from model.ranker import Encoded
from schemas.catalogue import Catalogue


class Popularity:
    """Ranks by `future_count` (a `model.ranker.Ranker`).

    Args:
        items: the item catalogue.
        scenes: the scene catalogue.
    """

    def __init__(self, items: Catalogue, scenes: Catalogue):
        self.item_fingerprints = tf.constant(items.fingerprints)
        self.scene_fingerprints = tf.constant(scenes.fingerprints)
        self._item_scores = tf.constant(items.future_counts, tf.float32)
        self._scene_scores = tf.constant(scenes.future_counts, tf.float32)

    def encode(self, items: tf.Tensor, scenes: tf.Tensor) -> Encoded:
        """Reads nothing of the histories but their number; see `model.ranker.Ranker.encode`."""
        batch = tf.shape(items)[0]
        nothing = tf.zeros([0], tf.int64)
        return {
            "queries": tf.zeros([batch, 0]),
            "rows": nothing,
            "columns": nothing,
            "scores": tf.zeros([0]),
            "scene_scores": tf.tile(self._scene_scores[tf.newaxis], [batch, 1]),
        }

    def item_scores(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns the same scores for every history; see `model.ranker.Ranker.item_scores`."""
        return tf.tile(self._item_scores[tf.newaxis, start:stop], [tf.shape(queries)[0], 1])

    def item_scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `model.ranker.Ranker.item_scores_at`; these are exact."""
        return tf.gather(self._item_scores, columns), tf.zeros_like(rows, tf.float32)
