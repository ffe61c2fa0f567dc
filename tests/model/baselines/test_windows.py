import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.baselines.msdp import cut_window, draw_scales


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.lists(st.integers(1, 9), max_size=5), st.integers(0, 7)), min_size=1, max_size=4))
def test_window_keeps_the_first_events(rows):
    futures = [[*events, *[0] * (5 - len(events))] for events, _ in rows]
    found = cut_window(tf.constant(futures), tf.constant([size for _, size in rows])).numpy()
    for (events, size), row in zip(rows, found, strict=True):
        kept = events[:size]
        assert list(row) == [*kept, *[0] * (5 - len(kept))]


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_window_of_no_columns_and_its_type(dtype):
    found = cut_window(tf.zeros([3, 0], dtype), tf.constant([1, 2, 3], tf.int64))
    assert found.shape == [3, 0]
    assert found.dtype == dtype


@pytest.mark.parametrize("scales", [(5,), (1, 10), (1, 5, 20, 100)])
def test_scales_are_drawn_alike(scales):
    drawn = draw_scales(scales, tf.constant(20_000), tf.constant([1, 2])).numpy()
    shares = np.bincount(drawn, minlength=len(scales)) / 20_000
    assert len(shares) == len(scales)
    np.testing.assert_allclose(shares, 1 / len(scales), atol=0.015)


def test_the_seed_decides_the_scales():
    first, again, other = (draw_scales((1, 5, 20), tf.constant(50), tf.constant([1, n])).numpy() for n in (2, 2, 3))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
