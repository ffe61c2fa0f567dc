"""A ranking by counts of pairs (`model.data.pair_counts`): the rows of a sparse matrix that a history reads, added up.

score(k) = sum over the rows f that a query reads of C[f, k], plus base[k]. With the last item as the one row, C is a
Markov chain; with all items of the history, it is co-occurrence; with no row at all, base is popularity.

Counts are whole numbers, so their sums in float32 are exact, in whatever order, up to 2^24. A base below 1 then
only decides among equal counts, and ranks what no row that is read has.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import sparse

from model.networks.chunks import for_chunks

EXACT = 1 << 24
"""Up to this all whole numbers are float32."""


class SparseCounts(tf.Module):
    """An `model.networks.item_scorer.ItemScorer` whose queries are the rows to read, int32 [batch, rows].

    Row f counts from 1 and 0 is no row, as in a catalogue; nor is the number of rows + 1, which stands for unknown. A
    row that a query holds twice is read twice.

    Args:
        counts: C, [rows, N], whole numbers, with rising columns in each row.
        base: float [N].
        name: name of the module.

    Attributes:
        size: number N of items.
    """

    def __init__(self, counts: sparse.csr_matrix, base: npt.NDArray[np.float32], name: str = "counts"):
        super().__init__(name=name)
        self.size = counts.shape[1]
        self._search_steps = int(np.diff(counts.indptr).max(initial=0)).bit_length()
        self._largest = float(counts.data.max(initial=0))
        # Both rows that are none are empty ones, so that nobody has to ask whether a row is there.
        starts = np.concatenate([[0], counts.indptr, counts.indptr[-1:]]).astype(np.int64)
        # A column more, which is in no row: a search may end behind the last one.
        columns = np.append(counts.indices, np.int32(self.size)).astype(np.int32)
        values = np.append(counts.data, 0).astype(np.float32)
        self.starts = tf.Variable(starts, trainable=False, name="starts")
        self.columns = tf.Variable(columns, trainable=False, name="columns")
        self.values = tf.Variable(values, trainable=False, name="values")
        self.base = tf.Variable(np.asarray(base, np.float32), trainable=False, name="base")

    def chunk(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """See `ItemScorer.chunk`; for a moment it holds all counts that are read and in the chunk."""
        batch, width = tf.shape(queries)[0], tf.cast(stop - start, tf.int64)
        rows = tf.reshape(queries, [-1])
        places = tf.ragged.range(self._place(rows, start), self._place(rows, stop), row_splits_dtype=tf.int64)
        user = places.value_rowids() // tf.cast(tf.maximum(tf.shape(queries)[1], 1), tf.int64)
        column = tf.gather(_whole(self.columns), places.values) - tf.cast(start, tf.int32)
        cells = user * width + tf.cast(column, tf.int64)
        counts = tf.gather(_whole(self.values), places.values)
        sums = tf.math.unsorted_segment_sum(counts, cells, tf.cast(batch, tf.int64) * width)
        return tf.reshape(sums, [batch, stop - start]) + _whole(self.base)[start:stop]

    def scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `model.networks.item_scorer.ItemScorer.scores_at`."""
        starts, own_columns, values = _whole(self.starts), _whole(self.columns), _whole(self.values)
        wanted = tf.cast(columns, tf.int32)

        # One row of each query at a time: all at once would take as many times the memory.
        def add(sums: tf.Tensor, position: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            read = tf.gather(queries[:, position], rows)
            place = self._place(read, wanted)
            inside = place < tf.gather(starts, read + 1)
            there = tf.logical_and(inside, tf.equal(tf.gather(own_columns, place), wanted))
            return sums + tf.where(there, tf.gather(values, place), 0.0)

        sums = for_chunks(add, tf.zeros_like(rows, tf.float32), tf.shape(queries)[1], 1)
        return sums + tf.gather(_whole(self.base), columns)

    def rounding_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `ItemScorer.rounding_at`: nothing, unless sums could come to more than `EXACT`."""
        terms = tf.cast(tf.shape(queries)[1] + 1, tf.float32)
        return tf.cond(
            terms * self._largest <= EXACT,
            lambda: tf.zeros_like(rows, tf.float32),
            # As of any two sums (`model.networks.item_scorer.InnerProducts.rounding_at`).
            lambda: 2 * terms * np.finfo(np.float32).eps * tf.abs(self.scores_at(queries, rows, columns)),
        )

    def _place(self, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns where in each row the first column is that is not below a given one, int64, by bisection."""
        starts, own_columns = _whole(self.starts), _whole(self.columns)
        low, high = tf.gather(starts, rows), tf.gather(starts, rows + 1)
        for _ in range(self._search_steps):
            middle = (low + high) // 2
            below = tf.logical_and(middle < high, tf.gather(own_columns, middle) < columns)
            low, high = tf.where(below, middle + 1, low), tf.where(below, high, middle)
        return low


def make_empty_counts(columns: int) -> sparse.csr_matrix:
    """Returns counts without a row, for queries that read nothing."""
    return sparse.csr_matrix((0, columns), dtype=np.int32)


def tie_break(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Returns numbers in [0, 1) that are ordered as counts are, float32 [N]: the base of what is ranked by others.

    They are ranks among the distinct counts. Shares would be too close to each other to survive beside a large number.

    >>> tie_break(np.array([9, 0, 9, 4, 5])).tolist()
    [0.75, 0.0, 0.75, 0.25, 0.5]
    """
    distinct, rank = np.unique(counts, return_inverse=True)
    return (rank / len(distinct)).astype(np.float32)


def _whole(variable: tf.Variable) -> tf.Tensor:
    return tf.convert_to_tensor(variable)  # a sparse read would make every dense one copy the variable
