"""The exact best items, found in as few passes over the catalogue as memory allows."""

import numpy as np
import tensorflow as tf

from model.chunked_scores import catalogue_size, chunk_scores, for_chunks, scores_at
from model.ranked import NO_SCORE, Ranked
from model.top_k import top_k

CHUNK_SCORES = 1 << 24
"""Scores held at a time, 64 MiB: one user's over 16M items, or 16 users' over a million."""


class ExactTopK:
    """Compares queries with every candidate.

    It is asked like the top-k layers of TensorFlow Recommenders and answers like their `BruteForce`, but reads the
    network's own table, where `BruteForce` holds a second one, and never more than `CHUNK_SCORES` scores at once, as
    `Streaming` does, whose data set inside the graph takes two to twenty times as long
    (`benchmarks/retrieval.py`).

    Args:
        table: float [N + 2, d]; row k is candidate k, rows 0 and N + 1 are no candidates.
        bias: float [N], added to the scores, or None.
        chunk_scores: most scores held at a time.
    """

    def __init__(self, table: tf.Variable, bias: tf.Variable | None, chunk_scores: int = CHUNK_SCORES):
        self._table = table
        self._bias = bias
        self._chunk_scores = chunk_scores

    def __call__(self, queries: tf.Tensor, k: tf.Tensor | int) -> Ranked:
        """Returns the best candidates, best first; of equal scores the lower column first.

        Args:
            queries: float [batch, d].
            k: how many, at most N.
        """
        table, bias = self._read()
        size, batch = catalogue_size(table), tf.shape(queries)[0]
        chunk = tf.clip_by_value(self._chunk_scores // tf.maximum(batch, 1), tf.minimum(k, size), size)

        def merge(best: Ranked, start: tf.Tensor, stop: tf.Tensor) -> Ranked:
            return with_chunk(best, chunk_scores(queries, table, bias, start, stop), start, k)

        nothing = Ranked(tf.fill([batch, k], NO_SCORE), tf.zeros([batch, k], tf.int64))
        return for_chunks(merge, nothing, size, chunk)

    def scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns the scores of some cells, float [P]: rows of the queries and 0-based candidates, int64 [P] each."""
        return scores_at(queries, *self._read(), rows, columns)

    def chunk(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Returns the scores of the 0-based candidates start..stop-1, float [batch, stop - start]."""
        return chunk_scores(queries, *self._read(), start, stop)

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
        # Whole, which copies nothing unless they have been read sparsely (`model.embedding`).
        return tf.convert_to_tensor(self._table), None if self._bias is None else tf.convert_to_tensor(self._bias)

    def is_exact(self) -> bool:
        """Tells whether what is found is the best there is."""
        return True


def with_chunk(best: Ranked, scores: tf.Tensor, start: tf.Tensor, k: tf.Tensor | int) -> Ranked:
    """Returns the k best of those of earlier chunks and of the next one.

    Args:
        best: [batch, k], of the columns before `start`.
        scores: float [batch, C], of the columns from `start` on.
        start: the first column of this chunk.
        k: how many.
    """
    values, places = top_k(scores, tf.minimum(k, tf.shape(scores)[1]))
    values = tf.concat([best.scores, values], axis=1)
    columns = tf.concat([best.columns, tf.cast(places + start, tf.int64)], axis=1)
    # Earlier chunks come first, and so does the lower of two equal scores.
    top = tf.math.top_k(values, k)
    return Ranked(top.values, tf.gather(columns, top.indices, batch_dims=1))
