"""Mixing copies into the best candidates, and leaving candidates out, against the whole score matrix."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.networks.copy_head import CopyScores, add_copies
from model.retrieval.top_k import NO_SCORE, TopK, mix_copies, remove_columns, select_best


def ranked_of(scores, k):
    top = tf.math.top_k(scores, k)
    return TopK(top.values, tf.cast(top.indices, tf.int64))


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(0, 4),
    size=st.integers(1, 12),
    k=st.integers(1, 12),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_copies_are_mixed_in_as_into_the_whole_matrix(batch, size, k, share, seed):
    k = min(k, size)
    rng = np.random.default_rng(seed)
    scores = tf.constant(rng.integers(-3, 4, [batch, size]), tf.float32)
    rows, columns = np.nonzero(rng.random([batch, size]) < share)
    values = rng.integers(-3, 4, len(rows)).astype(np.float32)
    copies = CopyScores(tf.constant(rows, tf.int64), tf.constant(columns, tf.int64), tf.constant(values))
    at_copies = tf.gather_nd(scores, tf.stack([copies.rows, copies.columns], axis=1))
    found = mix_copies(ranked_of(scores, k), copies, at_copies, k)
    expected = ranked_of(add_copies(scores, copies), k)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    np.testing.assert_array_equal(found.columns, expected.columns)


@settings(max_examples=60, deadline=None)
@given(batch=st.integers(0, 4), size=st.integers(1, 12), taken=st.integers(0, 5), seed=st.integers(0, 99))
def test_what_is_left_out_is_out_and_the_rest_stays(batch, size, taken, seed):
    rng = np.random.default_rng(seed)
    ranked = ranked_of(tf.constant(rng.normal(size=[batch, size]), tf.float32), size)
    gone = rng.integers(-1, size + 3, [batch, taken])
    found = remove_columns(ranked, tf.constant(gone, tf.int64))
    np.testing.assert_array_equal(found.columns, ranked.columns)
    for row in range(batch):
        for column, score, before in zip(
            found.columns[row].numpy(), found.scores[row].numpy(), ranked.scores[row].numpy(), strict=True
        ):
            assert score == (NO_SCORE if column in gone[row] else before)


def test_a_candidate_is_not_taken_from_the_row_beside():
    ranked = TopK(tf.constant([[1.0], [1.0]]), tf.constant([[5], [6]], tf.int64))
    np.testing.assert_array_equal(remove_columns(ranked, tf.constant([[6], [5]], tf.int64)).scores, [[1.0], [1.0]])


def test_best_breaks_ties_by_column():
    ranked = TopK(tf.constant([[1.0, 2.0, 1.0, 2.0]]), tf.constant([[3, 9, 1, 4]], tf.int64))
    found = select_best(ranked, 3)
    np.testing.assert_array_equal(found.columns, [[4, 9, 1]])
    np.testing.assert_array_equal(found.scores, [[2.0, 2.0, 1.0]])
