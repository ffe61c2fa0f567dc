import numpy as np
import pytest
from scipy import stats

from model.evaluation.bootstrap import REPLICATES, BootstrapSums, PairedSums, estimate, interval, poisson_weights


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
    pairs = PairedSums(4)
    for start in range(0, 60, 25):
        pairs.add(a[start : start + 25] - b[start : start + 25])
    found = pairs.p_values(np.full(4, 60.0))
    np.testing.assert_allclose(found[:3], stats.ttest_rel(a, b).pvalue[:3], rtol=1e-6)
    assert found[3] == 1.0


def test_one_pair_has_no_p_value():
    pairs = PairedSums(1)
    pairs.add(np.array([[0.3]]))
    assert np.isnan(pairs.p_values(np.array([1.0])))
