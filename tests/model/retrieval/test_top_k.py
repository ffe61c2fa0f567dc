import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.retrieval.top_k import GROUP, top_k


def by_sort(scores, k):
    order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), order


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    width=st.integers(1, 20 * GROUP),
    batch=st.integers(0, 3),
    k=st.integers(1, 4),
    levels=st.sampled_from([1, 2, 5, 10_000]),
    seed=st.integers(0, 1000),
)
def test_equals_a_stable_sort_of_whole_numbers_with_ties(width, batch, k, levels, seed):
    k = min(k, width)
    scores = np.random.default_rng(seed).integers(-levels, levels, [batch, width]).astype(np.float32)
    values, columns = top_k(tf.constant(scores), k)
    expected = by_sort(scores, k)
    np.testing.assert_array_equal(columns, expected[1])
    np.testing.assert_array_equal(values, expected[0])


@pytest.mark.parametrize("width", [5, 10 * GROUP, 10 * GROUP + 3])
def test_what_is_no_number_comes_last(width):
    scores = np.full([2, width], np.nan, np.float32)
    scores[0, 3], scores[1, 4] = -5.0, 7.0
    values, columns = top_k(tf.constant(scores), 2)
    np.testing.assert_array_equal(columns, [[3, 0], [4, 0]])
    np.testing.assert_array_equal(values, [[-5.0, -np.inf], [7.0, -np.inf]])


def test_of_equal_scores_in_several_groups_the_lower_columns_come_first():
    """The group with the best score comes last, so groups have to be put in order."""
    scores = np.zeros([1, 16 * GROUP], np.float32)
    scores[0, 100] = 9.0
    for column in (0, 1, 70, 200):
        scores[0, column] = 5.0
    _, columns = top_k(tf.constant(scores), 4)
    np.testing.assert_array_equal(columns, [[100, 0, 1, 70]])


def test_minus_infinity_is_not_mixed_up_with_padding():
    width = 8 * GROUP + 1
    _, columns = top_k(tf.fill([1, width], float("-inf")), 2)
    np.testing.assert_array_equal(columns, [[0, 1]])


@pytest.mark.parametrize("k", [2, tf.constant(2)])
def test_compiles_with_and_without_a_known_k(k):
    scores = tf.reshape(tf.range(16.0 * GROUP), [2, 8 * GROUP])
    _, columns = tf.function(top_k)(scores, k)
    np.testing.assert_array_equal(columns, [[8 * GROUP - 1, 8 * GROUP - 2]] * 2)
