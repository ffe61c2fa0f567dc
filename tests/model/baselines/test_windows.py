import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.baselines.msdp import cut_window, draw_scales


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.lists(st.integers(1, 9), max_size=5), st.integers(0, 7)), min_size=1, max_size=4),
    st.lists(st.integers(0, 1), min_size=5, max_size=5),
)
def test_window_keeps_the_first_events_and_parts_no_time(rows, steps):
    futures = [[*events, *[0] * (5 - len(events))] for events, _ in rows]
    times = [1 + sum(steps[: place + 1]) for place in range(5)]
    sizes = tf.constant([size for _, size in rows])
    found = cut_window(tf.constant(futures), tf.constant([times] * len(rows), tf.int64), sizes).numpy()
    for (events, size), row in zip(rows, found, strict=True):
        kept = min(size, len(events))
        while 0 < kept < len(events) and times[kept] == times[kept - 1]:
            kept += 1
        assert list(row) == [*events[:kept], *[0] * (5 - kept)]


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_window_of_no_columns_and_its_type(dtype):
    found = cut_window(tf.zeros([3, 0], dtype), tf.zeros([3, 0], tf.int64), tf.constant([1, 2, 3], tf.int64))
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
