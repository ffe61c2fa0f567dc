"""How items are scored: in pieces of the catalogue, so that no one ever needs all users times all items.

`ItemScorer` is what training, ranking and serving ask; `InnerProducts` is the scorer of every network that has one
vector a user and one an item. The functions below score chunks and single cells of the score matrix.
"""

from typing import Protocol

import numpy as np
import tensorflow as tf

from model.networks.scene_head import SceneHead, SceneOffset


class ItemScorer(Protocol):
    """Scores items for queries.

    Attributes:
        size: number N of items.
    """

    size: int

    def chunk(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns the scores of the 0-based items start..stop-1, float [batch, stop - start]."""
        ...

    def scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns the scores of some cells, float [P]: rows of the queries and 0-based items, int64 [P] each."""
        ...

    def rounding_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns by how much rounding may set the scores of cells off those of `chunk`, float [P]."""
        ...


class InnerProducts:
    """Scores o . e_k + b_k, and what the scene head adds: an `ItemScorer`.

    Its queries are o, float [batch, d]; with a scene head, the last scene of each user follows, as one number more.

    It reads the network's own table, and never more of it than is asked for.

    Args:
        table: float [N + 2, d]; row k is item k, rows 0 and N + 1 are no items.
        bias: float [N], added to the scores, or None.
        scene_head: adds to the scores, too, or None.
    """

    def __init__(self, table: tf.Variable, bias: tf.Variable | None, scene_head: SceneHead | None = None):
        self.size = table.shape[0] - 2
        self.table = table
        self.bias = bias
        self.scene_head = scene_head

    def chunk(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """See `ItemScorer.chunk`."""
        outputs, offset = self._split(queries)
        return chunk_scores(outputs, *self._read(), start, stop, offset)

    def scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `ItemScorer.scores_at`."""
        outputs, offset = self._split(queries)
        return scores_at(outputs, *self._read(), rows, columns, offset)

    def rounding_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns by how much two sums of a cell's products may differ, float [P], whatever their order.

        A sum of n terms x_i is off by less than n eps sum(|x_i|) (Higham, Accuracy and Stability of Numerical
        Algorithms, 2002, 3.1), twice that for two sums.
        """
        table, bias = self._read()
        outputs, offset = self._split(queries)
        products = tf.gather(outputs, rows) * tf.gather(table, columns + 1)
        absolute = tf.reduce_sum(tf.abs(products), axis=1)
        if bias is not None:
            absolute += tf.abs(tf.gather(bias, columns))
        if offset is not None:
            absolute += tf.abs(offset.scale * offset.at(rows, columns))
        terms = tf.cast(tf.shape(outputs)[1] + 3, outputs.dtype)
        return 2 * terms * np.finfo(np.float32).eps * absolute

    def vectors(self, queries: tf.Tensor) -> tf.Tensor:
        """Returns o of queries, float [batch, d]."""
        return queries if self.scene_head is None else queries[:, :-1]

    def last_scenes(self, queries: tf.Tensor) -> tf.Tensor:
        """Returns the last scene of queries, int32 [batch]; there must be a scene head."""
        return tf.cast(queries[:, -1], tf.int32)

    def _split(self, queries: tf.Tensor) -> tuple[tf.Tensor, SceneOffset | None]:
        """Returns o, float [batch, d], and what the scene head adds."""
        if self.scene_head is None:
            return queries, None
        return self.vectors(queries), SceneOffset(self.scene_head, self.last_scenes(queries))

    def _read(self) -> tuple[tf.Tensor, tf.Tensor | None]:
        # Whole, which copies nothing unless they have been read sparsely (`model.networks.encoder`).
        return tf.convert_to_tensor(self.table), None if self.bias is None else tf.convert_to_tensor(self.bias)


def chunk_scores(
    outputs: tf.Tensor,
    embeddings: tf.Tensor,
    bias: tf.Tensor | None,
    start: tf.Tensor,
    stop: tf.Tensor,
    offset: SceneOffset | None = None,
) -> tf.Tensor:
    """Returns the scores of the 0-based candidates start..stop-1, float [batch, stop - start]."""
    scores = tf.matmul(outputs, embeddings[1 + start : 1 + stop], transpose_b=True)
    scores = scores if bias is None else scores + bias[start:stop]
    return scores if offset is None else scores + offset.scaled_chunk(start, stop)


def scores_at(
    outputs: tf.Tensor,
    embeddings: tf.Tensor,
    bias: tf.Tensor | None,
    rows: tf.Tensor,
    columns: tf.Tensor,
    offset: SceneOffset | None = None,
) -> tf.Tensor:
    """Returns the scores at cells, float [P]."""
    scores = tf.reduce_sum(tf.gather(outputs, rows) * tf.gather(embeddings, columns + 1), axis=1)
    scores = scores if bias is None else scores + tf.gather(bias, columns)
    return scores if offset is None else scores + offset.scale * offset.at(rows, columns)
