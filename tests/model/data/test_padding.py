import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.padding import distinct, left_align, right_align, take_next

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


@pytest.mark.parametrize("padding", [0, -1])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(values=rows)
def test_left_align_is_as_wide_as_the_longest_row(padding, values):
    padded = [[value or padding for value in row] for row in values]
    aligned = left_align(tf.constant(padded), padding).numpy()
    events = [[value for value in row if value] for row in values]
    assert aligned.shape[1] == max(1, *(len(row) for row in events))
    for before, after in zip(events, aligned, strict=True):
        assert list(after) == before + [padding] * (len(after) - len(before))


@pytest.mark.parametrize("padding", [0, -1])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(values=rows, times=st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=4, max_size=4))
def test_what_is_next_is_the_set_of_the_earliest_time(padding, values, times):
    padded = [[value or padding for value in row] for row in values]
    found = take_next(tf.constant(padded, tf.int64), tf.constant(times[: len(padded)], tf.int64), padding).numpy()
    expected = []
    for row, when in zip(values, times, strict=False):
        events = [(time, value) for value, time in zip(row, when, strict=True) if value]
        expected.append(sorted({value for time, value in events if time == min(events)[0]}))
    assert [[value for value in row if value != padding] for row in found.tolist()] == expected
    assert found.shape[1] == max(1, *(len(row) for row in expected)), "no wider than it must be"


def test_distinct_with_other_padding():
    np.testing.assert_array_equal(
        np.sort(distinct(tf.constant([[7, -1, 7, 0]], tf.int64), -1).numpy()), [[-1, -1, 0, 7]]
    )
