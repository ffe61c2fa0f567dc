import pathlib

import pytest

from serving.history import parse_history
from serving.recommend import Recommendations, find_version, format_table, recommend


@pytest.mark.parametrize(
    ("text", "separator", "expected"),
    [
        ("milk:cart", ",", (["milk"], ["cart"])),
        ("milk:cart, urn:x:search", ",", (["milk", "urn:x"], ["cart", "search"])),
        ("milk,2%:cart;bread:cart", ";", (["milk,2%", "bread"], ["cart", "cart"])),
    ],
)
def test_parse_history(text: str, separator: str, expected: tuple[list[str], list[str]]) -> None:
    assert parse_history(text, separator) == expected


@pytest.mark.parametrize("text", ["", "milk", "milk:", ":cart", "milk:cart,"])
def test_incomplete_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"--history: event \d must be written item:scene"):
        parse_history(text)


def test_latest_complete_version_is_taken(tmp_path: pathlib.Path) -> None:
    for version in ("9", "10", "old"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "saved_model.pb").touch()
    (tmp_path / "11").mkdir()  # still being copied
    assert find_version(str(tmp_path)) == str(tmp_path / "10")
    assert find_version(str(tmp_path / "9")) == str(tmp_path / "9")


def test_no_model(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match="--model: no SavedModel"):
        find_version(str(tmp_path))


def test_table_lists_items_and_scenes() -> None:
    table = format_table(Recommendations(items=[("milk", 1.5), ("bread", 0.25)], scenes=[("cart", 2.0)]))
    assert table.splitlines() == [
        "      item      score   scene     score",
        "   1  milk      1.500   cart      2.000",
        "   2  bread     0.250",
    ]


def test_asks_the_served_signature(tmp_path: pathlib.Path) -> None:
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
    result = recommend(str(tmp_path), ["milk", "brød"], ["cart", "search"], top=1)
    assert result == Recommendations(items=[("brød", 0.0)], scenes=[("search", 0.0)])
