"""Scores of items by inner products, in pieces and cell by cell, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from model.networks.item_scorer import InnerProducts
from model.networks.scene_head import SceneHead
from tests.recommenders import counts_of
from tests.scene_counts import gains

ITEMS, WIDTH, BATCH = 23, 40, 5
LAST = [2, 0, 3, 4, 2]
"""The last scene of each query; 0 is none, 4 is unknown."""
COUNTS = counts_of(["next"], ITEMS, 3)["next"]
KINDS = pytest.mark.parametrize("kind", ["plain", "biased", "scene"])


def _scorer(kind="biased", scale=1.0, seed=0):
    """A scorer of random vectors, its queries, and its scores in double precision, [batch, N].

    One of kind ``scene`` adds twice what the last scene tells, and a bias.
    """
    rng = np.random.default_rng(seed)
    table = rng.normal(0, scale, [ITEMS + 2, WIDTH]).astype(np.float32)
    bias = rng.normal(0, scale, ITEMS).astype(np.float32)
    queries = rng.normal(0, 1, [BATCH, WIDTH]).astype(np.float32)
    exact = queries.astype(float) @ table[1:-1].astype(float).T + (0.0 if kind == "plain" else bias)
    head = None
    if kind == "scene":
        head = SceneHead(COUNTS.by_scene, COUNTS.items, COUNTS.strength)
        head.scale.assign(2.0)
        exact += 2.0 * gains(COUNTS)[LAST]
        queries = np.concatenate([queries, np.array(LAST, np.float32)[:, np.newaxis]], axis=1)
    bias = None if kind == "plain" else tf.Variable(bias)
    return InnerProducts(tf.Variable(table), bias, head), tf.constant(queries), exact


def _cells():
    return np.indices([BATCH, ITEMS]).reshape(2, -1)


@KINDS
def test_pieces_and_cells_are_inner_products(kind):
    scorer, queries, exact = _scorer(kind)
    assert scorer.size == ITEMS
    pieces = [scorer.chunk(queries, start, stop) for start, stop in ((0, 7), (7, 8), (8, ITEMS))]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), exact, atol=1e-4)
    rows, columns = _cells()
    np.testing.assert_allclose(scorer.scores_at(queries, rows, columns), exact[rows, columns], atol=1e-4)


def test_queries_with_a_last_scene_are_a_vector_and_a_scene():
    scorer, queries, _ = _scorer("scene")
    np.testing.assert_array_equal(scorer.vectors(queries), queries[:, :-1])
    np.testing.assert_array_equal(scorer.last_scenes(queries), LAST)
    plain, queries, _ = _scorer()
    np.testing.assert_array_equal(plain.vectors(queries), queries)


@KINDS
def test_of_no_item_and_of_no_cell_there_are_no_scores(kind):
    scorer, queries, _ = _scorer(kind)
    none = tf.zeros([0], tf.int64)
    assert scorer.chunk(queries, 4, 4).shape == (BATCH, 0)
    assert scorer.scores_at(queries, none, none).shape == scorer.rounding_at(queries, none, none).shape == (0,)


@KINDS
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_rounding_keeps_within_its_bound(scale, kind):
    scorer, queries, exact = _scorer(kind, scale)
    rows, columns = _cells()
    bound = scorer.rounding_at(queries, rows, columns).numpy()
    chunk = scorer.chunk(queries, 0, ITEMS).numpy()[rows, columns].astype(float)
    cells = scorer.scores_at(queries, rows, columns).numpy().astype(float)
    assert (np.abs(chunk - cells) <= bound).all()
    if kind != "scene":  # whose gains are logarithms, off by themselves in float32, and the same in both
        assert (np.abs(cells - exact[rows, columns]) <= bound).all()
    assert (bound < 1e-3 * max(scale, 0.1 if kind == "scene" else 0)).all()


def test_the_bound_holds_where_terms_cancel():
    """What is large in the terms and not in the sum is where the order of summation tells most."""
    rng = np.random.default_rng(1)
    half = rng.normal(0, 1e4, [ITEMS + 2, WIDTH // 2])
    table = np.concatenate([half, -half + rng.normal(0, 1, half.shape)], axis=1).astype(np.float32)
    scorer, queries = InnerProducts(tf.Variable(table), None), tf.ones([BATCH, WIDTH])
    rows, columns = _cells()
    bound = scorer.rounding_at(queries, rows, columns).numpy()
    exact = table[1:-1].astype(float).sum(axis=1)[columns]
    for scores in (scorer.chunk(queries, 0, ITEMS).numpy()[rows, columns], scorer.scores_at(queries, rows, columns)):
        error = np.abs(np.asarray(scores, float) - exact)
        assert error.max() > 1e-3 and (error <= bound).all()
