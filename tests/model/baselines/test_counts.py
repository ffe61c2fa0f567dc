import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from model.networks.sparse_counts import EXACT, SparseCounts, make_empty_counts, tie_break
from tests.model.baselines.small_data import check_pieces


def _random(rows, columns, seed=0, largest=9):
    rng = np.random.RandomState(seed)
    dense = rng.randint(1, largest + 1, size=[rows, columns]) * rng.binomial(1, 0.4, size=[rows, columns])
    return dense, tie_break(rng.randint(5, size=columns))


@pytest.mark.parametrize(("rows", "columns"), [(6, 11), (1, 1), (1, 40), (9, 2)])
def test_adds_up_the_rows_that_are_read(rows, columns):
    dense, base = _random(rows, columns)
    dense[0] = 0  # nothing follows it
    scorer = SparseCounts(sparse.csr_matrix(dense), base)
    queries = np.random.RandomState(1).randint(rows + 2, size=[8, 5])
    queries[0] = 0
    queries[1] = rows + 1
    queries[2] = rows  # five times
    padded = np.concatenate([np.zeros_like(dense[:1]), dense, np.zeros_like(dense[:1])])
    expected = padded[queries].sum(axis=1).astype(np.float32) + base
    found = scorer.chunk(tf.constant(queries, tf.int32), 0, columns).numpy()
    np.testing.assert_array_equal(found, expected)
    check_pieces(scorer, tf.constant(queries, tf.int32), expected)


@pytest.mark.parametrize(("batch", "width"), [(3, 0), (0, 4), (0, 0)])
def test_queries_that_read_nothing(batch, width):
    dense, base = _random(4, 5)
    for counts in (sparse.csr_matrix(dense), make_empty_counts(5), sparse.csr_matrix((4, 5), dtype=np.int32)):
        scorer = SparseCounts(counts, base)
        queries = tf.zeros([batch, width], tf.int32)
        scores = scorer.chunk(queries, tf.constant(1), tf.constant(4))
        np.testing.assert_array_equal(scores, np.tile(base[1:4], [batch, 1]))
        cells = tf.constant([0] * batch, tf.int64)
        np.testing.assert_array_equal(scorer.scores_at(queries, cells, cells), [base[0]] * batch)


def test_a_chunk_may_be_empty_or_one_item():
    dense, base = _random(4, 5)
    scorer = SparseCounts(sparse.csr_matrix(dense), base)
    queries = tf.constant([[1, 2]])
    assert scorer.chunk(queries, tf.constant(2), tf.constant(2)).shape == (1, 0)
    assert scorer.chunk(queries, tf.constant(4), tf.constant(5)).numpy() == dense[:2, 4].sum() + base[4]


@pytest.mark.parametrize("largest", [EXACT - 1, 2**30])
def test_rounding_covers_what_large_counts_lose(largest):
    """Both ways add in float32, where a sum above 2^24 depends on the order; the exact one lies within the bound."""
    dense, base = _random(20, 7, largest=9)
    dense[::3] *= largest // 9
    scorer = SparseCounts(sparse.csr_matrix(dense), base)
    queries = np.random.RandomState(1).randint(1, 21, size=[6, 15])
    rows, columns = np.indices([6, 7]).reshape(2, -1)
    cells = tf.constant(queries, tf.int32), tf.constant(rows), tf.constant(columns)
    rounding = scorer.rounding_at(*cells).numpy()
    at, whole = scorer.scores_at(*cells).numpy(), scorer.chunk(cells[0], 0, 7).numpy()[rows, columns]
    exact = dense[queries - 1].sum(axis=1, dtype=np.int64)[rows, columns] + base[columns].astype(np.float64)
    assert (rounding[exact > EXACT] > 0).all() and (exact > EXACT).any()
    assert (np.abs(at - exact) <= rounding).all() and (np.abs(at - whole) <= rounding).all()
    assert (rounding <= 1e-5 * exact).all()
    assert (at != exact).any()


def test_rounding_is_nothing_up_to_what_is_exact():
    counts = sparse.csr_matrix(np.array([[EXACT // 4]]))
    scorer = SparseCounts(counts, np.zeros(1, np.float32))
    cell = tf.constant([0], tf.int64), tf.constant([0], tf.int64)
    assert scorer.rounding_at(tf.ones([1, 3], tf.int32), *cell).numpy() == 0
    assert scorer.rounding_at(tf.ones([1, 4], tf.int32), *cell).numpy() > 0


@pytest.mark.parametrize("counts", [[5], [0, 0], [9, 0, 9, 5], list(range(1000)), [2**40, 2**40 + 1]])
def test_tie_break_keeps_the_order_below_one(counts):
    found = tie_break(np.array(counts, np.int64))
    assert found.dtype == np.float32 and (found >= 0).all() and (found < 1).all()
    one, other = np.indices([len(counts)] * 2)
    np.testing.assert_array_equal(
        np.sign(found[one] - found[other]), np.sign(np.array(counts)[one] - np.array(counts)[other])
    )
