import numpy as np

from pipeline.proposal.log_profile import UserEvents
from pipeline.proposal.split_plan import FEWEST_BY_TIME, plan_split

DAY = 86_400 * 1_000_000
START = 19_000 * DAY


def make_events(users: int, events: int, span_days: float, visit_days: float, share: float = 1.0) -> UserEvents:
    """Makes users who come at some time of the span and stay for a visit."""
    rng = np.random.default_rng(0)
    begin = rng.uniform(0, max(span_days - visit_days, 0), users)
    times = np.sort(START + ((begin[:, None] + rng.uniform(0, visit_days, (users, events))) * DAY).astype(np.int64))
    ids = np.sort(rng.integers(0, 2**64, users, dtype=np.uint64))
    items = rng.integers(0, 50, (users, events))
    return UserEvents(np.repeat(ids, events), items.ravel(), times.ravel(), share)


def test_a_long_log_is_split_by_time() -> None:
    users = make_events(3000, 30, 180, 180)
    plan = plan_split(users)
    assert plan.by == "time" and len(plan.cutoffs) >= 3
    assert all(plan.sizes[split] >= fewest for split, fewest in FEWEST_BY_TIME.items())
    steps = {later - earlier for earlier, later in zip(plan.cutoffs, plan.cutoffs[1:], strict=False)}
    assert [step.days for step in steps] == [plan.future_days]
    # The last future is inside the log.
    first, last = (np.datetime64(int(time), "us") for time in (users.times.min(), users.times.max()))
    assert first < plan.cutoffs[0] and plan.cutoffs[-1] + steps.pop() <= last + np.timedelta64(1, "D")
    assert all(cutoff.hour == 0 for cutoff in plan.cutoffs)


def test_a_log_of_two_days_is_cut_by_hours() -> None:
    plan = plan_split(make_events(3000, 30, 2, 2))
    assert plan.by == "time" and plan.future_days is None
    assert plan.cutoffs[1] - plan.cutoffs[0] == plan.cutoffs[-1] - plan.cutoffs[-2]


def test_few_users_over_a_cutoff_are_split_by_user() -> None:
    plan = plan_split(make_events(900, 4, 20, 10))
    assert plan.by in ("time", "user") and sum(plan.sizes.values()) >= 300


def test_visits_that_are_short_beside_the_log_have_no_common_clock() -> None:
    plan = plan_split(make_events(200, 6, 300, 0.05))
    assert plan.by == "last" and plan.cutoffs == ()
    assert plan.sizes["test"] == plan.sizes["val"] == 200


def test_clocks_that_begin_with_the_user_are_no_dates() -> None:
    users = make_events(3000, 30, 180, 180)
    own = UserEvents(users.users, users.items, users.times - START, 1.0)
    assert plan_split(own).by == "last"


def test_sizes_are_those_of_all_users_where_a_sample_was_kept() -> None:
    half, all_users = (plan_split(make_events(3000, 30, 180, 180, share)) for share in (0.5, 1.0))
    assert half.cutoffs and half.sizes["train"] > 1.5 * all_users.sizes["train"] or half.cutoffs != all_users.cutoffs


def test_a_log_whose_items_are_new_every_day_is_split_by_user() -> None:
    users = make_events(3000, 30, 180, 180)
    days = (users.times - START) // DAY
    news = UserEvents(users.users, days * 1000 + users.items, users.times, 1.0)
    plan = plan_split(news)
    assert plan.by == "user" and len(plan.cutoffs) == 1 and "items that are new by then" in plan.reason
    assert plan_split(users).outside == 0.0
