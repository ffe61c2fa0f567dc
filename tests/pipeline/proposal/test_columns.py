import random

import pytest

from pipeline.proposal.columns import assign_roles
from schemas.errors import UserError

ROWS = 400
RNG = random.Random(0)
USERS = [f"u{RNG.randrange(60)}" for _ in range(ROWS)]
ITEMS = [f"i{RNG.randrange(40)}" for _ in range(ROWS)]
TIMES = [str(1_700_000_000 + row * 60) for row in range(ROWS)]


def draw(*values: str) -> list[str]:
    return [RNG.choice(values) for _ in range(ROWS)]


def test_names_decide_whatever_the_order() -> None:
    columns = {
        "price": draw("1.5", "2.25"),
        "Created_At": TIMES,
        "sku": ITEMS,
        "Channel": draw("a", "b"),
        "CustomerID": USERS,
    }
    roles = assign_roles(columns, (), has_names=True)
    assert (roles.user, roles.item, roles.scene, roles.time) == ("CustomerID", "sku", "Channel", "Created_At")
    assert roles.notes == ()


def test_places_decide_where_nothing_has_a_name() -> None:
    columns = {"column_1": USERS, "column_2": ITEMS, "column_3": draw("1", "2", "3", "4", "5"), "column_4": TIMES}
    roles = assign_roles(columns, (), has_names=False)
    assert (roles.user, roles.item, roles.scene, roles.time) == ("column_1", "column_2", None, "column_4")
    assert [(keep.column, keep.is_rating) for keep in roles.keep] == [("column_3", True)]
    assert len(roles.notes) == 2 and "taken for the user" in roles.notes[0]


def test_event_types_are_offered_and_are_no_scene() -> None:
    columns = {"user": USERS, "item": ITEMS, "what": draw("view", "view", "view", "addtocart", "buy"), "ts": TIMES}
    roles = assign_roles(columns, (), has_names=True)
    (keep,) = roles.keep
    assert keep.column == "what" and keep.values[0] == "view" and roles.scene is None


def test_a_column_of_few_values_that_changes_within_users_is_the_scene() -> None:
    columns = {"user": USERS, "item": ITEMS, "where": draw("home", "search"), "ts": TIMES}
    roles = assign_roles(columns, (), has_names=True)
    assert roles.scene == "where" and "taken for the scene" in roles.notes[0]


def test_a_property_of_the_item_or_of_the_user_is_no_scene() -> None:
    columns = {
        "user": USERS,
        "item": ITEMS,
        "country": [str(len(user)) for user in USERS],
        "genre": [item[-1] for item in ITEMS],
        "ts": TIMES,
    }
    roles = assign_roles(columns, (), has_names=True)
    assert roles.scene is None and roles.other_scenes == ()


def test_several_candidates_are_left_to_a_person() -> None:
    columns = {"user": USERS, "item": ITEMS, "a": draw("x", "y"), "b": draw("p", "q"), "ts": TIMES}
    roles = assign_roles(columns, (), has_names=True)
    assert roles.scene is None and roles.other_scenes == ("a", "b")


def test_a_typed_time_needs_no_format() -> None:
    columns = {"user": USERS, "item": ITEMS, "when": ["2024-01-01"] * ROWS}
    roles = assign_roles(columns, ("when",), has_names=True)
    assert roles.time == "when" and roles.time_format is None


def test_a_clock_that_begins_with_the_user_is_said_to_be_one() -> None:
    columns = {"user": USERS, "item": ITEMS, "time": [str(row) for row in range(ROWS)]}
    roles = assign_roles(columns, (), has_names=True)
    assert (roles.time, str(roles.time_format)) == ("time", "unix_s") and "seconds of a clock" in roles.notes[0]


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ({"user": USERS, "item": ITEMS}, "No column holds times"),
        ({"user": USERS, "price": draw("1.5", "2.25"), "ts": TIMES}, "hold the item"),
    ],
)
def test_what_is_missing_is_named_with_the_columns_there_are(columns: dict[str, list[str]], missing: str) -> None:
    with pytest.raises(UserError, match=f"{missing}.*{', '.join(columns)}"):
        assign_roles(columns, (), has_names=True)


def test_times_in_an_unknown_pattern_are_answered_with_the_key_for_patterns() -> None:
    with pytest.raises(UserError, match="source.time_pattern"):
        assign_roles({"user": USERS, "item": ITEMS, "when": draw("1h06 on June 3", "2h07 on June 4")}, (), True)


def test_a_name_decides_even_where_one_value_is_most_frequent() -> None:
    columns = {"user_id": ["ann"] * ROWS, "item": ITEMS, "ts": TIMES}
    assert assign_roles(columns, (), has_names=True).user == "user_id"
    # A column that tells users apart goes before one that hardly does, and one without a value is none.
    assert assign_roles({**columns, "visitor_id": USERS}, (), has_names=True).user == "visitor_id"
    assert assign_roles({**columns, "user_id": [""] * ROWS, "who": USERS}, (), has_names=True).user == "who"


def test_ids_that_look_like_times_are_ids() -> None:
    ids = [str(1_600_000_000 + RNG.randrange(50)) for _ in range(ROWS)]
    named = assign_roles({"user": USERS, "item_id": ids, "ts": TIMES}, (), has_names=True)
    assert (named.item, named.time, named.notes) == ("item_id", "ts", ())
    dates = ["2024-07-01 12:00"] * ROWS
    nameless = assign_roles({"column_1": USERS, "column_2": ids, "column_3": dates}, (), has_names=False)
    assert (nameless.item, nameless.time) == ("column_2", "column_3")
