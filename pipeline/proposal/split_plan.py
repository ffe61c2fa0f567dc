"""Plan of a split: cutoffs that leave enough users to train on, to validate with and to test on."""

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from components.sequence_example_gen.config import SplitConfig, WindowsConfig
from components.sequence_example_gen.splits import plan_cuts, split_users
from components.sequence_example_gen.windows import Windows, cut_last, cut_windows, find_covered, gather
from pipeline.proposal.log_profile import UserEvents
from schemas.plural import count_noun
from schemas.sequences import SPLITS, TEST, TRAIN, VALIDATION

FEWEST_BY_TIME = {TRAIN: 300, VALIDATION: 50, TEST: 100}
"""Sequences of a split by time: with fewer, there is another way to split, or none is good."""

FEWEST_BY_USER = 300
"""Sequences of a split by user, of which a tenth tests."""

ENOUGH_TESTS = 2000
"""Test sequences by which a difference of a few percent between two models shows."""

MOST_TRAIN_CUTOFFS = 6
"""Train cutoffs that are proposed: more make more sequences of the same users, and training longer."""

_DAY = datetime.timedelta(days=1)
_HOURS = tuple(datetime.timedelta(hours=hours) for hours in (1, 2, 3, 6, 12))
_DAYS = tuple(datetime.timedelta(days=days) for days in (1, 2, 3, 7, 14, 28, 56, 91, 182, 365))
_SHORT_LOG = 4 * _DAY
"""A log that is shorter than this is cut by hours: what a user does next differs from hour to hour of a day."""

_CLOCKS_BEGIN = 10 * 365 * 86_400 * 1_000_000
"""Times before, unix microseconds, are no dates, but counted from some beginning of each user."""

MOST_OUTSIDE = 1 / 3
"""Share of test targets that may be outside the catalogue; with more, as for news, a split by time hides too much."""

_EDGE = 0.002
"""Share of the events at either end of the log that may be stray."""


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """A way to split a log.

    Attributes:
        by: a value of `split.by`.
        cutoffs: values of `windows.cutoffs`, rising, without a zone (UTC).
        future_days: value of `windows.future_days`.
        sizes: number of sequences by split; an estimate where users were sampled.
        outside: share of the test targets whose item is in no train sequence; an upper bound where users were sampled.
        reason: why this way and no other, as a sentence.
    """

    by: Literal["user", "time", "last"]
    cutoffs: tuple[datetime.datetime, ...]
    future_days: int | None
    sizes: Mapping[str, int]
    outside: float
    reason: str


def plan_split(users: UserEvents) -> SplitPlan:
    """Chooses how to split a log: by time where that leaves enough, else by user, else by each user's last events."""
    if np.median(users.times) < _CLOCKS_BEGIN:
        reason = "Times are counted from a beginning, perhaps each user's own, so each user's last event tests."
        return dataclasses.replace(_plan_last(users), reason=reason)
    by_time = _choose_by_time(list(_plan_by_time(users)))
    if by_time and by_time.outside <= MOST_OUTSIDE:
        return by_time
    by_user = _choose_by_user(list(_plan_by_user(users)))
    if by_time:
        share = f"{by_time.outside:.0%} of what happens after a last cutoff is about items that are new by then"
        reason = f"{share}, which no model can know; so one cutoff is for all, and users are split."
        return dataclasses.replace(by_user, reason=reason) if by_user.outside < by_time.outside else by_time
    last = _plan_last(users)
    if sum(by_user.sizes.values()) >= max(FEWEST_BY_USER, last.sizes[TEST]):
        return by_user
    return last if last.sizes[TEST] > by_user.sizes[TEST] else by_user


def _choose_by_time(plans: list[SplitPlan]) -> SplitPlan | None:
    """Returns the plan with the shortest futures that gives enough to test on, else the one with the most."""
    for plan in plans:  # short futures leave the most to train on
        if plan.sizes[TEST] >= ENOUGH_TESTS and plan.sizes[TRAIN] >= plan.sizes[TEST]:
            return plan
    return max(plans, key=lambda plan: plan.sizes[TEST], default=None)


def _choose_by_user(plans: list[SplitPlan]) -> SplitPlan:
    """Returns the plan with the latest cutoff that nearly as many users have events around as around any other."""
    most = max(sum(plan.sizes.values()) for plan in plans)
    return [plan for plan in plans if sum(plan.sizes.values()) >= 0.8 * most][-1]


def _plan_by_time(users: UserEvents) -> Iterator[SplitPlan]:
    """Yields the plans of a split by time that leave enough, those with the shortest futures first."""
    begin, end = _find_edges(users)
    for future in _HOURS if end - begin < _SHORT_LOG else _DAYS:
        test = _round(end - future, future)
        number = min(int((test - begin) / future), MOST_TRAIN_CUTOFFS + 2)
        if number < 3:
            return
        cutoffs = tuple(test - future * back for back in range(number - 1, -1, -1))
        days = future.days or None
        sizes, outside = _measure(users, WindowsConfig(cutoffs=cutoffs, future_days=days), SplitConfig(by="time"))
        if all(sizes[split] >= fewest for split, fewest in FEWEST_BY_TIME.items()):
            what = count_noun(days, "day") if days else f"{future.seconds // 3600} h"
            yield SplitPlan(
                "time", cutoffs, days, sizes, outside,
                f"The last cutoff tests, the one before it validates, the others train; {what} apart.",
            )  # fmt: skip


def _plan_by_user(users: UserEvents) -> Iterator[SplitPlan]:
    """Yields plans of a split by user, with one cutoff each."""
    begin, end = _find_edges(users)
    for share in (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9):
        place = int(np.quantile(users.times, share))
        cutoff = _round(_to_datetime(place), _DAY if end - begin >= _SHORT_LOG else _HOURS[0])
        if cutoff <= begin:
            cutoff = _to_datetime(place)
        split = SplitConfig(by="user")
        sizes, outside = _measure(users, WindowsConfig(cutoffs=(cutoff,)), split)
        total, parts = sum(sizes.values()), sum(split.weights.values())
        # Which users test depends on the salt: what can be expected is told.
        expected = {name: round(total * split.weights[name] / parts) for name in SPLITS}  # type: ignore[index]
        yield SplitPlan(
            "user", (cutoff,), None, expected, outside,
            "Too few users have events before and after three cutoffs, so one cutoff is for all, and users are split.",
        )  # fmt: skip


def _plan_last(users: UserEvents) -> SplitPlan:
    windows = WindowsConfig()
    cut = cut_last(users.times, users.bounds, windows.min_history, windows.max_history)
    return SplitPlan(
        "last", (), None, *_measure_splits(users, cut),
        "Too few users have events before and after a common date, so each user's last event tests, and the one before "
        "it validates. What is tested may lie before what was trained on.",
    )  # fmt: skip


def _measure(users: UserEvents, windows: WindowsConfig, split: SplitConfig) -> tuple[dict[str, int], float]:
    numbers = split_users(users.users[users.bounds[:-1]], split)
    cuts = plan_cuts(windows, split)
    return _measure_splits(users, cut_windows(users.times, users.bounds, numbers, cuts, windows.max_history))


def _measure_splits(users: UserEvents, tried: Windows) -> tuple[dict[str, int], float]:
    """Returns the number of sequences of each split, and the share of test targets that are outside the catalogue."""
    made = tried.select((tried.history_length > 0) & (tried.future_length > 0))
    counts = np.bincount(made.split, minlength=len(SPLITS)) / users.user_share
    sizes = {name: round(float(count)) for name, count in zip(SPLITS, counts, strict=True)}
    train, test = (made.select(made.split == SPLITS.index(name)) for name in (TRAIN, TEST))
    known = find_covered(train.history_start, train.future_stop, len(users.items))
    targets = users.items[gather(test.future_start, test.future_stop)[1]]
    return sizes, float(np.mean(~np.isin(targets, users.items[known]))) if len(targets) else 0.0


def _find_edges(users: UserEvents) -> tuple[datetime.datetime, datetime.datetime]:
    """Returns where nearly all events lie between: some logs begin or end with a few stray ones."""
    begin, end = (int(np.quantile(users.times, share)) for share in (_EDGE, 1 - _EDGE))
    return _to_datetime(begin), _to_datetime(end)


def _to_datetime(microseconds: int) -> datetime.datetime:
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)


def _round(moment: datetime.datetime, width: datetime.timedelta) -> datetime.datetime:
    """Returns the day before a time, or, where days are too coarse for a width, the hour."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if width >= _DAY else moment.replace(minute=0, second=0, microsecond=0)
