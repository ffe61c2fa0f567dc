"""Popularity: everybody is shown what was most frequent in the futures of train sequences."""

import tensorflow as tf

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

    def score(self, items: tf.Tensor, scenes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the same scores for every history; see `model.ranker.Ranker.score`."""
        batch = tf.shape(items)[0]
        return (
            tf.tile(self._item_scores[tf.newaxis], [batch, 1]),
            tf.tile(self._scene_scores[tf.newaxis], [batch, 1]),
        )
