"""The scene head, beyond the paper: what is popular depends on the scene that a user was last in.

To the score of item k it adds a (log p(k | s) - log p(k)), s being the last scene of the history and p the smoothed
counts of `model.data.target_counts`; the item's bias starts at log p(k), and ``a`` is learned. Scenes have a head of
their own. Only the pairs of a scene and an item that the train split has are held: the rest of a scene's row is one
number.
"""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras
from scipy import sparse

from model.data.target_counts import scene_gains
from model.networks.sparse_counts import SparseCounts


class SceneHead(tf_keras.layers.Layer):
    """Finds by how much the scores of items, or of scenes, rise after a scene.

    Args:
        by_scene: how often each candidate followed each scene in the train split, [N_s, N].
        totals: how often it followed any, int64 [N].
        strength: m of `model.data.target_counts`.
    """

    def __init__(self, by_scene: sparse.csr_matrix, totals: npt.NDArray[np.int64], strength: float, **kwargs: Any):
        super().__init__(**kwargs)
        cells, rest = scene_gains(by_scene, totals, strength)
        self.cells = SparseCounts(cells, np.zeros(cells.shape[1], np.float32), "gains")
        # Neither padding nor an unknown scene has seen an item.
        self.rest = tf.Variable(np.pad(rest, 1), trainable=False, name="rest")
        self.scale = self.add_weight("scale", shape=[], initializer="ones")

    def gains(self, scenes: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns log p(k | s) - log p(k) of the 0-based items start..stop-1, float [S, stop - start].

        Args:
            scenes: int32 [S], 0 where a user has none, N_s + 1 where it is unknown.
            start: the first item.
            stop: the item after the last one.
        """
        rest = tf.gather(tf.convert_to_tensor(self.rest), scenes)
        return self.cells.chunk(scenes[:, tf.newaxis], start, stop) + rest[:, tf.newaxis]

    def gains_at(self, scenes: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns the gains of some cells, float [P]: rows of `scenes` and 0-based items, int64 [P] each."""
        rest = tf.gather(tf.convert_to_tensor(self.rest), tf.gather(scenes, rows))
        return self.cells.scores_at(scenes[:, tf.newaxis], rows, columns) + rest

    def best_items(self, bias: tf.Variable, k: int) -> npt.NDArray[np.int64]:
        """Returns the k items that are most popular in each scene, among those that were seen there.

        Args:
            bias: the items' biases, float [N].
            k: how many.

        Returns:
            0-based items, int64 [N_s + 2, k]; -1 where a scene has fewer.
        """
        starts, columns, gains = (x.numpy() for x in (self.cells.starts, self.cells.columns, self.cells.values))
        scores = bias.numpy()[columns[:-1]] + float(self.scale) * gains[:-1]
        best = np.full([len(starts) - 1, k], -1, np.int64)
        for scene, (start, stop) in enumerate(itertools.pairwise(starts)):
            order = np.argsort(-scores[start:stop], kind="stable")[:k]
            best[scene, : len(order)] = columns[start + order]
        return best


class SceneOffset:
    """What the scene head adds to the scores of a batch.

    Users are many and scenes few, so gains are found for each scene once, and a product with one-hot rows hands them to
    users: that adds exactly one number, and costs less than a gather of as many.

    Args:
        head: the head.
        scenes: int32 [batch], the last scene of each user.
    """

    def __init__(self, head: SceneHead, scenes: tf.Tensor):
        self._head = head
        self._scenes = scenes
        self._distinct, self._place = tf.unique(scenes)
        self._one_hot = tf.one_hot(self._place, tf.size(self._distinct))
        self.scale = tf.convert_to_tensor(head.scale)

    def chunk(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns what is added to the 0-based items start..stop-1, before the scale, float [batch, stop - start]."""
        return tf.matmul(self._one_hot, self._head.gains(self._distinct, start, stop))

    def scaled_chunk(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns the same times the scale."""
        return tf.matmul(self.scale * self._one_hot, self._head.gains(self._distinct, start, stop))

    def sum_products(self, weights: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns the sum over items of weights, float [batch, stop - start], times `chunk`, float [batch]."""
        sums = tf.matmul(weights, self._head.gains(self._distinct, start, stop), transpose_b=True)
        return tf.reduce_sum(sums * self._one_hot, axis=1)

    def at(self, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns what is added to some cells, before the scale, float [P]; arguments as for `SceneHead.gains_at`."""
        return self._head.gains_at(self._scenes, rows, columns)

    def of(self, columns: tf.Tensor) -> tf.Tensor:
        """Returns what is added to the same 0-based items, int64 [U], of each user, before the scale: [batch, U]."""
        number, width = tf.shape(self._distinct, tf.int64)[0], tf.shape(columns, tf.int64)[0]
        rows, cells = tf.repeat(tf.range(number), width), tf.tile(columns, [number])
        gains = self._head.gains_at(self._distinct, rows, cells)
        return tf.gather(tf.reshape(gains, [number, width]), self._place)


def last_scenes(scenes: tf.Tensor) -> tf.Tensor:
    """Returns the scene of the latest event of each history, int32 [batch]; 0 of an empty one.

    Args:
        scenes: int [batch, time], oldest first, 0 where padded, on any side or in between.
    """
    place = tf.range(1, tf.shape(scenes)[1] + 1) * tf.cast(scenes != 0, tf.int32)
    last = tf.reduce_max(tf.pad(place, [[0, 0], [1, 0]]), axis=1)
    padded = tf.pad(tf.cast(scenes, tf.int32), [[0, 0], [1, 0]])
    return tf.gather(padded, last, batch_dims=1)
