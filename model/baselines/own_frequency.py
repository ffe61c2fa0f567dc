"""The user's own most frequent items: hard to beat where people buy the same things again."""

import tensorflow as tf

from model.ranker import Encoded
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

    def encode(self, items: tf.Tensor, scenes: tf.Tensor) -> Encoded:
        """See `model.ranker.Ranker.encode`."""
        batch = tf.shape(items, tf.int64)[0]
        rows, columns, scores = _frequency(self._items, items)
        scene_rows, scene_columns, scene_scores = _frequency(self._scenes, scenes)
        shape = tf.stack([batch, self._scenes.size])
        return {
            "queries": tf.zeros([batch, 0]),
            "rows": rows,
            "columns": columns,
            "scores": scores,
            "scene_scores": tf.scatter_nd(tf.stack([scene_rows, scene_columns], axis=1), scene_scores, shape),
        }

    def item_scores(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns zeros, for items that the history does not have; see `model.ranker.Ranker.item_scores`."""
        return tf.zeros([tf.shape(queries)[0], stop - start])

    def item_scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `model.ranker.Ranker.item_scores_at`; these are exact."""
        return tf.zeros_like(rows, tf.float32), tf.zeros_like(rows, tf.float32)


def _frequency(table: FingerprintTable, fingerprints: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the cells that histories fill, as rows and 0-based columns, int64 [P], and their scores, float [P]."""
    indices = table(fingerprints)
    time = tf.shape(indices)[1]
    places = tf.where(tf.logical_and(tf.not_equal(indices, PAD_INDEX), indices <= table.size))
    columns = tf.cast(tf.gather_nd(indices, places), tf.int64) - 1
    size = tf.cast(table.size, tf.int64)
    keys, cell, count = tf.unique_with_counts(places[:, 0] * size + columns)
    # The place of the latest occurrence, below 1, decides among equal counts.
    recency = tf.cast(places[:, 1] + 1, tf.float32) / tf.cast(time + 1, tf.float32)
    latest = tf.math.unsorted_segment_max(recency, cell, tf.size(keys))
    return keys // size, keys % size, tf.cast(count, tf.float32) + latest
