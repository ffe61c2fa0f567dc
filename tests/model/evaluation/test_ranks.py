"""Ranks among a whole catalogue, against a sort in plain Python."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.ranks import NONE, Candidates, RankingQuery, Scorer, dense_scorer, rank
from model.networks.item_scorer import InnerProducts
from tests.model.evaluation.slow_ranking import ranking

K = 3


def _special(rng, batch, size, targets, others):
    """Distinct columns; some targets are not in the catalogue."""
    rows = [rng.permutation(size + 2) for _ in range(batch)]
    columns = np.full([batch, targets + others], int(NONE))
    for row, order in zip(columns, rows, strict=True):
        number = min(len(order), targets + others)
        row[:number] = np.where(order[:number] < size, order[:number], int(NONE))
    return columns[:, :targets], columns[:, targets:]


def _check(scores, scorer, targets, others, relevant, excluded, chunk_scores):
    questions = RankingQuery(tf.constant([relevant] * 2), tf.constant([excluded, np.zeros_like(excluded)]))
    special = Candidates(tf.constant(targets, tf.int64), tf.constant(others, tf.int64))
    answers = rank(scorer, special, questions, K, chunk_scores)
    columns = np.concatenate([targets, others], axis=1)
    for q in range(2):
        for row in range(len(scores)):
            left_out = {int(c) for c, out in zip(columns[row], questions.excluded[q][row].numpy(), strict=True) if out}
            asked = [int(t) for t, r in zip(targets[row], relevant[row], strict=True) if r]
            order = ranking(scores[row], asked, left_out)
            for place, target in enumerate(targets[row]):
                expected = K + 1
                if relevant[row, place] and target in order:
                    expected = min(order.index(target) + 1, K + 1)
                assert answers.ranks[q, row, place] == expected
            shown = [c for c in answers.top[q, row].numpy().tolist() if c >= 0]
            by_column = sorted(order, key=lambda c: (-scores[row][c], c))
            assert shown == by_column[:K]
            if not left_out.intersection(asked):
                first = [place for place, c in enumerate(order, start=1) if c in asked]
                assert answers.first[q, row] == (first[0] if first else 0)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    size=st.integers(1, 40),
    batch=st.integers(1, 3),
    targets=st.integers(1, 4),
    others=st.integers(0, 4),
    levels=st.sampled_from([1, 3, 1000]),
    chunk_scores=st.sampled_from([1, 30, 10_000]),
    seed=st.integers(0, 10_000),
)
def test_equals_a_sort_whatever_the_chunk(size, batch, targets, others, levels, chunk_scores, seed):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, levels, [batch, size]).astype(np.float32)
    targets, others = _special(rng, batch, size, targets, others)
    columns = np.concatenate([targets, others], axis=1)
    relevant = rng.random(targets.shape) < 0.7
    excluded = rng.random(columns.shape) < 0.3
    rows, places = np.nonzero((rng.random(columns.shape) < 0.4) & (columns >= 0))
    own = rows, columns[rows, places], rng.integers(0, levels + 1, len(rows)).astype(np.float32)
    final = base.copy()
    final[own[0], own[1]] = own[2]
    scorer = dense_scorer(tf.constant(base))._replace(own=tuple(tf.constant(x) for x in own))
    _check(final, scorer, targets, others, relevant, excluded, chunk_scores)


def _products(table, queries):
    """A scorer of products, as a trained model has it."""
    exact = InnerProducts(tf.constant(table, tf.float32), None)
    queries = tf.constant(queries, tf.float32)
    return Scorer(
        size=len(table) - 2,
        scores=lambda start, stop: exact.chunk(queries, start, stop),
        scores_at=lambda rows, columns: (
            exact.scores_at(queries, rows, columns),
            exact.rounding_at(queries, rows, columns),
        ),
    )


def _first(scorer, targets):
    targets = tf.constant(targets, tf.int64)
    relevant = targets[tf.newaxis] != int(NONE)
    questions = RankingQuery(relevant, tf.zeros_like(relevant))
    return rank(scorer, Candidates(targets, tf.zeros([targets.shape[0], 0], tf.int64)), questions, K)


def test_products_that_are_rounded_differently_are_ties():
    """A model that tells no item from another must not gain by the order in which products are summed."""
    rng = np.random.default_rng(0)
    table = np.tile(rng.normal(size=256), [202, 1])
    answers = _first(_products(table, rng.normal(size=[32, 256])), [[7]] * 32)
    np.testing.assert_array_equal(answers.first, [[200] * 32])
    np.testing.assert_array_equal(answers.ranks, [[[K + 1]] * 32])


def test_rounding_is_of_the_cell_itself():
    """Rows of the table differ in size: the bound for a large one must not be that of a small one."""
    rng = np.random.default_rng(0)
    table = np.tile(rng.normal(size=256), [202, 1]) * 1e4
    table[:4] *= 1e-8
    answers = _first(_products(table, rng.normal(size=[32, 256])), [[150]] * 32)
    assert (answers.first.numpy() >= 197).sum() >= 10


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_target_does_not_spoil_the_others(bad):
    table = np.arange(42.0)[::-1, np.newaxis].copy()  # item 0 scores 40, item 39 scores 1
    table[1 + 30] = bad
    answers = _first(_products(table, [[1.0]]), [[20, 30]])
    expected = 1 if bad == np.inf else 21
    np.testing.assert_array_equal(answers.first, [[expected]])


def test_a_bad_score_of_a_cell_alone_does_not_spoil_the_others():
    own = tuple(tf.constant(x) for x in (np.array([0]), np.array([30]), np.array([np.nan], np.float32)))
    scorer = dense_scorer(tf.range(40.0, 0.0, -1.0)[tf.newaxis])._replace(own=own)
    np.testing.assert_array_equal(_first(scorer, [[20, 30]]).first, [[21]])


def test_enough_is_kept_to_fill_the_list_when_all_special_candidates_are_best():
    scores = tf.range(9.0, 2.0, -1.0)[tf.newaxis]
    special = Candidates(tf.constant([[2]], tf.int64), tf.constant([[0, 1]], tf.int64))
    questions = RankingQuery(tf.ones([1, 1, 1], tf.bool), tf.ones([1, 1, 3], tf.bool))
    np.testing.assert_array_equal(rank(dense_scorer(scores), special, questions, K).top, [[[3, 4, 5]]])


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_bad_scores_rank_last(bad):
    scores = np.array([[bad, 0.0, -5.0, bad]], np.float32)
    targets, others = np.array([[0, 2]]), np.zeros([1, 0], int)
    _check(
        scores, dense_scorer(tf.constant(scores)), targets, others, np.ones([1, 2], bool), np.zeros([1, 2], bool), 100
    )


def test_questions_of_one_relevant_target_may_leave_out_others():
    scores = tf.constant([[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]])
    special = Candidates(tf.constant([[5]], tf.int64), tf.constant([[0, 2]], tf.int64))
    excluded = tf.constant([[[False] * 3], [[False, True, True]]])
    questions = RankingQuery(tf.ones([2, 1, 1], tf.bool), excluded)
    answers = rank(dense_scorer(scores), special, questions, K)
    np.testing.assert_array_equal(answers.first, [[6], [4]])
