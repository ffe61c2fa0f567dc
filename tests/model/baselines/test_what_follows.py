import numpy as np
import pytest

from model.data.sequences import Events, SequenceBatch, next_events, what_follows
from tests.model.baselines.small_data import TARGETS, earliest, pairs, random_sequences
from tests.sequence_data import Sequence


def _events(parts, times):
    events = [event for part in parts for event in part]
    number = np.cumsum([0, *(len(part) for part in parts)])
    when = [t for part, own in zip(parts, times, strict=True) for t in (range(len(part)) if own is None else own)]
    items, scenes = (np.array([int(event[kind][-1]) for event in events], np.int32) for kind in (0, 1))
    return Events(items, scenes, np.array(when, np.int64), number)


def _batch(data):
    return SequenceBatch(
        np.arange(len(data)),
        _events([one.history for one in data], [one.history_times for one in data]),
        _events([one.future for one in data], [one.future_times for one in data]),
        np.array([1 + max(one.history_times or range(len(one.history)), default=0) for one in data], np.int64),
    )


EVENT = [("item1", "scene2")]
ODD = [
    [],
    [Sequence([], [])],
    [Sequence([], EVENT), Sequence(EVENT, [])],
    [Sequence([], EVENT * 2), Sequence([], []), Sequence(EVENT * 3, EVENT)],
    [Sequence(EVENT * 3, EVENT * 2), Sequence([], EVENT), Sequence([], [])],
]
BASKETS = random_sequences(60, seed=1, tied=True)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "data", [random_sequences(60), BASKETS, *ODD], ids=["random", "baskets", *(f"odd{i}" for i in range(len(ODD)))]
)
def test_pairs_are_those_of_the_table(target, data):
    followed = what_follows(_batch(data), target)
    found = zip(followed.from_items, followed.from_scenes, followed.items, followed.scenes, strict=True)
    expected = [
        tuple(int(raw_id[-1]) for event in pair for raw_id in event) for one in data for pair in pairs(one, target)
    ]
    assert sorted(map(tuple, found)) == sorted(expected)


def test_another_target_is_refused():
    with pytest.raises(ValueError, match="or a window as in first_5_events or first_7_days. Received: 'last'"):
        what_follows(_batch(random_sequences(3)), "last")


@pytest.mark.parametrize("data", [random_sequences(30), BASKETS], ids=["random", "baskets"])
def test_next_events_of_those_that_have_any(data):
    found = next_events(_batch(data).future)
    expected = [earliest(one.future, one.future_times) for one in data]
    assert found.items.tolist() == [int(item[-1]) for part in expected for item, _ in part]
    np.testing.assert_array_equal(found.starts, np.cumsum([0, *(len(part) for part in expected)]))
    assert (max(len(part) for part in expected) > 1) == (data is BASKETS)
