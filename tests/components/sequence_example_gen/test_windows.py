"""Windowing by arrays against a slow transcription of its definition, event by event."""

import numpy as np
import pytest

from components.sequence_example_gen import balance, splits, windows
from components.sequence_example_gen.config import SplitConfig, WindowsConfig
from schemas import sequences

DAY = 86_400 * 1_000_000


def slow(users, times, user_split, config, by):
    """Returns the sequences {(user, cutoff): (split, history, future)} and each event's fate, in plain Python."""
    cutoffs = [int(c.timestamp()) * 1_000_000 for c in config.cutoffs]
    made, fates = {}, ["outside_windows"] * len(times)
    rank = ["outside_windows", "filtered_users", "beyond_max_history", "kept"]

    def mark(places, fate):
        for place in places:
            fates[place] = max(fates[place], fate, key=rank.index)

    for user in sorted(set(users)):
        for i, cutoff in enumerate(cutoffs):
            last = i == len(cutoffs) - 1
            if by == "user":
                split, limit = user_split[user], None
                if split != 0 and not last:
                    continue
            else:
                split = 2 if last else 1 if i == len(cutoffs) - 2 else 0
                limit = {0: cutoffs[-2], 1: cutoffs[-1], 2: None}[split]
            history, future = [], []
            for place, (u, t) in enumerate(zip(users, times, strict=True)):
                if u != user:
                    continue
                if t < cutoff and (not config.history_days or t >= cutoff - config.history_days * DAY):
                    history.append(place)
                in_days = not config.future_days or t < cutoff + config.future_days * DAY
                if t >= cutoff and in_days and (limit is None or t < limit):
                    future.append(place)
            if len(history) < config.min_history or len(future) < config.min_future:
                mark(history + future, "filtered_users")
                continue
            mark(history, "beyond_max_history")
            mark(history[-config.max_history :] + future, "kept")
            made[user, cutoff] = (split, history[-config.max_history :], future)
    return made, fates


@pytest.mark.parametrize("by", ["user", "time"])
@pytest.mark.parametrize("seed", range(12))
def test_equals_the_slow_transcription(seed, by):
    random = np.random.default_rng(seed)
    size = int(random.integers(0, 200))
    users = np.sort(random.integers(0, 12, size))
    times = random.integers(0, 30, size) * DAY // 2
    order = np.lexsort((times, users))
    users, times = users[order], times[order]
    config = WindowsConfig(
        cutoffs=[f"1970-01-{day:02d}" for day in (3, 5, 9, 12)][: int(random.integers(3, 5))],
        history_days=random.choice([None, 2, 4]),
        future_days=random.choice([None, 1, 3]),
        min_history=int(random.integers(1, 4)),
        min_future=int(random.integers(1, 3)),
        max_history=int(random.integers(1, 6)),
    )
    halves = users.astype(np.uint64), np.zeros(size, np.uint64)
    bounds = windows.find_user_bounds(*halves)
    user_split = random.integers(0, 3, 12)
    cuts = splits.plan_cuts(config, SplitConfig(by=by))
    tried = windows.cut_windows(times, bounds, user_split[users[bounds[:-1]]], cuts, config.max_history)
    passed = (tried.history_length >= config.min_history) & (tried.future_length >= config.min_future)
    made = tried.select(passed)
    found = {
        (users[made.first[i]], made.cutoff[i]): (
            made.split[i],
            list(range(made.history_start[i], made.history_stop[i])),
            list(range(made.future_start[i], made.future_stop[i])),
        )
        for i in range(len(made))
    }
    expected, fates = slow(users.tolist(), times.tolist(), user_split, config, by)
    assert found == expected
    counts = balance.classify(tried, passed, size)
    assert counts == {fate: fates.count(fate) for fate in balance.EVENT_OUTCOMES}


def slow_last(users, times, min_history, max_history):
    """Returns the sequences {(user, split): (history, future)} and each event's fate, in plain Python."""
    made, fates = {}, ["filtered_users"] * len(times)
    for user in sorted(set(users)):
        places = [place for place, u in enumerate(users) if u == user]
        seconds = sorted({times[place] // 1_000_000 for place in places})

        def cut(at, places=places):
            history = [place for place in places if times[place] // 1_000_000 < at]
            return history, [place for place in places if times[place] // 1_000_000 == at]

        asked = dict(zip((2, 1, 0), seconds[:-4:-1], strict=False))  # test, val and train, latest first
        if len(asked) < 3 or len(cut(asked[0])[0]) < min_history:
            asked = {0: seconds[-1]}
        for split, at in asked.items():
            history, future = cut(at)
            if len(history) >= min_history:
                made[user, split] = (history[-max_history:], future)
                for place in history:
                    fates[place] = "beyond_max_history" if fates[place] == "filtered_users" else fates[place]
                for place in history[-max_history:] + future:
                    fates[place] = "kept"
    return made, fates


@pytest.mark.parametrize("seed", range(12))
def test_the_last_times_of_each_user(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 150))
    users, times = random.integers(0, 12, size), random.integers(0, 9, size) * 1_000_000 + random.integers(0, 9, size)
    order = np.lexsort((times, users))
    users, times = users[order], times[order]
    least, most = int(random.integers(1, 5)), int(random.integers(1, 6))
    bounds = windows.find_user_bounds(users.astype(np.uint64), np.zeros(size, np.uint64))
    tried = windows.cut_last(times, bounds, least, most)
    passed = tried.history_length >= least
    made = tried.select(passed)
    found = {
        (users[made.first[i]], made.split[i]): (
            list(range(made.history_start[i], made.history_stop[i])),
            list(range(made.future_start[i], made.future_stop[i])),
        )
        for i in range(len(made))
    }
    expected, fates = slow_last(users.tolist(), times.tolist(), least, most)
    assert found == expected and len(found) == len(made)
    asked = times[made.history_stop - 1] // 1_000_000 * 1_000_000 + 1_000_000  # the second after the last event
    assert (made.cutoff == asked).all() and (made.cutoff <= times[made.future_start]).all()
    counts = balance.classify(tried, passed, size)
    assert counts == {fate: fates.count(fate) for fate in balance.EVENT_OUTCOMES}


def test_a_user_with_too_few_events_for_three_splits_trains_only():
    second = 1_000_000
    times = np.array([0, 1, 2, 2, 0, 1, 2, 3, 3, 0]) * second
    bounds = np.array([0, 4, 9, 10])
    made = windows.cut_last(times, bounds, 1, 10)
    found = {
        (int(made.first[i]), int(made.split[i])): (int(made.history_stop[i]), int(made.future_stop[i]))
        for i in range(len(made))
    }
    # The first has three times, the second four, the third one alone, before which there is no history.
    train, val, test = splits.TRAIN, splits.VALIDATION, splits.TEST
    assert found == {(0, train): (2, 4), (4, train): (5, 6), (4, val): (6, 7), (4, test): (7, 9), (9, train): (9, 10)}


def test_no_users_have_no_last_times():
    assert len(windows.cut_last(np.zeros(0, np.int64), np.zeros(1, np.int64), 1, 5)) == 0


def test_gather_lists_ranges_in_order():
    offsets, places = windows.gather(np.array([5, 2, 7]), np.array([7, 2, 10]))
    assert offsets.tolist() == [0, 2, 2, 5]
    assert places.tolist() == [5, 6, 7, 8, 9]


def test_split_shares_and_empty_weights():
    hashes = np.random.default_rng(0).integers(0, 2**63, 20_000).astype(np.uint64)
    found = np.bincount(splits.split_users(hashes, SplitConfig()), minlength=3) / len(hashes)
    np.testing.assert_allclose(found, [0.8, 0.1, 0.1], atol=0.01)
    no_val = splits.split_users(hashes, SplitConfig(weights={"train": 1, "val": 0, "test": 1}))
    assert set(no_val) == {splits.TRAIN, splits.TEST}
    assert sequences.SPLITS[splits.VALIDATION] == "val"


def test_cutoffs_are_needed():
    with pytest.raises(ValueError, match="at least one cutoff"):
        splits.plan_cuts(WindowsConfig(), SplitConfig())
    with pytest.raises(ValueError, match="at least 3 cutoffs"):
        splits.plan_cuts(WindowsConfig(cutoffs=["2024-01-01"]), SplitConfig(by="time"))
