import collections

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.prefixes import cut, draw_cuts

quickly = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))


def _events(row):
    return [int(value) for value in row if value]


def _rising(items):
    """A time of its own for each event of a history."""
    return np.where(np.asarray(items) != 0, 1 + np.arange(np.shape(items)[1]), 0).astype(np.int64)


def random_prefixes(items, scenes, future_items, future_scenes, seed):
    """Cuts items and scenes at one draw, as `model.data.batches.prefix_batches` does; no two events tie."""
    after = draw_cuts(items, tf.constant(_rising(items)), seed)
    (prefix_items, rest_items), (prefix_scenes, rest_scenes) = (
        cut(history, future, after) for history, future in ((items, future_items), (scenes, future_scenes))
    )
    return prefix_items, prefix_scenes, rest_items, rest_scenes


@st.composite
def batches(draw):
    """Histories and futures with zeros anywhere; scenes are items + 100, with padding in places of their own."""
    size = draw(st.integers(1, 4))
    pieces = []
    for _ in ("history", "future"):
        width = draw(st.integers(0, 6))
        wide = st.lists(st.integers(0, 9), min_size=width, max_size=width)
        rows = draw(st.lists(wide, min_size=size, max_size=size))
        scenes = []
        for row in rows:
            events = [100 + value for value in _events(row)]
            places = sorted(draw(st.permutations(range(width)))[: len(events)])
            wide_scenes = [0] * width
            for place, value in zip(places, events, strict=True):
                wide_scenes[place] = value
            scenes.append(wide_scenes)
        pieces += [np.array(part, np.int32).reshape(size, width) for part in (rows, scenes)]
    return pieces


def _left_aligned(rest):
    return all(not row[len(_events(row)) :].any() for row in rest)


@quickly
@given(batches(), seeds)
def test_no_event_is_lost_or_invented_or_moved(batch, seed):
    found = [part.numpy() for part in random_prefixes(*(tf.constant(part) for part in batch), tf.constant(seed))]
    items, scenes, future_items, future_scenes = batch
    for history, future, prefix, rest in ((items, future_items, *found[::2]), (scenes, future_scenes, *found[1::2])):
        assert prefix.shape == history.shape
        assert rest.shape[1] == max(1, *(len(_events(row)) for row in rest))
        assert _left_aligned(rest)
        for before, later, kept, after in zip(history, future, prefix, rest, strict=True):
            assert _events(kept) + _events(after) == _events(before) + _events(later)
            assert set(np.flatnonzero(kept)) <= set(np.flatnonzero(before))
            # The cut is in the history, after its first event at the earliest.
            assert min(1, len(_events(before))) <= len(_events(kept)) <= len(_events(before))


@quickly
@given(batches(), seeds)
def test_items_and_scenes_are_cut_at_the_same_event(batch, seed):
    items, scenes, rest_items, rest_scenes = (
        part.numpy() for part in random_prefixes(*(tf.constant(part) for part in batch), tf.constant(seed))
    )
    for some, others in ((items, scenes), (rest_items, rest_scenes)):
        for row, other in zip(some, others, strict=True):
            assert [100 + value for value in _events(row)] == _events(other)


@quickly
@given(batches(), st.lists(st.integers(0, 1), min_size=6, max_size=6), seeds)
def test_events_at_one_time_are_not_parted(batch, steps, seed):
    items = batch[0]
    times = np.where(items != 0, 1 + np.cumsum(steps)[: items.shape[1]], 0).astype(np.int64)
    after = draw_cuts(tf.constant(items), tf.constant(times), tf.constant(seed)).numpy()
    plain = draw_cuts(tf.constant(items), tf.constant(_rising(items)), tf.constant(seed)).numpy()
    for row, when, moved, drawn in zip(items, times, after, plain, strict=True):
        when = when[row != 0].tolist()
        kept = len(when) - drawn  # the event behind which the cut falls, were all times different
        while 0 < kept < len(when) and when[kept] == when[kept - 1]:
            kept += 1
        assert moved == len(when) - kept


def _row(values, number):
    return tf.tile(tf.constant([values]), [number, 1])


def test_every_place_is_as_likely_as_any_other():
    history, future = _row([1, 0, 2, 3, 0], 9000), _row([0, 4], 9000)
    prefix, _, rest, _ = random_prefixes(history, history, future, future, tf.constant([3, 4]))
    rows = zip(prefix.numpy(), rest.numpy(), strict=True)
    found = collections.Counter((tuple(_events(row)), tuple(_events(after))) for row, after in rows)
    places = {((1,), (2, 3, 4)), ((1, 2), (3, 4)), ((1, 2, 3), (4,))}
    assert set(found) == places
    for place in places:
        assert found[place] / 9000 == pytest.approx(1 / 3, abs=0.02), place


@pytest.mark.parametrize("history", [[0, 0, 0], [0, 7, 0], []])
def test_histories_of_no_and_one_event_stay_whole(history):
    rows, future = tf.constant([history] * 50, tf.int32), _row([8, 0, 9], 50)
    prefix, scenes, rest, rest_scenes = random_prefixes(rows, rows, future, future, tf.constant([1, 1]))
    for found, expected in ((prefix, rows), (scenes, rows), (rest, _row([8, 9], 50)), (rest_scenes, rest)):
        np.testing.assert_array_equal(found, expected)


def test_futures_of_no_event_leave_a_column():
    history, nothing = tf.constant([[5]]), tf.zeros([1, 0], tf.int32)
    prefix, _, rest, rest_scenes = random_prefixes(history, history, nothing, nothing, tf.constant([1, 1]))
    np.testing.assert_array_equal(prefix, history)
    np.testing.assert_array_equal(rest, [[0]])
    np.testing.assert_array_equal(rest_scenes, [[0]])


def test_unequal_numbers_of_events_are_aligned_at_the_latest():
    items, scenes = _row([1, 2, 3, 4], 200), _row([0, 0, 103, 104], 200)
    future = _row([5], 200)
    found = random_prefixes(items, scenes, future, future + 100, tf.constant([1, 2]))
    expected = {
        ((1,), (2, 3, 4, 5), (), (103, 104, 105)),
        ((1, 2), (3, 4, 5), (), (103, 104, 105)),
        ((1, 2, 3), (4, 5), (103,), (104, 105)),
        ((1, 2, 3, 4), (5,), (103, 104), (105,)),
    }
    prefix, prefix_scenes, rest, rest_scenes = (part.numpy() for part in found)
    rows = zip(prefix, rest, prefix_scenes, rest_scenes, strict=True)
    assert {tuple(tuple(_events(part)) for part in row) for row in rows} == expected


def test_the_seed_decides():
    rows = _row(list(range(1, 9)), 20)
    first, again, other = (
        random_prefixes(rows, rows, rows, rows, tf.constant(seed))[0].numpy() for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len({tuple(row) for row in first}) > 4  # each row of a batch has a draw of its own


def test_in_a_data_set_whose_widths_are_not_known():
    rows = tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[1, 2, 3], [4], [], [5, 6]]))
    padded = rows.map(lambda row: row).padded_batch(2)

    def cut_anew(number, row):
        return cut(row, row, draw_cuts(row, tf.cast(row, tf.int64), tf.stack([7, number])))

    cuts = padded.enumerate().map(cut_anew)
    for before, (prefix, rest) in zip(padded, cuts, strict=True):
        for whole, kept, after in zip(before.numpy(), prefix.numpy(), rest.numpy(), strict=True):
            assert _events(kept) + _events(after) == 2 * _events(whole)


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_cut_moves_the_latest_events(dtype):
    history = tf.constant([[1, 2, 0, 3], [0, 0, 4, 5], [6, 7, 8, 9]], dtype)
    future = tf.constant([[0, 9], [0, 0], [1, 0]], dtype)
    prefix, rest = cut(history, future, tf.constant([2, 5, 0]))
    np.testing.assert_array_equal(prefix, [[1, 0, 0, 0], [0, 0, 0, 0], [6, 7, 8, 9]])
    np.testing.assert_array_equal(rest, [[2, 3, 9], [4, 5, 0], [1, 0, 0]])
    assert prefix.dtype == rest.dtype == dtype
