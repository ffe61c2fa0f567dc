"""The exact index, against TensorFlow Recommenders' BruteForce and against a sort in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_recommenders.layers import factorized_top_k

from model.networks.item_scorer import InnerProducts
from model.networks.scene_head import SceneHead
from model.retrieval.top_k import ExactTopK
from tests.recommenders import counts_of
from tests.scene_counts import gains


def by_sort(scores, k):
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def test_finds_what_brute_force_finds():
    rng = np.random.default_rng(0)
    table = tf.constant(rng.normal(size=[502, 8]), tf.float32)
    queries = tf.constant(rng.normal(size=[7, 8]), tf.float32)
    expected = factorized_top_k.BruteForce().index(table[1:-1])(queries, k=20)
    found = ExactTopK(InnerProducts(table, None))(queries, 20)
    np.testing.assert_allclose(found.scores, expected[0], rtol=1e-5)
    np.testing.assert_array_equal(found.columns, expected[1])


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 30),
    batch=st.integers(0, 4),
    k=st.integers(1, 30),
    chunk_scores=st.integers(1, 100),
    seed=st.integers(0, 100),
)
def test_whatever_the_chunk_ties_go_to_the_lower_column(size, batch, k, chunk_scores, seed):
    """Whole numbers make many ties, and their products and sums are exact."""
    k = min(k, size)
    rng = np.random.default_rng(seed)
    table = rng.integers(-2, 3, [size + 2, 3]).astype(np.float32)
    bias = rng.integers(-1, 2, size).astype(np.float32)
    queries = rng.integers(-2, 3, [batch, 3]).astype(np.float32)
    found = ExactTopK(InnerProducts(tf.constant(table), tf.constant(bias)), chunk_scores)(tf.constant(queries), k)
    scores = queries @ table[1:-1].T + bias
    expected = by_sort(scores, k)
    np.testing.assert_array_equal(found.columns, expected)
    np.testing.assert_array_equal(found.scores, np.take_along_axis(scores, expected, axis=1))


@pytest.mark.parametrize("k", [3, tf.constant(3)])
def test_compiles_with_and_without_a_known_k(k):
    table = tf.constant(np.arange(24).reshape(8, 3), tf.float32)
    search = tf.function(lambda queries, k: ExactTopK(InnerProducts(table, None), chunk_scores=4)(queries, k))
    np.testing.assert_array_equal(search(tf.ones([2, 3]), k).columns, [[5, 4, 3]] * 2)


@pytest.mark.parametrize("chunk_scores", [1, 30, 1 << 24])
def test_with_a_scene_head_it_is_the_best_of_all_scores(chunk_scores):
    """By brute force; the same vector has other items in other scenes, and in none."""
    items, scenes = 23, 4
    counts = counts_of(["next"], items, scenes)["next"]
    rng = np.random.default_rng(0)
    table, bias = rng.normal(size=[items + 2, 3]).astype(np.float32), rng.normal(size=items).astype(np.float32)
    vectors = np.repeat(rng.normal(size=[2, 3]), scenes + 2, axis=0)
    last = np.tile(np.arange(scenes + 2), 2)
    head = SceneHead(counts.by_scene, counts.items, counts.strength)
    head.scale.assign(1.5)
    scores = vectors @ table[1:-1].T + bias + 1.5 * gains(counts)[last]
    queries = tf.constant(np.column_stack([vectors, last]), tf.float32)
    found = ExactTopK(InnerProducts(tf.Variable(table), tf.Variable(bias), head), chunk_scores)(queries, 7)
    expected = by_sort(scores, 7)
    np.testing.assert_array_equal(found.columns, expected)
    np.testing.assert_allclose(found.scores, np.take_along_axis(scores, expected, axis=1), rtol=1e-4)
    assert len({tuple(row) for row in expected[: scenes + 1]}) > 2


def test_padding_and_unknown_are_no_candidates():
    table = tf.constant([[9.0], [1.0], [2.0], [9.0]])
    np.testing.assert_array_equal(ExactTopK(InnerProducts(table, None))(tf.ones([1, 1]), 2).columns, [[1, 0]])
