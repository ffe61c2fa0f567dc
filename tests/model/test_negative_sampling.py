import numpy as np
import pytest
import tensorflow as tf

from model.negative_sampling import InBatch, LogUniform, Uniform

SEED = tf.constant([3, 5])


def share(sampler, k):
    """Q(k), from the formulas of the classes."""
    if isinstance(sampler, Uniform):
        return 1 / sampler.catalogue_size
    return (np.log(k + 2) - np.log(k + 1)) / np.log(sampler.catalogue_size + 1)


@pytest.mark.parametrize("kind", [Uniform, LogUniform])
@pytest.mark.parametrize("size", [1, 2, 50])
def test_log_expected_is_that_of_a_distribution(kind, size):
    sampler = kind(size, 30)
    expected = [np.log(30 * share(sampler, k)) for k in range(size)]
    np.testing.assert_allclose(sampler.log_expected(tf.range(size)), expected, rtol=1e-5, atol=1e-6)
    assert sum(share(sampler, k) for k in range(size)) == pytest.approx(1)


@pytest.mark.parametrize("kind", [Uniform, LogUniform])
def test_draws_follow_the_distribution(kind):
    sampler = kind(20, 200_000)
    columns, counts, log_expected = sampler.draw(SEED)
    np.testing.assert_array_equal(columns, np.arange(20))
    expected = np.array([sampler.number * share(sampler, k) for k in range(20)])
    np.testing.assert_allclose(counts, expected, atol=5 * np.sqrt(expected.max()))
    np.testing.assert_allclose(np.exp(log_expected), expected, rtol=1e-4)


@pytest.mark.parametrize("kind", [Uniform, LogUniform])
def test_negatives_are_distinct_sorted_candidates_counted(kind):
    columns, counts, log_expected = kind(9, 40).draw(SEED)
    assert columns.dtype == tf.int64
    assert np.all(np.diff(columns) > 0)
    assert columns[0] >= 0
    assert columns[-1] < 9
    assert tf.reduce_sum(counts) == 40
    assert len(columns) == len(counts) == len(log_expected)


@pytest.mark.parametrize("kind", [Uniform, LogUniform])
def test_the_seed_alone_decides(kind):
    sampler = kind(1000, 50)
    in_graph = tf.function(sampler.draw)
    np.testing.assert_array_equal(sampler.draw(SEED).columns, in_graph(SEED).columns)
    assert not np.array_equal(in_graph(SEED + 1).columns, in_graph(SEED).columns)


def test_the_tail_of_a_large_catalogue_can_be_drawn():
    size = 7_900_000
    columns = LogUniform(size, 400_000).draw(SEED).columns.numpy()
    tail = columns[columns > size // 2]
    # Whatever the steps of the random number, its low bits must reach the candidates.
    assert all(np.bincount(tail % 8, minlength=8) > 0.8 * len(tail) / 8)
    assert columns[-1] < size


@pytest.mark.parametrize("kind", [Uniform, LogUniform])
def test_a_catalogue_of_one(kind):
    columns, counts, log_expected = kind(1, 7).draw(SEED)
    np.testing.assert_array_equal(columns, [0])
    np.testing.assert_array_equal(counts, [7])
    np.testing.assert_allclose(log_expected, [np.log(7)], rtol=1e-6)


LOG_FREQUENCY = np.log(np.array([0.5, 0.25, 0.125, 0.125], np.float32))


def test_in_batch_takes_the_targets_in_the_catalogue():
    sampler = InBatch(tf.constant([[3, 1, 0], [3, 5, 0], [0, 0, 0]]), LOG_FREQUENCY)  # 5 is unknown
    columns, counts, log_expected = sampler.draw()
    np.testing.assert_array_equal(columns, [0, 2])
    np.testing.assert_array_equal(counts, [1, 2])
    np.testing.assert_allclose(np.exp(log_expected), [3 * 0.5, 3 * 0.125], rtol=1e-6)
    np.testing.assert_allclose(np.exp(sampler.log_expected([[1], [3]])), [[0.75], [0.375]], rtol=1e-6)


def test_in_batch_without_targets_is_empty():
    sampler = InBatch(tf.zeros([2, 3], tf.int32), LOG_FREQUENCY)
    assert all(len(part) == 0 for part in sampler.draw())
    assert np.isfinite(sampler.log_expected([0])).all()
