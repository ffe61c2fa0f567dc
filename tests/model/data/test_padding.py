import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.padding import distinct, right_align

rows = st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rows, st.integers(1, 6))
def test_right_align_keeps_the_last_events_in_order(values, max_length):
    aligned = right_align(tf.constant(values), max_length).numpy()
    assert aligned.shape == (len(values), min(4, max_length))
    for before, after in zip(values, aligned, strict=True):
        events = [value for value in before if value][-max_length:]
        width = aligned.shape[1]
        assert list(after) == [0] * (width - len(events)) + events


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rows)
def test_distinct_keeps_each_value_once(values):
    for before, after in zip(values, distinct(tf.constant(values)).numpy(), strict=True):
        assert sorted(value for value in after if value) == sorted(set(before) - {0})


def test_distinct_with_other_padding():
    np.testing.assert_array_equal(
        np.sort(distinct(tf.constant([[7, -1, 7, 0]], tf.int64), -1).numpy()), [[-1, -1, 0, 7]]
    )
