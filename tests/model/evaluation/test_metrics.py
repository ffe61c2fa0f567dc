import math

import ir_measures
import numpy as np
import pytest
import tensorflow as tf
from ir_measures import AP, RR, R, Success, nDCG

from model.evaluation.metrics import hit_rate_at, map_at, ndcg_at, recall_at, reciprocal_rank

METRICS = {"recall": recall_at, "ndcg": ndcg_at, "hit_rate": hit_rate_at, "map": map_at}
NOWHERE = 99


def _all(ranks, relevant, k):
    ranks, relevant = tf.constant([ranks], tf.int32), tf.constant([relevant])
    return {name: float(metric(ranks, relevant, k)[0]) for name, metric in METRICS.items()}


def test_hand_computed():
    found = _all([3, NOWHERE, 1], [True, True, True], 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["hit_rate"] == 1.0
    assert found["map"] == pytest.approx((1 / 1 + 2 / 3) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found["ndcg"] == pytest.approx((1 + 1 / 2) / ideal)
    assert float(reciprocal_rank(tf.constant(4))) == 0.25


def test_one_target():
    assert _all([3], [True], 3) == {"recall": 1.0, "ndcg": 0.5, "hit_rate": 1.0, "map": pytest.approx(1 / 3)}
    assert _all([4], [True], 3) == dict.fromkeys(METRICS, 0.0)


def test_nothing_relevant_is_zero():
    assert _all([1, 2], [False, False], 5) == dict.fromkeys(METRICS, 0.0)
    assert float(reciprocal_rank(tf.constant(0, tf.int64))) == 0.0


def test_where_targets_stand_and_padding_change_nothing():
    plain = _all([3, 8, 2], [True] * 3, 5)
    assert _all([1, 2, 7, 8, 3], [False, True, False, True, True], 5) == pytest.approx(plain, abs=1e-7)


def test_leading_axes_broadcast():
    ranks = tf.constant([[1, 2], [5, 1]], tf.int32)
    masks = tf.constant([[[True, True]], [[False, True]]])
    for metric in METRICS.values():
        both = metric(ranks[tf.newaxis], masks, 2)
        assert both.shape == [2, 2]
        for number, mask in enumerate(masks):
            np.testing.assert_array_equal(both[number], metric(ranks, tf.tile(mask, [2, 1]), 2))


@pytest.mark.parametrize("k", [1, 5, 10])
def test_equals_trec_eval_on_random_rankings_with_ties(k):
    """Scores with ties are handed over in the order that breaks them against the model, as ranks are made here."""
    rng = np.random.default_rng(k)
    users, candidates = 40, 30
    qrels, run, ranks, relevant, first = [], [], [], [], []
    for user in range(users):
        scores = rng.integers(0, 6, candidates)
        targets = rng.choice(candidates + 2, rng.integers(1, 9), replace=False)  # two are not in the catalogue
        order = sorted(range(candidates), key=lambda c: (-scores[c], c in targets))
        qrels += [ir_measures.Qrel(str(user), str(target), 1) for target in targets]
        run += [ir_measures.ScoredDoc(str(user), str(c), -place) for place, c in enumerate(order)]
        row = [order.index(target) + 1 if target < candidates else NOWHERE for target in targets]
        ranks.append(row + [1] * (9 - len(row)))
        relevant.append([True] * len(row) + [False] * (9 - len(row)))
        first.append(min(row) if min(row) < NOWHERE else 0)
    measures = {"recall": R @ k, "ndcg": nDCG @ k, "hit_rate": Success @ k, "map": AP @ k}
    expected = ir_measures.calc_aggregate([*measures.values(), RR], qrels, run)
    for name, measure in measures.items():
        found = METRICS[name](tf.constant(ranks, tf.int32), tf.constant(relevant), k)
        assert np.mean(found) == pytest.approx(expected[measure], abs=1e-6), name
    assert np.mean(reciprocal_rank(tf.constant(first))) == pytest.approx(expected[RR], abs=1e-6)
