"""How items are scored: in pieces of the catalogue, so that no one ever needs all users times all items.

`ItemScorer` is what training, ranking and serving ask; `InnerProducts` is the scorer of every network that has one
vector a user and one an item. The functions below score chunks and single cells of the score matrix, and go through a
catalogue chunk by chunk.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import tensorflow as tf

CHUNK_SCORES = 1 << 20
"""Scores of a chunk by default: 4 MiB, enough to hide the cost of a loop, few enough for caches."""


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
    """Scores o . e_k + b_k: an `ItemScorer` whose queries are o, float [batch, d].

    It reads the network's own table, and never more of it than is asked for.

    Args:
        table: float [N + 2, d]; row k is item k, rows 0 and N + 1 are no items.
        bias: float [N], added to the scores, or None.
    """

    def __init__(self, table: tf.Variable, bias: tf.Variable | None):
        self.size = table.shape[0] - 2
        self.table = table
        self.bias = bias

    def chunk(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """See `ItemScorer.chunk`."""
        return chunk_scores(queries, *self._read(), start, stop)

    def scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `ItemScorer.scores_at`."""
        return scores_at(queries, *self._read(), rows, columns)

    def rounding_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns by how much two sums of a cell's products may differ, float [P], whatever their order.

        A sum of n terms x_i is off by less than n eps sum(|x_i|) (Higham, Accuracy and Stability of Numerical
        Algorithms, 2002, 3.1), twice that for two sums.
        """
        table, bias = self._read()
        products = tf.gather(queries, rows) * tf.gather(table, columns + 1)
        absolute = tf.reduce_sum(tf.abs(products), axis=1)
        if bias is not None:
            absolute += tf.abs(tf.gather(bias, columns))
        terms = tf.cast(tf.shape(queries)[1] + 2, queries.dtype)
        return 2 * terms * np.finfo(np.float32).eps * absolute

    def _read(self) -> tuple[tf.Tensor, tf.Tensor | None]:
        # Whole, which copies nothing unless they have been read sparsely (`model.networks.encoder`).
        return tf.convert_to_tensor(self.table), None if self.bias is None else tf.convert_to_tensor(self.bias)


def chunk_scores(
    outputs: tf.Tensor, embeddings: tf.Tensor, bias: tf.Tensor | None, start: tf.Tensor, stop: tf.Tensor
) -> tf.Tensor:
    """Returns the scores of the 0-based candidates start..stop-1, float [batch, stop - start]."""
    scores = tf.matmul(outputs, embeddings[1 + start : 1 + stop], transpose_b=True)
    return scores if bias is None else scores + bias[start:stop]


def scores_at(
    outputs: tf.Tensor, embeddings: tf.Tensor, bias: tf.Tensor | None, rows: tf.Tensor, columns: tf.Tensor
) -> tf.Tensor:
    """Returns the scores at cells, float [P]."""
    scores = tf.reduce_sum(tf.gather(outputs, rows) * tf.gather(embeddings, columns + 1), axis=1)
    return scores if bias is None else scores + tf.gather(bias, columns)


def catalogue_size(embeddings: tf.Tensor) -> tf.Tensor:
    """Returns N, int32, for a table of N + 2 rows."""
    return tf.shape(embeddings)[0] - 2


def chunk_length(chunk_size: int | None, batch: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns how many candidates to score at a time, int32."""
    return tf.clip_by_value(CHUNK_SCORES // tf.maximum(batch, 1) if chunk_size is None else chunk_size, 1, size)


def for_chunks(body: Callable, state: tf.Tensor, size: tf.Tensor, chunk: tf.Tensor) -> tf.Tensor:
    """Returns ``state = body(state, start, stop)`` after all chunks of 0..size-1, one at a time."""
    _, state = tf.while_loop(
        lambda start, _: start < size,
        lambda start, state: (start + chunk, body(state, start, tf.minimum(start + chunk, size))),
        (0, state),
        parallel_iterations=1,
    )
    return state
