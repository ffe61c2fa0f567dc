"""The user's own most frequent items: hard to beat where people buy the same things again."""

import tensorflow as tf

from model.vocabulary import FingerprintTable
from schemas.catalogue import PAD_INDEX, Catalogue


class OwnFrequency:
    """Ranks by how often the history has an item (or scene); the more recent goes first among equals.

    It is a `model.ranker.Ranker`. What the history does not have scores 0.

    Args:
        items: the item catalogue.
        scenes: the scene catalogue.
    """

    def __init__(self, items: Catalogue, scenes: Catalogue):
        self.item_fingerprints = tf.constant(items.fingerprints)
        self.scene_fingerprints = tf.constant(scenes.fingerprints)
        self._items = FingerprintTable(items.fingerprints)
        self._scenes = FingerprintTable(scenes.fingerprints)

    def score(self, items: tf.Tensor, scenes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `model.ranker.Ranker.score`."""
        return _frequency(self._items, items), _frequency(self._scenes, scenes)


def _frequency(table: FingerprintTable, fingerprints: tf.Tensor) -> tf.Tensor:
    indices = table(fingerprints)
    batch, time = tf.shape(indices)[0], tf.shape(indices)[1]
    places = tf.where(tf.logical_and(tf.not_equal(indices, PAD_INDEX), indices <= table.size))
    columns = tf.cast(tf.gather_nd(indices, places), tf.int64) - 1
    cells = tf.stack([places[:, 0], columns], axis=1)
    shape = tf.stack([batch, table.size])
    count = tf.scatter_nd(tf.cast(cells, tf.int32), tf.ones([tf.shape(cells)[0]]), shape)
    # The place of the latest occurrence, below 1, decides among equal counts.
    recency = tf.cast(places[:, 1] + 1, tf.float32) / tf.cast(time + 1, tf.float32)
    latest = tf.tensor_scatter_nd_max(tf.zeros(shape), tf.cast(cells, tf.int32), recency)
    return count + latest
