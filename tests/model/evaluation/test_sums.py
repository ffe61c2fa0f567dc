import numpy as np
import pytest
from scipy import stats

from model.evaluation.bootstrap import REPLICATES, BootstrapSums, estimate, interval, poisson_weights, user_keys
from model.evaluation.paired_test import UserBlocks, UserSums


def _data():
    rng = np.random.default_rng(0)
    measured = (rng.random([90, 2]) < 0.8).astype(np.float32)
    values = rng.random([90, 3]).astype(np.float32) * measured[:, [0, 0, 1]]
    return values, measured, poisson_weights([str(n) for n in range(90)])


@pytest.mark.parametrize("batch", [1, 32, 90])
def test_ratios_of_sums_whatever_the_batch(batch):
    values, measured, weights = _data()
    sums = BootstrapSums([0, 0, 1])
    for start in range(0, 90, batch):
        sums.add(*(x[start : start + batch] for x in (values, measured, weights)))
    ratios = sums.ratios()
    assert ratios.shape == (1 + REPLICATES, 3)
    below = measured[:, [0, 0, 1]]
    np.testing.assert_allclose(ratios[0], values.sum(axis=0) / below.sum(axis=0))
    expected = (weights[:, 7] @ values) / (weights[:, 7] @ below)
    np.testing.assert_allclose(ratios[8], expected, rtol=1e-6)
    assert estimate(ratios[:, 1]) == pytest.approx((ratios[0, 1], *interval(ratios[1:, 1])))


def test_what_is_equal_for_all_has_an_interval_of_no_length():
    sums = BootstrapSums([0])
    users = 77
    weights = poisson_weights(map(str, range(users)))
    sums.add(np.full([users, 1], 0.1, np.float32), np.ones([users, 1], np.float32), weights)
    value, low, high = estimate(sums.ratios()[:, 0])
    assert low == pytest.approx(value, abs=1e-12) and high == pytest.approx(value, abs=1e-12)


def test_nothing_measured_is_not_a_number():
    sums = BootstrapSums([0])
    sums.add(np.zeros([1, 1], np.float32), np.zeros([1, 1], np.float32), poisson_weights(["a"]))
    assert np.isnan(estimate(sums.ratios()[:, 0])).all()


def test_a_number_over_nothing_is_not_a_number():
    sums = BootstrapSums([0])
    sums.add(np.ones([1, 1], np.float32), np.zeros([1, 1], np.float32), poisson_weights(["a"]))
    assert np.isnan(sums.ratios()).all()


def test_paired_t_test_equals_scipy():
    rng = np.random.default_rng(1)
    a, b = rng.random([60, 4]), rng.random([60, 4]) + 0.05
    a[:, 3] = b[:, 3]
    sums = UserSums(4)
    for start in range(0, 60, 25):
        differences = (a - b)[start : start + 25]
        sums.add(differences, np.ones(differences.shape, bool), np.arange(len(differences)))
    found = sums.p_values()
    np.testing.assert_allclose(found[:3], stats.ttest_rel(a, b).pvalue[:3], rtol=1e-6)
    assert found[3] == 1.0


def test_one_pair_has_no_p_value():
    sums = UserSums(1)
    sums.add(np.array([[0.3]]), np.array([[True]]), np.array([0]))
    assert np.isnan(sums.p_values()[0])


def _add_all(keys, differences, measured, batch):
    blocks, sums = UserBlocks(), UserSums(differences.shape[1])
    parts = [slice(start, start + batch) for start in range(0, len(keys), batch)]
    for part in parts:
        blocks.count(keys[part])
    for part in parts:
        sums.add(*blocks.add(keys[part], differences[part], measured[part]))
    assert blocks.incomplete == 0
    return sums.p_values(), sums.users


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_sequences_of_a_user_need_not_come_together(batch):
    rng = np.random.default_rng(4)
    keys = user_keys(str(user) for user in rng.integers(0, 30, 50))
    measured = rng.random([50, 2]) < 0.8
    differences = np.where(measured, rng.normal(0.1, 1, [50, 2]), 0)
    together, order = UserSums(2), np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order][:1] + np.uint64(1)))
    together.add(differences[order], measured[order], starts)
    found, users = _add_all(keys, differences, measured, batch)
    np.testing.assert_allclose(found, together.p_values(), rtol=1e-12)
    assert users.tolist() == together.users.tolist() and max(users) < 30
    shuffle = rng.permutation(50)
    again, _ = _add_all(keys[shuffle], differences[shuffle], measured[shuffle], batch)
    np.testing.assert_allclose(again, found, rtol=1e-12)


def test_users_with_one_sequence_are_not_held():
    blocks, keys = UserBlocks(), user_keys(["a", "b", "c", "b"])
    blocks.count(keys)
    values = np.arange(4.0)[:, np.newaxis]
    first, _, starts = blocks.add(keys[:3], values[:3], values[:3] >= 0)
    assert first[:, 0].tolist() == [0, 2] and starts.tolist() == [0, 1] and blocks.incomplete == 1
    rest, _, starts = blocks.add(keys[3:], values[3:], values[3:] >= 0)
    assert rest[:, 0].tolist() == [1, 3] and starts.tolist() == [0] and blocks.incomplete == 0
