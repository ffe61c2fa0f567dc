"""How items are scored: in pieces of the catalogue, so that no one ever needs all users times all items."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

CHUNK_SCORES = 1 << 20
"""Scores of a chunk by default: 4 MiB, enough to hide the cost of a loop, few enough for caches."""


class Reduction(NamedTuple):
    """One number per row from the scores of all candidates.

    Attributes:
        start: the number before the first chunk.
        merge: takes it, float [batch], and the scores of a chunk, float [batch, C], and returns the next.
        slope: takes the scores of a chunk and the final number; returns its derivatives by these scores.
    """

    start: float
    merge: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    slope: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


REDUCTIONS = {
    "bce": Reduction(
        start=0.0,
        merge=lambda total, scores: total + tf.reduce_sum(tf.math.softplus(scores), axis=1),
        slope=lambda scores, _: tf.sigmoid(scores),
    ),
    "softmax": Reduction(
        start=float("-inf"),
        merge=lambda total, scores: _log_add(total, tf.reduce_logsumexp(scores, axis=1)),
        slope=lambda scores, total: tf.exp(scores - total[:, tf.newaxis]),
    ),
}


def reduce_and_pick(
    reduction: Reduction,
    outputs: tf.Tensor,
    embeddings: tf.Tensor,
    bias: tf.Tensor | None,
    rows: tf.Tensor,
    columns: tf.Tensor,
    chunk_size: int | None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the reduction over all candidates, float [batch], and the scores at some cells, float [P].

    They are one function so that their gradients by the embeddings are one tensor, not two of catalogue size.

    Args:
        reduction: one of `REDUCTIONS`.
        outputs: o, float [batch, d].
        embeddings: float [N + 2, d]; row k is candidate k, rows 0 and N + 1 are no candidates.
        bias: float [N], or None.
        rows: int64 [P], the row of each cell; cells may repeat.
        columns: int64 [P], its 0-based candidate.
        chunk_size: candidates scored at a time; by default as many as make `CHUNK_SCORES`.
    """
    size, batch = catalogue_size(embeddings), tf.shape(outputs)[0]
    chunk = chunk_length(chunk_size, batch, size)

    @tf.custom_gradient
    def function(outputs: tf.Tensor, embeddings: tf.Tensor, *biases: tf.Tensor) -> tuple[tuple, Callable]:
        bias = biases[0] if biases else None

        def merge(total: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
            return reduction.merge(total, chunk_scores(outputs, embeddings, bias, start, stop))

        total = for_chunks(merge, tf.fill([batch], tf.cast(reduction.start, outputs.dtype)), size, chunk)

        def gradient(by_total: tf.Tensor, by_cells: tf.Tensor) -> tuple[tf.Tensor, ...]:
            scaled = by_total[:, tf.newaxis] * outputs

            def add(sums: tuple[tf.Tensor, ...], start: tf.Tensor, stop: tf.Tensor) -> tuple[tf.Tensor, ...]:
                slope = reduction.slope(chunk_scores(outputs, embeddings, bias, start, stop), total)
                by_outputs, by_embeddings, *by_biases = sums
                by_outputs += tf.matmul(slope, embeddings[1 + start : 1 + stop])
                part = tf.matmul(slope, scaled, transpose_a=True)
                by_embeddings = _write(by_embeddings, 1 + start, 1 + stop, part)
                if by_biases:
                    part = tf.linalg.matvec(slope, by_total, transpose_a=True)
                    by_biases = [_write(by_biases[0], start, stop, part)]
                return by_outputs, by_embeddings, *by_biases

            zeros = tuple(_zeros_like(tensor) for tensor in (outputs, embeddings, *biases))
            by_outputs, by_embeddings, *by_biases = for_chunks(add, zeros, size, chunk)
            by_outputs *= by_total[:, tf.newaxis]

            weights = by_cells[:, tf.newaxis]
            by_outputs = _add_rows(by_outputs, rows, weights * tf.gather(embeddings, columns + 1))
            by_embeddings = _add_rows(by_embeddings, columns + 1, weights * tf.gather(outputs, rows))
            by_biases = [_add_rows(by_bias, columns, by_cells) for by_bias in by_biases]
            return by_outputs, by_embeddings, *by_biases

        return (total, scores_at(outputs, embeddings, bias, rows, columns)), gradient

    return function(*(tf.convert_to_tensor(x) for x in (outputs, embeddings, bias) if x is not None))


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


def _zeros_like(tensor: tf.Tensor) -> tf.Tensor:
    # `tf.zeros_like` would be folded into a constant of the graph, which lives on and must not be written to.
    return tf.raw_ops.Empty(shape=tf.shape(tensor), dtype=tensor.dtype, init=True)


def _write(tensor: tf.Tensor, start: tf.Tensor, stop: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Replaces rows start..stop-1 in place, of a tensor that nobody else holds."""
    # `tf.tensor_scatter_nd_update` copies the whole tensor on a CPU, each time.
    return tf.raw_ops.InplaceUpdate(x=tensor, i=tf.range(start, stop), v=rows)


def _add_rows(tensor: tf.Tensor, rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Adds to some rows in place, likewise; rows may repeat."""
    rows, group = tf.unique(rows)  # a GPU loses all but one of repeated rows
    values = tf.math.unsorted_segment_sum(values, group, tf.size(rows))
    return tf.raw_ops.InplaceAdd(x=tensor, i=tf.cast(rows, tf.int32), v=values)


def _log_add(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.maximum(a, b) + tf.math.softplus(-tf.abs(a - b))


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
