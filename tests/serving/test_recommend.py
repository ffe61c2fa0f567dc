import dataclasses
import functools
import json
import pathlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len

from schemas.errors import UserError
from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS
from schemas.served_model import ITEM_NAMES_FILE
from serving.history import parse_history, parse_items
from serving.recommend import UnusableModelError, find_version, recommend
from serving.recommendations import Question, Recommendations
from serving.saved_model import load_saved_model
from serving.table import format_table
from tests import served_model

HISTORY = (["item3", "item4"], ["scene1", "scene2"])
HISTORY_INPUTS = [HISTORY_ITEM_IDS, HISTORY_SCENE_IDS]


@pytest.mark.parametrize(
    ("text", "separator", "expected"),
    [
        ("milk:cart", ",", (["milk"], ["cart"])),
        ("milk:cart, urn:x:search", ",", (["milk", "urn:x"], ["cart", "search"])),
        ("milk,2%:cart;bread:cart", ";", (["milk,2%", "bread"], ["cart", "cart"])),
        ("牛乳:検索,brød:håndkøb", ",", (["牛乳", "brød"], ["検索", "håndkøb"])),
    ],
)
def test_parse_history(text: str, separator: str, expected: tuple[list[str], list[str]]) -> None:
    assert parse_history(text, separator) == expected


@pytest.mark.parametrize("text", ["", "milk", "milk:", ":cart", "milk:cart,"])
def test_incomplete_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"--history: event \d must be written item:scene"):
        parse_history(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    typed = b"br\xf8d".decode("utf-8", "surrogateescape")  # as Python hands on the command line
    with pytest.raises(ValueError, match="--history: expected text in UTF-8"):
        parse_history(f"{typed}:cart")
    with pytest.raises(ValueError, match="--exclude: expected text in UTF-8"):
        parse_items("--exclude", f"milk,{typed}")


def test_items_to_leave_out() -> None:
    assert parse_items("--only", "milk, urn:x") == ["milk", "urn:x"]
    assert parse_items("--only", "milk,2%;bread", ";") == ["milk,2%", "bread"]
    with pytest.raises(ValueError, match="--exclude: item 2 is empty"):
        parse_items("--exclude", "milk,,bread")
    with pytest.raises(ValueError, match="--separator: must not be empty"):
        parse_items("--exclude", "milk", "")


def test_latest_complete_version_is_taken(tmp_path: pathlib.Path) -> None:
    for version in ("9", "10", "old"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "saved_model.pb").touch()
    (tmp_path / "11").mkdir()  # still being copied
    assert find_version(str(tmp_path)) == str(tmp_path / "10")
    assert find_version(str(tmp_path / "9")) == str(tmp_path / "9")


def test_no_model(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="--model: no SavedModel"):
        find_version(str(tmp_path))


def test_table_lists_items_and_scenes() -> None:
    table = format_table(Recommendations(items=[("milk", 1.5), ("bread", 0.25)], scenes=[("cart", 2.0)]))
    assert table.splitlines() == [
        "    item    score   scene   score",
        "─────────────────────────────────",
        "1   milk    1.500   cart    2.000",
        "2   bread   0.250",
    ]


def test_table_with_more_scenes_than_items() -> None:
    table = format_table(Recommendations(items=[("milk", 1.5)], scenes=[("cart", 2.0), ("search", -12345.5)]))
    assert table.splitlines() == [
        "    item   score   scene         score",
        "──────────────────────────────────────",
        "1   milk   1.500   cart          2.000",
        "2                  search   -12345.500",
    ]


def test_table_stays_aligned_in_any_script() -> None:
    items = [("牛乳", 1.0), ("cafe\u0301", 1.0), ("milk\x1b[31m\n", 1.0), ("a\u202eb", 1.0), ("می\u200cروم", 1.0)]
    lines = format_table(Recommendations(items=items, scenes=[("søg", 1.0)] * 5)).splitlines()
    assert len(lines) == 7
    assert {cell_len(line) for line in lines} == {cell_len(lines[0])}
    assert r"milk\x1b[31m\n" in lines[4] and r"a\u202eb" in lines[5]


def test_an_id_of_any_length_is_shown_whole() -> None:
    raw_id = "x" * 5000
    assert raw_id in format_table(Recommendations(items=[(raw_id, 1.0)], scenes=[("cart", 2.0)]))


def test_table_with_names_and_notes() -> None:
    names = {"milk": "Milk, whole\x1b[2J", "tea": "not recommended"}
    answer = Recommendations([("milk", 1.5), ("bread", 0.25)], [("cart", 2.0)], names, ("Nothing is known.",))
    assert format_table(answer).splitlines() == [
        "    item    name                 score   scene   score",
        "──────────────────────────────────────────────────────",
        r"1   milk    Milk, whole\x1b[2J   1.500   cart    2.000",
        "2   bread                        0.250",
        "Nothing is known.",
    ]


def test_table_with_the_items_of_the_period() -> None:
    period = [("bread", 3.0), ("tea", 2.5)]
    answer = Recommendations([("milk", 1.5)], [("cart", 2.0)], {"tea": "Tea, green"}, period_items=period)
    assert format_table(answer).splitlines() == [
        "    item   name   score   item of the period   name         score   scene   score",
        "─────────────────────────────────────────────────────────────────────────────────",
        "1   milk          1.500   bread                             3.000   cart    2.000",
        "2                         tea                  Tea, green   2.500",
    ]
    nothing = dataclasses.replace(answer, items=[], scenes=[], period_items=[])
    assert len(format_table(nothing).splitlines()) == 2


@pytest.fixture(autouse=True, scope="module")
def loaded_once() -> Iterator[None]:
    """To load a model and to ask it for the first time takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serving.recommend.load_saved_model", functools.cache(load_saved_model))
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("model")
    served_model.export(served_model.build(), folder / "1")
    return folder


def test_answers_with_what_the_model_has(model: pathlib.Path) -> None:
    answer = recommend(str(model), Question(*HISTORY), top=1000)
    assert sorted(raw_id for raw_id, _ in answer.items) == sorted(f"item{number}" for number in range(12))
    assert [score for _, score in answer.items] == sorted((score for _, score in answer.items), reverse=True)
    assert len(answer.scenes) == 3 and not answer.item_names
    assert recommend(str(model), Question(*HISTORY), top=2).items == answer.items[:2]


def test_answers_with_the_items_of_the_period_on_demand(model: pathlib.Path) -> None:
    answer = recommend(str(model), Question(*HISTORY), top=1000)
    both = recommend(str(model), Question(*HISTORY, period=True), top=1000)
    assert answer.period_items is None and both.items == answer.items
    assert both.period_items != both.items and sorted(dict(both.period_items)) == sorted(dict(both.items))
    unseen = recommend(str(model), Question(*HISTORY, unseen=True, period=True), top=1000)
    assert [raw_id for raw_id, _ in unseen.period_items] == [
        raw_id for raw_id, _ in both.period_items if raw_id not in HISTORY[0]
    ]


@pytest.mark.parametrize(
    ("items", "scenes", "notes"),
    [
        (["item3"], ["scene1"], []),
        (
            ["new", "item3", "milk", "new"],
            ["scene1", "scene1", "kitchen", "scene1"],
            ["2 of 3 items .* Received: 'new', 'milk'$", "1 of 2 scenes .* Received: 'kitchen'$"],
        ),
        (["milk", "tea", "milk"], ["scene1"] * 3, ["None of the items .* unknown user.* Received: 'milk', 'tea'$"]),
        (["item3"], ["kitchen"], ["None of the scenes .* never seen.* Received: 'kitchen'$"]),
        (["milk"], ["kitchen"], ["None of the items", "None of the scenes"]),
    ],
)
def test_says_what_of_a_history_is_unknown(
    model: pathlib.Path, items: list[str], scenes: list[str], notes: list[str]
) -> None:
    answer = recommend(str(model), Question(items, scenes), top=3)
    assert len(answer.items) == 3 and len(answer.notes) == len(notes)
    assert all(re.match(expected, note) for expected, note in zip(notes, answer.notes, strict=True))


def test_names_of_items(model: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "1"
    shutil.copytree(model / "1", folder)
    table = pa.table({"id": ["item1", "item2", "other", "item3"], "name": ["Milk", None, "Other", "Bröd"]})
    pq.write_table(table, folder / ITEM_NAMES_FILE)
    answer = recommend(str(folder), Question(*HISTORY), top=1000)
    assert (answer.item_names, answer.notes) == ({"item1": "Milk", "item3": "Bröd"}, ())
    pq.write_table(pa.table({"id": [1, 3], "name": ["Milk", "Bröd"]}), folder / ITEM_NAMES_FILE)
    assert recommend(str(folder), Question(*HISTORY), top=1000).notes[0].startswith("The names of the items cannot be")
    (folder / ITEM_NAMES_FILE).write_bytes(b"half a file")
    answer = recommend(str(folder), Question(*HISTORY), top=1000)
    assert not answer.item_names and answer.notes[0].startswith("The names of the items cannot be read (")
    assert len(answer.items) == 12


def test_leaves_out_what_was_seen_or_excluded(model: pathlib.Path) -> None:
    unseen = recommend(str(model), Question(*HISTORY, unseen=True), top=1000)
    assert {f"item{number}" for number in range(12)} - {raw_id for raw_id, _ in unseen.items} == set(HISTORY[0])
    left = recommend(str(model), Question(*HISTORY, unseen=True, exclude=["item7", "never seen"]), top=1000)
    assert [raw_id for raw_id, _ in left.items] == [raw_id for raw_id, _ in unseen.items if raw_id != "item7"]


def test_ranks_these_alone(model: pathlib.Path) -> None:
    whole = recommend(str(model), Question(*HISTORY, period=True), top=1000)
    only = ["item9", "item1", "never seen", "item4", "never seen"]
    some = recommend(str(model), Question(*HISTORY, period=True, only=only), top=2)
    for ranked, of_all in ((some.items, whole.items), (some.period_items, whole.period_items)):
        assert [raw_id for raw_id, _ in ranked] == [raw_id for raw_id, _ in of_all if raw_id in only][:2]
    assert some.scenes == whole.scenes[:2]
    assert [note.partition(":")[0] for note in some.notes] == ["1 of 4 items cannot be ranked"]
    assert some.notes[0].endswith("Received: 'never seen'")


def test_an_answer_with_other_items_than_were_asked_for_is_none() -> None:
    outputs = {"item_ids": [["tea"]], "item_scores": [[1.0]], "scene_ids": [["cart"]], "scene_scores": [[1.0]]}
    with pytest.raises(ValueError, match="item_ids: expected items of the list alone. Received: 'tea'"):
        Recommendations.from_outputs(outputs, 10, Question(["milk"], ["cart"], only=["bread"]))


def test_a_model_without_the_signature(tmp_path: pathlib.Path) -> None:
    import tensorflow as tf

    class Echo(tf.Module):
        """Returns the history as recommendations, last event first."""

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None], tf.string, name="history_item_ids"),
                tf.TensorSpec([None, None], tf.string, name="history_scene_ids"),
            ]
        )
        def serve(self, history_item_ids, history_scene_ids):
            items, scenes = tf.reverse(history_item_ids, [1]), tf.reverse(history_scene_ids, [1])
            scores = tf.zeros(tf.shape(items))
            return {"item_ids": items, "item_scores": scores, "scene_ids": scenes, "scene_scores": scores}

    echo = Echo()
    tf.saved_model.save(echo, str(tmp_path / "1"), signatures={"serving_default": echo.serve})
    result = recommend(str(tmp_path), Question(["milk", "brød"], ["cart", "search"]), top=1)
    assert result == Recommendations(items=[("brød", 0.0)], scenes=[("search", 0.0)])
    with pytest.raises(UnusableModelError, match="no signature 'recommend_unseen'.*run the pipeline again"):
        recommend(str(tmp_path), Question(["milk"], ["cart"], unseen=True), top=1)


def test_a_model_that_needs_scann(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "retrieval.json").write_text(json.dumps({"method": "scann"}))
    (tmp_path / "saved_model.pb").touch()
    monkeypatch.setitem(sys.modules, "scann", None)
    with pytest.raises(UnusableModelError, match=r"finds items with ScaNN.*pip install \"dspnet\[scann\]\""):
        recommend(str(tmp_path), Question(["milk"], ["cart"]), top=1)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda folder: shutil.rmtree(folder / "variables"), "FileNotFoundError: .*variables"),
        (lambda folder: _cut(folder / "saved_model.pb"), "OSError: Cannot parse file"),
        (lambda folder: (folder / "saved_model.pb").write_bytes(b""), "RuntimeError: .*tags 'serve'"),
        (lambda folder: [_cut(path) for path in (folder / "variables").glob("*.data*")], "Read less bytes"),
        (lambda folder: [_cut(path) for path in (folder / "variables").glob("*.index")], "not an sstable"),
    ],
)
def test_a_broken_model(model: pathlib.Path, tmp_path: pathlib.Path, broken: Callable, said: str) -> None:
    folder = tmp_path / "1"
    shutil.copytree(model / "1", folder)
    broken(folder)
    with pytest.raises(
        UnusableModelError, match=rf"--model: {folder} cannot be loaded \(.*{said}.*copy it again"
    ) as error:
        recommend(str(tmp_path), Question(*HISTORY), top=1)
    assert "\n" not in str(error.value)


def _cut(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("names", "dtype", "outputs", "said"),
    [
        (["x"], "string", {"y": 0.0}, "missing required arguments: x"),
        (HISTORY_INPUTS, "int64", {"y": 0.0}, "expected to be a int64 tensor but is a string tensor"),
        (HISTORY_INPUTS, "string", {"y": 0.0}, "item_ids: expected one row. Received: None"),
        (HISTORY_INPUTS, "string", {"item_ids": ["rank 1"]}, ""),
        (HISTORY_INPUTS, "string", {"item_ids": [[b"\xff"]]}, "'utf-8' codec can't decode"),
    ],
)
def test_a_foreign_model(tmp_path: pathlib.Path, names: list[str], dtype: str, outputs: dict, said: str) -> None:
    import tensorflow as tf

    specs = {name: tf.TensorSpec([None, None], dtype, name) for name in names}
    serve = tf.function(lambda **_: {name: tf.constant(value) for name, value in outputs.items()})
    foreign = tf.Module()
    tf.saved_model.save(foreign, str(tmp_path / "1"), {"serving_default": serve.get_concrete_function(**specs)})
    expected = rf"--model: {tmp_path / '1'} did not answer with recommendations \(.*{said}.*a model of this project"
    with pytest.raises(UnusableModelError, match=expected) as error:
        recommend(str(tmp_path), Question(*HISTORY), top=1)
    assert "\n" not in str(error.value)
