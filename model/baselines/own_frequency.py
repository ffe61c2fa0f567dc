"""The user's own most frequent items, then what is popular: hard to beat where people buy the same things again.

This is GP-TopFreq of next-basket recommendation, personal top items filled up with global ones (Li et al., TOIS 2023,
"A Next Basket Recommendation Reality Check"): something has to fill the places of a short history. All of the
history that the served model takes (`windows.max_history`) is read, because a long one costs nothing here.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.baselines.popularity import recount_futures
from model.baselines.statistical_network import CountingTask, StatisticalNetwork
from model.data.vocabulary import find
from model.networks.sparse_counts import tie_break
from model.questions import PERIOD
from schemas.catalogue import PAD_INDEX, Catalogue

AGES = 1 << 14
"""Number of ages that are distinguished; with counts below 2^10 they fit into a float32."""


class OwnCounts(tf.Module):
    """Scores by how often the query has an item, the later first among equals: an `ItemScorer`.

    Queries are histories, int32 [batch, time], with 0 for padding anywhere and N + 1 for unknown.

    Args:
        base: float [N] in [0, 1), the scores of what a history does not have.

    Attributes:
        size: number N of items.
    """

    def __init__(self, base: npt.NDArray[np.float32]):
        super().__init__()
        self.size = len(base)
        self.base = tf.Variable(base, trainable=False, name="base")

    def chunk(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """See `model.networks.item_scorer.ItemScorer.chunk`."""
        rows, columns, scores = self._own(queries)
        inside = tf.where(tf.logical_and(columns >= tf.cast(start, tf.int64), columns < tf.cast(stop, tf.int64)))[:, 0]
        cells = tf.stack([tf.gather(rows, inside), tf.gather(columns, inside) - tf.cast(start, tf.int64)], axis=1)
        base = tf.convert_to_tensor(self.base)[start:stop]
        return tf.tensor_scatter_nd_update(
            tf.tile(base[tf.newaxis], [tf.shape(queries)[0], 1]), cells, tf.gather(scores, inside)
        )

    def scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `model.networks.item_scorer.ItemScorer.scores_at`."""
        own_rows, own_columns, scores = self._own(queries)
        keys = own_rows * self.size + own_columns
        order = tf.argsort(keys)
        found, place = find(tf.gather(keys, order), rows * self.size + columns)
        base = tf.gather(tf.convert_to_tensor(self.base), columns)
        return tf.tensor_scatter_nd_update(base, found[:, tf.newaxis], tf.gather(scores, tf.gather(order, place)))

    def rounding_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `model.networks.item_scorer.ItemScorer.rounding_at`; both ways give the same numbers."""
        return tf.zeros_like(rows, tf.float32)

    def _own(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the cells that histories fill, rows and 0-based columns, int64 [C], and their scores, float [C]."""
        valid = tf.not_equal(queries, PAD_INDEX)
        age = tf.cumsum(tf.cast(valid, tf.int32), axis=1, reverse=True)  # 1 is the latest event
        lateness = tf.cast(tf.maximum(AGES - age, 0), tf.float32) / AGES
        places = tf.where(tf.logical_and(valid, queries <= self.size))
        columns = tf.cast(tf.gather_nd(queries, places), tf.int64) - 1
        keys, cell, count = tf.unique_with_counts(places[:, 0] * self.size + columns)
        latest = tf.math.unsorted_segment_max(tf.gather_nd(lateness, places), cell, tf.size(keys))
        return keys // self.size, keys % self.size, tf.cast(count, tf.float32) + latest


def fit(task: CountingTask) -> StatisticalNetwork:
    """Counts what follows (`model.data.sequences`), to fill up: a `model.baselines.statistical_network.Fit`.

    How often all of the futures have an item is in the catalogue, so nothing is read for the question ``period``.
    """
    if task.question == PERIOD:
        return from_catalogues(task.items, task.scenes)
    return from_catalogues(*recount_futures(task.train, task.items, task.scenes, task.question))


def from_catalogues(items: Catalogue, scenes: Catalogue) -> StatisticalNetwork:
    """Returns the user's own most frequent items and scenes, then those of the largest future counts."""
    of_items, of_scenes = (OwnCounts(tie_break(catalogue.future_counts)) for catalogue in (items, scenes))
    return StatisticalNetwork(of_items, of_scenes, lambda item_history, scene_history: (item_history, scene_history))
