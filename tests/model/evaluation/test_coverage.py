import numpy as np
import pytest

from model.evaluation.accumulator import Coverage
from model.evaluation.bootstrap import poisson_weights


def _covered(lists, size, users):
    coverage = Coverage(size)
    coverage.add(lists, poisson_weights(users))
    return coverage.estimate()


def test_share_of_distinct_candidates():
    lists = np.array([[0, 1], [1, 5], [5, -1]])
    value, low, high = _covered(lists, 10, ["a", "b", "c"])
    assert value == 0.3
    assert 0 <= low <= value <= high <= 1


def test_the_same_for_all_has_no_spread():
    value, low, high = _covered(np.tile([[3, 4]], [500, 1]), 8, [str(n) for n in range(500)])
    assert (value, low, high) == (0.25, 0.25, 0.25)


def test_nobody_recommended_anything():
    assert _covered(np.full([2, 2], -1), 4, ["a", "b"]) == (0.0, 0.0, 0.0)


def test_batches_add_up():
    rng = np.random.default_rng(0)
    lists, users = rng.integers(0, 400, [60, 3]), [str(n) for n in range(60)]
    whole, parts = Coverage(400), Coverage(400)
    whole.add(lists, poisson_weights(users))
    for start in range(0, 60, 7):
        parts.add(lists[start : start + 7], poisson_weights(users[start : start + 7]))
    assert parts.estimate() == whole.estimate()


def test_spread_is_that_of_drawing_users_anew():
    """Against replicates made one by one, from the same draws."""
    rng = np.random.default_rng(1)
    lists, users = rng.zipf(1.5, [200, 3]) % 300, [str(n) for n in range(200)]
    value, low, high = _covered(lists, 300, users)
    weights = poisson_weights(users)[:, :256]
    shares = np.array([len(set(lists[column > 0].ravel())) / 300 for column in weights.T])
    ends = value + np.quantile(shares, [0.025, 0.975]) - shares.mean()
    assert (low, high) == pytest.approx(tuple(ends))
