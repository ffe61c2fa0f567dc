"""Windows of futures, against lists."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.batches import targets_of
from model.data.windows import keep_first_days, keep_first_events
from schemas.sequences import SECONDS_A_DAY as DAY


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.lists(st.integers(1, 9), max_size=5), st.integers(0, 7)), min_size=1, max_size=4),
    st.lists(st.integers(0, 1), min_size=5, max_size=5),
)
def test_window_keeps_the_first_events_and_parts_no_time(rows, steps):
    futures = [[*events, *[0] * (5 - len(events))] for events, _ in rows]
    times = [1 + sum(steps[: place + 1]) for place in range(5)]
    sizes = tf.constant([size for _, size in rows])
    found = keep_first_events(tf.constant(futures), tf.constant([times] * len(rows), tf.int64), sizes).numpy()
    for (events, size), row in zip(rows, found, strict=True):
        kept = min(size, len(events))
        while 0 < kept < len(events) and times[kept] == times[kept - 1]:
            kept += 1
        assert list(row) == [*events[:kept], *[0] * (5 - kept)]


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_window_of_no_columns_and_its_type(dtype):
    found = keep_first_events(tf.zeros([3, 0], dtype), tf.zeros([3, 0], tf.int64), tf.constant([1, 2, 3], tf.int64))
    assert found.shape == [3, 0]
    assert found.dtype == dtype


def test_days_are_counted_from_the_cutoff_of_each_row():
    sequence = tf.constant([[1, 2, 3], [4, 5, 6], [7, 0, 0]])
    times = tf.constant([[10, DAY + 9, DAY + 10], [10, 2 * DAY, 3 * DAY], [5 * DAY, 0, 0]], tf.int64)
    cutoffs = tf.constant([10, 2 * DAY, 4 * DAY], tf.int64)
    assert keep_first_days(sequence, times, cutoffs, 1).numpy().tolist() == [[1, 2, 0], [4, 5, 0], [0, 0, 0]]
    assert keep_first_days(sequence, times, cutoffs, 2).numpy().tolist() == [[1, 2, 3], [4, 5, 6], [7, 0, 0]]


@pytest.mark.parametrize(
    ("question", "items", "scenes"),
    [
        ("first_1_events", [{3}, {4, 5}], [{1}, {1, 2}]),
        ("first_2_events", [{3, 5}, {4, 5}], [{1, 2}, {1, 2}]),
        ("first_3_events", [{3, 5}, {4, 5, 6}], [{1, 2}, {1, 2, 3}]),
        ("first_1_days", [{3}, {4, 5}], [{1}, {1, 2}]),
        ("first_9_days", [{3, 5}, {4, 5, 6}], [{1, 2}, {1, 2, 3}]),
    ],
)
def test_targets_of_a_window_are_its_distinct_items_and_scenes(question, items, scenes):
    batch = {
        "future_item_sequence": tf.constant([[3, 5, 3], [4, 5, 6]]),
        "future_scene_sequence": tf.constant([[1, 2, 1], [1, 2, 3]]),
        "future_times": tf.constant([[20, 2 * DAY, 3 * DAY], [30, 30, 2 * DAY]], tf.int64),
        "cutoff": tf.constant([15, 30], tf.int64),
    }
    for found, expected in zip(targets_of(question, batch), (items, scenes), strict=True):
        rows = [[index for index in row if index] for row in found.numpy().tolist()]
        assert [set(row) for row in rows] == expected
        assert [len(row) for row in rows] == [len(row) for row in expected], "each stands once"
