import math

import numpy as np
import pytest

from model.evaluation.bootstrap import interval, intervals, poisson_weights
from schemas.identity import splitmix64


def test_splitmix64_gives_the_numbers_of_its_authors_program():
    """The first outputs for the seed 1234567, as published with many implementations."""
    gamma = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        states = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * gamma
    assert splitmix64(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_weights_are_poisson_over_users_and_over_replicates():
    weights = poisson_weights([f"user{n}" for n in range(400)], 500)
    shares = [math.exp(-1) / math.factorial(count) for count in range(5)]
    for count, share in enumerate(shares):
        assert np.mean(weights == count) == pytest.approx(share, abs=0.003)
    assert np.abs(weights.mean(axis=0) - 1).max() < 5 / math.sqrt(400)
    assert np.abs(weights.mean(axis=1) - 1).max() < 5 / math.sqrt(500)
    assert np.abs(np.corrcoef(weights[:40]) - np.eye(40)).max() < 5 / math.sqrt(500)


def test_a_weight_depends_on_the_user_and_the_replicate_alone():
    users = [b"a", b"b", b"c"]
    weights = poisson_weights(users, 50)
    np.testing.assert_array_equal(poisson_weights(users[::-1], 50), weights[::-1])
    np.testing.assert_array_equal(poisson_weights(["b"], 50), weights[1:2])
    np.testing.assert_array_equal(poisson_weights(users, 20), weights[:, :20])


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(0).exponential(size=2000)
    weights = poisson_weights([str(n) for n in range(2000)], 1000)
    low, high = interval(values @ weights / weights.sum(axis=0))
    error = 1.96 * values.std() / math.sqrt(2000)
    assert low == pytest.approx(values.mean() - error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + error, abs=0.15 * error)


def test_intervals_are_quantiles_of_each_column():
    replicated = np.random.default_rng(1).normal(size=[501, 4])
    replicated[::3, 1] = np.nan
    replicated[1:, 2] = np.nan
    replicated[:, 3] = np.nan
    low, high = intervals(replicated)
    np.testing.assert_allclose(low[:3], np.nanquantile(replicated[:, :3], 0.025, axis=0))
    np.testing.assert_allclose(high[:3], np.nanquantile(replicated[:, :3], 0.975, axis=0))
    assert np.isnan([low[3], high[3]]).all()


def test_replicates_that_drew_nobody_do_not_count():
    assert interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)
    assert all(math.isnan(end) for end in interval(np.array([np.nan, np.nan])))
