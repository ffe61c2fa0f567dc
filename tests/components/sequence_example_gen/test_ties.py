"""Events at one time: their order is none of the log's, and how many items come next is counted."""

import numpy as np
import pytest

from components.sequence_example_gen import blocks, windows
from components.sequence_example_gen.parsing import EVENTS
from components.sequence_example_gen.sequence_files import SEQUENCE_EVENTS
from components.sequence_example_gen.ties import count_next_items, shuffle_ties

SECOND = 1_000_000


def _events(seed, size, users=5, seconds=6):
    """Random events; few users, times and ids, so that much ties."""
    rng = np.random.default_rng(seed)
    return {
        "user_high": rng.integers(0, users, size).astype(np.uint64),
        "user_low": rng.integers(0, 2, size).astype(np.uint64),
        "item": rng.integers(0, 50, size),
        "scene": rng.integers(0, 3, size),
        "time": rng.integers(0, seconds, size) * SECOND + rng.integers(0, 2, size),
    }


def _join(events, order, parts, ties):
    """Sorts events that come in some order, in blocks."""
    schema = SEQUENCE_EVENTS if "record" in events else EVENTS
    shuffled = {name: column[order] for name, column in events.items()}
    cuts = [place for place in np.array_split(np.arange(len(order)), parts) if len(place)]
    batches = [
        blocks.to_bytes(blocks.pa.RecordBatch.from_pydict({n: c[cut] for n, c in shuffled.items()}, schema=schema))
        for cut in cuts
    ]
    return blocks.join_and_sort(list(enumerate(batches))[::-1], ties)


def _rows(events):
    return list(zip(*(column.tolist() for column in events.values()), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_is_by_user_and_time_whatever_the_order_of_the_log(seed):
    events = _events(seed, 120)
    one = _join(events, np.arange(120), 1, "shuffled")
    assert sorted(_rows(one)) == sorted(_rows(events))
    keys = list(zip(one["user_high"], one["user_low"], one["time"], strict=True))
    assert keys == sorted(keys)
    rng = np.random.default_rng(seed)
    for parts in (1, 4, 120):
        assert _rows(_join(events, rng.permutation(120), parts, "shuffled")) == _rows(one)


def test_the_order_among_ties_tells_nothing_of_the_items():
    """Of two items at one time, each comes first as often as the other."""
    size = 4_000
    events = {
        "user_high": np.repeat(np.arange(size // 2), 2).astype(np.uint64),
        "user_low": np.zeros(size, np.uint64),
        "item": np.tile([3, 8], size // 2),
        "scene": np.zeros(size, np.int64),
        "time": np.zeros(size, np.int64),
    }
    first = shuffle_ties(events)["item"][::2]
    assert np.mean(first == 3) == pytest.approx(0.5, abs=0.03)
    later = shuffle_ties({**events, "time": np.full(size, SECOND)})["item"][::2]
    assert np.mean(first == later) == pytest.approx(0.5, abs=0.03), "the order changes from time to time"


def test_events_of_different_times_stay_where_they_are():
    events = {name: column[:1].repeat(50) for name, column in _events(0, 1).items()}
    events |= {"time": np.arange(50), "item": np.arange(50)[::-1]}
    assert shuffle_ties(events) is events


def test_the_order_of_the_log_is_a_choice():
    events = _events(1, 80)
    found = _join(events, np.arange(80), 3, "log")
    order = np.lexsort((events["time"], events["user_low"], events["user_high"]))
    assert _rows(found) == [_rows(events)[place] for place in order]
    assert _rows(found) != _rows(_join(events, np.arange(80), 3, "shuffled"))


def test_sequence_files_keep_the_order_of_their_lists():
    events = {**_events(2, 100, users=1, seconds=1), "record": np.repeat(np.arange(20), 5), "time": np.zeros(100, int)}
    events |= {"user_low": np.zeros(100, np.uint64), "is_future": np.tile([False, False, False, True, True], 20)}
    found = _join(events, np.arange(100), 2, "shuffled")
    assert _rows(found) == _rows(events)


@pytest.mark.parametrize("seed", range(8))
def test_next_items_are_the_distinct_ones_of_the_earliest_second(seed):
    rng = np.random.default_rng(seed)
    events = _join(_events(seed, 150), np.arange(150), 1, "shuffled")
    bounds = windows.find_user_bounds(events["user_high"], events["user_low"])
    user = rng.integers(0, len(bounds) - 1, 30)
    start = rng.integers(bounds[user], bounds[user + 1])
    stop = rng.integers(start + 1, bounds[user + 1] + 1)
    zeros = np.zeros(30, np.int64)
    sequences = windows.Windows(bounds[user], zeros, zeros, bounds[user], bounds[user], start, start, stop)
    expected = []
    for a, b in zip(start, stop, strict=True):
        seconds = [int(time) // SECOND for time in events["time"][a:b]]
        items = events["item"][a:b].tolist()
        expected.append(len({item for item, second in zip(items, seconds, strict=True) if second == seconds[0]}))
    assert count_next_items(sequences, events).tolist() == expected
    assert max(expected) > 1 == min(expected)


def test_without_sequences_there_are_no_next_items():
    nothing = np.zeros(0, np.int64)
    sequences = windows.Windows(*[nothing] * 8)
    assert count_next_items(sequences, _events(0, 10)).tolist() == []
