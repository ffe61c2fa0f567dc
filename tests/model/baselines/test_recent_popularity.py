import numpy as np
import pytest

from model.baselines import recent_popularity
from model.data.sequences import TrainSequences
from tests.model.baselines.small_data import (
    DAY,
    TARGETS,
    fitted,
    indices,
    item_and_scene_scores,
    known_catalogues,
    random_sequences,
)
from tests.sequence_data import Sequence, write_examples

DATA = random_sequences()
USERS = [number // 2 for number in range(len(DATA))]
ITEMS, SCENES = known_catalogues(DATA)


def _events(data, users):
    """Each event once: user, item, scene, time."""
    events = set()
    for user, one in zip(users, data, strict=True):
        for part, times in ((one.history, one.history_times), (one.future, one.future_times)):
            events |= {(user, *event, time) for event, time in zip(part, times, strict=True)}
    return events


def _weights(data, users, half_life, kind, catalogue):
    events = _events(data, users)
    newest = max(time for *_, time in events)
    score = dict.fromkeys(catalogue.ids, 0.0)
    for event in events:
        if event[1 + kind] in score:
            score[event[1 + kind]] += 2.0 ** -((newest - event[3]) / DAY / half_life)
    return [score[raw_id] for raw_id in catalogue.ids]


def _ask(network, items, scenes):
    return item_and_scene_scores(network, indices([["item1"], []], items), indices([[], []], scenes))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("half_life", [0.5, 7.0])
def test_an_event_counts_half_after_the_half_life_whatever_the_target(tmp_path, target, half_life):
    data = [*DATA, *DATA[:10]]  # seen in two windows
    users = [*USERS, *USERS[:10]]
    network = fitted(recent_popularity.fit, tmp_path, data, target, users, recency_half_life_days=half_life)
    items, scenes = known_catalogues(data)
    for kind, (catalogue, scores) in enumerate(zip((items, scenes), _ask(network, items, scenes), strict=True)):
        expected = _weights(data, users, half_life, kind, catalogue)
        np.testing.assert_allclose(scores, [expected] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("other", "number"),
    [
        (Sequence([("a", "s")], [("b", "s")], [5], [9]), 2),
        (Sequence([("a", "s")], [("b", "s")], [5], [8]), 3),
        (Sequence([("a", "t")], [("b", "s")], [5], [9]), 3),
        (Sequence([("c", "s")], [("d", "s")], [5], [9]), 4),
        (Sequence([("b", "s")], [("a", "s")], [9], [5]), 2),
    ],
)
def test_an_event_is_told_by_user_item_scene_and_time(tmp_path, other, number):
    one = Sequence([("a", "s")], [("b", "s")], [5], [9])
    catalogues = known_catalogues([one, other])
    for users, expected in (([3, 3], number), ([3, 4], 4)):
        files = [write_examples(tmp_path / "data.gz", [one, other], users)]
        train = TrainSequences(files, *catalogues, batch_size=1)
        assert len(recent_popularity.distinct_events(train)) == expected


@pytest.mark.parametrize("waiting", [1, 20, 10_000])
def test_events_are_the_same_however_many_wait(tmp_path, waiting):
    files = [write_examples(tmp_path / "data.gz", [*DATA, *DATA], [*USERS, *USERS])]
    train = TrainSequences(files, ITEMS, SCENES, batch_size=7)
    table = recent_popularity.distinct_events(train, waiting)
    # What no catalogue knows has one index.
    known = [set(catalogue.ids) for catalogue in (ITEMS, SCENES)]
    expected = {
        (user, *(raw_id if raw_id in ids else "" for raw_id, ids in zip(event, known, strict=True)), time)
        for user, *event, time in _events(DATA, USERS)
    }
    assert len(table) == len(expected)


def test_all_events_may_be_older_than_1970(tmp_path):
    """Nothing says when the clock started: only the time between events matters."""
    day = -40_000 * DAY
    data = [Sequence([("old", "s")] * 3, [("new", "s")], [day, day + 1, day + 2], [day + 50 * DAY])]
    network = fitted(recent_popularity.fit, tmp_path, data)
    items, scenes = known_catalogues(data)
    scores, _ = _ask(network, items, scenes)
    assert items.ids[np.argmax(scores[0])] == "new" and scores[0].max() == 1.0
