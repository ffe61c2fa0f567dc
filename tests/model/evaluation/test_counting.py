import numpy as np
import pytest
import tensorflow as tf

from model.evaluation.ranks import count_at_least


@pytest.mark.parametrize("width", [0, 1, 1023, 1024, 5000])
def test_counts_what_reaches_the_mark(width):
    rng = np.random.default_rng(width)
    scores = rng.integers(-3, 4, [4, width]).astype(np.float32)
    mark = np.array([-3.0, 0.0, 3.0, 4.0], np.float32)
    np.testing.assert_array_equal(count_at_least(scores, tf.constant(mark)), (scores >= mark[:, None]).sum(axis=1))


def test_no_counter_runs_over():
    np.testing.assert_array_equal(count_at_least(tf.ones([2, 300_000]), tf.constant([1.0, 2.0])), [300_000, 0])


def test_what_is_no_number_does_not_count():
    scores = tf.constant([[np.nan, 1.0, -np.inf]])
    np.testing.assert_array_equal(count_at_least(scores, tf.constant([-np.inf])), [2])
