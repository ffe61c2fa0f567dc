import numpy as np
import pytest
import tensorflow as tf

from model.losses.sampled import in_batch, log_uniform, uniform

SEED = tf.constant([3, 5])


def share(sampler, size, k):
    """Q(k), from the formulas of the docstrings."""
    return 1 / size if sampler is uniform else (np.log(k + 2) - np.log(k + 1)) / np.log(size + 1)


@pytest.mark.parametrize("sampler", [uniform, log_uniform])
def test_draws_follow_the_distribution(sampler):
    columns, counts, log_expected = sampler(20, 200_000, SEED)
    np.testing.assert_array_equal(columns, np.arange(20))
    shares = np.array([share(sampler, 20, k) for k in range(20)])
    assert shares.sum() == pytest.approx(1)
    expected = 200_000 * shares
    np.testing.assert_allclose(counts, expected, atol=5 * np.sqrt(expected.max()))
    np.testing.assert_allclose(np.exp(log_expected), expected, rtol=1e-4)


@pytest.mark.parametrize("sampler", [uniform, log_uniform])
def test_negatives_are_distinct_sorted_candidates_counted(sampler):
    columns, counts, log_expected = sampler(9, 40, SEED)
    assert columns.dtype == tf.int64
    assert np.all(np.diff(columns) > 0)
    assert columns[0] >= 0
    assert columns[-1] < 9
    assert tf.reduce_sum(counts) == 40
    assert len(columns) == len(counts) == len(log_expected)


@pytest.mark.parametrize("sampler", [uniform, log_uniform])
def test_the_seed_alone_decides(sampler):
    in_graph = tf.function(lambda seed: sampler(1000, 50, seed))
    np.testing.assert_array_equal(sampler(1000, 50, SEED).columns, in_graph(SEED).columns)
    assert not np.array_equal(in_graph(SEED + 1).columns, in_graph(SEED).columns)


def test_the_tail_of_a_large_catalogue_can_be_drawn():
    size = 7_900_000
    columns = log_uniform(size, 400_000, SEED).columns.numpy()
    tail = columns[columns > size // 2]
    # Whatever the steps of the random number, its low bits must reach the candidates.
    assert all(np.bincount(tail % 8, minlength=8) > 0.8 * len(tail) / 8)
    assert columns[-1] < size


@pytest.mark.parametrize("sampler", [uniform, log_uniform])
def test_a_catalogue_of_one(sampler):
    columns, counts, log_expected = sampler(1, 7, SEED)
    np.testing.assert_array_equal(columns, [0])
    np.testing.assert_array_equal(counts, [7])
    np.testing.assert_allclose(log_expected, [np.log(7)], rtol=1e-6)


LOG_FREQUENCY = np.log(np.array([0.5, 0.25, 0.125, 0.125], np.float32))


def test_in_batch_takes_the_targets_in_the_catalogue():
    columns, counts, log_expected = in_batch(tf.constant([[3, 1, 0], [3, 5, 0], [0, 0, 0]]), LOG_FREQUENCY)
    np.testing.assert_array_equal(columns, [0, 2])  # 5 is unknown
    np.testing.assert_array_equal(counts, [1, 2])
    np.testing.assert_allclose(np.exp(log_expected), [3 * 0.5, 3 * 0.125], rtol=1e-6)


def test_in_batch_without_targets_is_empty():
    assert all(len(part) == 0 for part in in_batch(tf.zeros([2, 3], tf.int32), LOG_FREQUENCY))
