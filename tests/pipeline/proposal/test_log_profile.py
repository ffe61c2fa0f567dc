import collections
import pathlib
import random

import numpy as np
import pytest

from components.sequence_example_gen.config import SourceConfig
from pipeline.proposal import log_profile as module
from pipeline.proposal.log_profile import LogProfile, profile_log

USERS, ITEMS, ROWS = 200, 30, 4_000


def write_log(folder: pathlib.Path, files: int = 1) -> list[tuple[str, str, str, int]]:
    rng = random.Random(0)
    rows = [
        (
            f"u{rng.randrange(USERS)}",
            f"i{rng.randrange(ITEMS)}",
            f"s{rng.randrange(3)}",
            1_000_000 + rng.randrange(5_000),
        )
        for _ in range(ROWS)
    ]
    for place in range(files):
        lines = [",".join(map(str, row)) for row in rows[place::files]]
        (folder / f"{place}.csv").write_text("user_id,item_id,scene_id,timestamp\n" + "\n".join(lines) + "\n")
    return rows


def profile(folder: pathlib.Path) -> LogProfile:
    found = profile_log(SourceConfig(path=str(folder)))
    assert found is not None
    return found


def test_everything_is_counted(tmp_path: pathlib.Path) -> None:
    rows = write_log(tmp_path, files=3)
    (tmp_path / "bad.csv").write_text("user_id,item_id,scene_id,timestamp\n,i,s,5\nu,i,s,soon\n")
    found = profile(tmp_path)
    assert (found.rows, found.events) == (ROWS + 2, ROWS)
    assert [reason for reason, _ in found.rejected] == ["missing_field", "bad_timestamp"]
    assert (found.number_of_users, found.items, found.scenes) == (USERS, ITEMS, 3)
    times = [row[3] for row in rows]
    assert (found.first_time, found.last_time) == (min(times) * 10**6, max(times) * 10**6)
    pairs = collections.Counter((user, item) for user, item, _, _ in rows)
    assert found.users.repeat_share == pytest.approx(sum(n - 1 for n in pairs.values()) / ROWS)
    moments = collections.Counter((user, time) for user, _, _, time in rows)
    assert found.users.tie_share == pytest.approx(sum(n for n in moments.values() if n > 1) / ROWS)
    events = collections.Counter(user for user, *_ in rows)
    assert sorted(found.users.events_per_user.tolist()) == sorted(events.values())
    assert found.read_share == found.users.user_share == 1


def test_of_many_events_a_sample_of_the_users_is_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = write_log(tmp_path)
    whole = profile(tmp_path)
    monkeypatch.setattr(module, "MOST_HELD_EVENTS", ROWS // 3)
    part = profile(tmp_path)
    assert part.users.user_share <= 0.5 and len(part.users.times) <= ROWS // 3
    assert (part.rows, part.items, part.first_time, part.last_time) == (
        whole.rows, whole.items, whole.first_time, whole.last_time,
    )  # fmt: skip
    assert part.number_of_users == pytest.approx(USERS, rel=0.3)
    # Whoever is kept is kept with all events.
    events = collections.Counter(user for user, *_ in rows)
    assert set(part.users.events_per_user.tolist()) <= set(events.values())
    assert len(part.users.times) == part.users.events_per_user.sum()


def test_of_many_rows_files_all_over_the_log_are_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log(tmp_path, files=8)
    monkeypatch.setattr(module, "MOST_ROWS", ROWS // 2)
    found = profile(tmp_path)
    assert ROWS // 2 <= found.rows < ROWS // 2 + 2 * ROWS // 8
    assert 0 < found.read_share <= 0.5


def test_nothing_but_bad_rows(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bad.csv").write_text("user_id,item_id,scene_id,timestamp\nu,i,s,soon\n")
    assert profile_log(SourceConfig(path=str(tmp_path))) is None


def test_users_are_sorted_with_rising_times(tmp_path: pathlib.Path) -> None:
    write_log(tmp_path)
    users = profile(tmp_path).users
    changes = users.users[1:] != users.users[:-1]
    assert np.all(changes | (users.times[1:] >= users.times[:-1])) and len(users.bounds) == USERS + 1
