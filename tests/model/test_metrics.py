import math

import numpy as np
import pytest
import tensorflow as tf

from model.metrics import ndcg_at, recall_at, target_ranks


def slow_ranking(scores, relevant):
    """Best first; among equal scores what is not relevant goes first."""
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i in relevant))


def slow_metrics(scores, targets, k):
    relevant = {target - 1 for target in targets if target}
    top = slow_ranking(scores, relevant)[:k]
    gains = [1 / math.log2(place + 2) if candidate in relevant else 0 for place, candidate in enumerate(top)]
    ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))
    return sum(candidate in relevant for candidate in top) / len(relevant), sum(gains) / ideal


def fast_metrics(scores, targets, k, max_rank=None):
    targets = tf.constant(targets)
    ranks = target_ranks(tf.constant(scores, tf.float32), targets, max_rank or k)
    relevant = tf.not_equal(targets, 0)
    return np.stack([recall_at(ranks, relevant, k), ndcg_at(ranks, relevant, k)], axis=1)


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("levels", [2, 4, 1000])
def test_equals_slow_ranking_with_many_ties(k, levels):
    rng = np.random.RandomState(levels)
    scores = rng.randint(0, levels, [60, 12]).astype(np.float32)
    targets = np.zeros([60, 5], np.int32)
    for row in targets:
        number = rng.randint(1, 6)
        row[:number] = rng.choice(np.r_[1:13, 13], number, replace=False)  # 13 is not in the catalogue
    expected = [slow_metrics(s, t, k) for s, t in zip(scores, targets, strict=True)]
    np.testing.assert_allclose(fast_metrics(scores, targets, k, max_rank=10), expected, atol=1e-6)


def test_hand_computed():
    scores = [[0.9, 0.1, 0.5, 0.7]]  # order: 1, 4, 3, 2
    np.testing.assert_allclose(fast_metrics(scores, [[3]], 3), [[1.0, 1 / 2]])
    np.testing.assert_allclose(fast_metrics(scores, [[2, 4]], 2), [[0.5, (1 / math.log2(3)) / (1 + 1 / math.log2(3))]])


def test_a_model_that_knows_nothing_gets_nothing():
    np.testing.assert_array_equal(fast_metrics(np.zeros([1, 50]), [[1]], 10), [[0, 0]])


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_bad_scores_rank_last(bad):
    np.testing.assert_array_equal(fast_metrics([[bad, 0.0, -5.0]], [[1]], 3), [[0, 0]])


def test_where_targets_stand_and_padding_change_nothing():
    scores = np.random.RandomState(1).normal(size=[1, 20])
    plain = fast_metrics(scores, [[3, 8, 12]], 10)
    np.testing.assert_allclose(fast_metrics(scores, [[0, 12, 0, 3, 8]], 10), plain, atol=1e-7)


def test_row_without_targets_is_zero():
    np.testing.assert_array_equal(fast_metrics([[1.0, 2.0]], [[0]], 1), [[0, 0]])
