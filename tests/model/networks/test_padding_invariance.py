"""Padding may stand anywhere in a batch and changes no result: encoder, network, losses and metrics."""

import functools

import numpy as np
import tensorflow as tf
import tf_keras
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import ModelConfig
from model.evaluation.metrics import hit_rate_at, map_at, ndcg_at, recall_at
from model.evaluation.ranks import NONE, Candidates, RankingQuery, dense_scorer, rank
from model.losses.chunked import full_catalogue_loss, target_ranks
from model.losses.full import LOSSES
from model.losses.sampled import log_uniform, sampled_loss
from model.methods import METHODS, load
from model.networks.item_scorer import InnerProducts
from tests.recommenders import counts_of, history

ITEMS, SCENES, WIDTH = 9, 3, 12
quickly = settings(max_examples=15, deadline=None, derandomize=True)
events = st.lists(st.integers(1, ITEMS + 1), min_size=0, max_size=6)


@st.composite
def padded_rows(draw, entries):
    """Rows of entries, compact, and the same with zeros anywhere, all of one width."""
    rows = draw(st.lists(entries, min_size=1, max_size=3))
    spread = []
    for row in rows:
        places = sorted(draw(st.permutations(range(WIDTH)))[: len(row)])
        wide = [0] * WIDTH
        for place, value in zip(places, row, strict=True):
            wide[place] = value
        spread.append(wide)
    compact = [row + [0] * (6 - len(row)) for row in rows]
    return tf.constant(compact), tf.constant(spread)


@functools.cache
def _network(name):
    tf_keras.utils.set_random_seed(1)
    heads = {"popularity_prior": True, "scene_head": True, "repeat_head": True}
    config = ModelConfig(item_dim=8, scene_dim=4, max_length=4, **heads)
    network = load(METHODS[name].network)(config, counts_of(["next"], ITEMS, SCENES))
    network(history([[1]], [[1]]))
    return network


@quickly
@given(padded_rows(events), st.sampled_from(["dspnet", "dspnet_minus"]))
def test_network(rows, name):
    one, other = (history(row, tf.where(row > 0, 1 + row % SCENES, 0)) for row in rows)
    network = _network(name)
    first, second = network.represent(one), network.represent(other)
    for before, after in zip(first, second, strict=True):
        np.testing.assert_allclose(after, before, atol=1e-5)
    for before, after in zip(network(one), network(other), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-5)


distinct_targets = st.lists(st.integers(1, ITEMS + 1), max_size=4, unique=True)


@quickly
@given(padded_rows(distinct_targets), st.sampled_from(["bce", "softmax"]))
def test_losses(rows, objective):
    compact, spread = rows
    batch = compact.shape[0]
    outputs = tf.random.stateless_normal([batch, 5], [1, batch])
    table = tf.random.stateless_normal([ITEMS + 2, 5], [2, 2])
    scores = tf.matmul(outputs, table[1:-1], transpose_b=True)
    drawn = log_uniform(ITEMS, 4, tf.constant([1, 2]))
    for loss in (
        lambda targets: LOSSES[objective](scores, targets),
        lambda targets: full_catalogue_loss(objective, outputs, table, None, targets),
        lambda targets: sampled_loss(objective, outputs, table, None, targets, drawn),
    ):
        np.testing.assert_allclose(loss(spread), loss(compact), atol=1e-5)


@quickly
@given(padded_rows(distinct_targets))
def test_metrics(rows):
    compact, spread = rows
    scores = tf.random.stateless_normal([compact.shape[0], ITEMS], [3, 3])
    results = []
    for targets in rows:
        relevant = targets != 0
        columns = tf.cast(tf.where((targets > 0) & (targets <= ITEMS), targets - 1, int(NONE)), tf.int64)
        questions = RankingQuery(relevant[tf.newaxis], tf.zeros_like(relevant)[tf.newaxis])
        special = Candidates(columns, tf.zeros([compact.shape[0], 0], tf.int64))
        answers = rank(dense_scorer(scores), special, questions, 5)
        found = [
            metric(answers.ranks[0], relevant, k)
            for metric in (recall_at, ndcg_at, hit_rate_at, map_at)
            for k in (1, 5)
        ]
        results.append([*found, tf.cast(answers.first[0], tf.float32)])
    np.testing.assert_allclose(results[1], results[0], atol=1e-6)


def test_ranks_over_chunks_of_padding():
    outputs, table = tf.ones([2, 3]), tf.random.stateless_normal([ITEMS + 2, 3], [1, 1])
    ranks = target_ranks(InnerProducts(table, None), outputs, tf.constant([[0], [ITEMS + 1]]), 5)
    np.testing.assert_array_equal(ranks, [[6], [6]])
