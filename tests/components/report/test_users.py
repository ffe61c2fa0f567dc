import dataclasses
import hashlib

import pyarrow as pa
import pytest

from components.report.users import choose_users, read_users, take_in_turn
from schemas.identity import fingerprints
from tests.sequence_data import Sequence, write_examples

NOBODY = "f" * 32


def table(*rows: tuple[str, str | None]) -> pa.Table:
    users, groups = zip(*rows, strict=True)
    return pa.table({"user_id": pa.array(users, pa.string()), "group": pa.array(groups, pa.string())})


def test_chooses_the_same_few_of_each_group_whatever_the_order() -> None:
    users = [hashlib.sha256(b"%d" % number).hexdigest()[:32] for number in range(90)]
    rows = [(user, ("low", "high")[place % 3 == 0]) for place, user in enumerate(users)]
    chosen = choose_users(table(*rows), most=20)
    assert chosen == choose_users(table(*reversed(rows)), most=20)
    by_group = {group: [user for user, its in rows if its == group] for group in ("low", "high")}
    assert list(chosen.items()) == [(user, group) for group in by_group for user in sorted(by_group[group])[:20]]


def test_a_group_without_users_and_a_user_of_two_sequences() -> None:
    assert choose_users(table(("b", "medium"), ("a", "low"), ("b", "high"))) == {"a": "low", "b": "medium"}


@pytest.fixture
def pattern(tmp_path) -> str:
    first = Sequence([("i1", "s1"), ("i2", "s2")], [("i3", "s1")])
    second = Sequence([("i4", "s2")], [("i1", "s1"), ("i1", "s2"), ("i9", "s9")])
    # Users of `write_examples` are numbered within a file: both files hold the user 0.
    write_examples(tmp_path / "data-0.gz", [first, second])
    write_examples(tmp_path / "data-1.gz", [second])
    return str(tmp_path / "*.gz")


@pytest.mark.parametrize("batch_size", [1, 2, 4096])
def test_reads_the_first_sequence_of_the_wanted(pattern, batch_size, monkeypatch) -> None:
    monkeypatch.setattr("components.report.users.BATCH_SIZE", batch_size)
    users = read_users(pattern, {f"{1:032x}": "high", f"{0:032x}": "low"})
    assert [(user.user, user.group) for user in users] == [(f"{1:032x}", "high"), (f"{0:032x}", "low")]
    two, one = users
    assert one.history_items.tolist() == fingerprints(["i1", "i2"]).tolist()
    assert one.future_scenes.tolist() == fingerprints(["s1"]).tolist()
    assert two.history_scenes.tolist() == fingerprints(["s2"]).tolist()
    assert two.future_items.tolist() == fingerprints(["i1", "i1", "i9"]).tolist()


def test_reads_past_those_who_are_not_wanted(pattern, monkeypatch) -> None:
    monkeypatch.setattr("components.report.users.BATCH_SIZE", 1)
    assert [user.user for user in read_users(pattern, {f"{1:032x}": "low"})] == [f"{1:032x}"]


def test_users_of_another_run_are_refused(pattern) -> None:
    with pytest.raises(ValueError, match=f"no sequence of 1 of the 2 users to show, such as {NOBODY}.*one run"):
        read_users(pattern, {f"{1:032x}": "low", NOBODY: "low"})


def test_examples_come_from_each_group_in_turn(pattern) -> None:
    (user,) = read_users(pattern, {f"{1:032x}": "low"})
    users = [dataclasses.replace(user, user=f"{group}{n}", group=group) for group in ("low", "high") for n in range(3)]
    assert [one.user for one in take_in_turn(users, 4)] == ["low0", "high0", "low1", "high1"]
    assert [one.user for one in take_in_turn(users[:4], 10)] == ["low0", "high0", "low1", "low2"]
    assert not list(take_in_turn([], 10))
