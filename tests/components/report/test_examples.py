import dataclasses
import json
from typing import Any

import numpy as np

from components.report.users import ShownUser, make_examples
from schemas.identity import fingerprints


def user(history: list[str], future: list[str], scene: str = "cart") -> ShownUser:
    items = [np.array(fingerprints(ids)) for ids in (history, future)]
    scenes = [np.array(fingerprints([scene] * len(ids)), np.int64) for ids in (history, future)]
    times = np.arange(len(items[0])), np.array([len(items[0])])
    return ShownUser("a1b2", "low", items[0].astype(np.int64), scenes[0], items[1], scenes[1], *times)


def names_of(*raw_ids: str) -> dict[int, str]:
    return dict(zip(fingerprints(raw_ids).tolist(), raw_ids, strict=True))


def as_json(*arguments: Any) -> list[dict[str, Any]]:
    return json.loads(json.dumps([dataclasses.asdict(example) for example in make_examples(*arguments)]))


def test_hits_are_marked_on_both_sides() -> None:
    ranked = [("milk", 3.0), ("tea", 2.0), ("ale", 1.0)]
    ids = names_of("milk", "tea", "ale", "egg", "new")
    (found,) = as_json([user(["egg"], ["tea", "new", "tea"])], [ranked], ids, names_of("cart"), {"tea": "Tea!"})
    assert found == {
        "user": "a1b2",
        "group": "low",
        "history": [{"item": "egg", "name": None, "scene": "cart"}],
        "history_length": 1,
        "recommended": [
            {"item": "milk", "name": None, "score": 3.0, "hit": False},
            {"item": "tea", "name": "Tea!", "score": 2.0, "hit": True},
            {"item": "ale", "name": None, "score": 1.0, "hit": False},
        ],
        "truth": [
            {"item": "tea", "name": "Tea!", "scene": "cart", "hit": True},
            {"item": "new", "name": None, "scene": "cart", "hit": False},
            {"item": "tea", "name": "Tea!", "scene": "cart", "hit": True},
        ],
        "future_length": 3,
    }


def test_the_last_of_the_history_and_the_first_of_the_future_are_shown() -> None:
    history, future = [f"h{n}" for n in range(12)], [f"f{n}" for n in range(13)]
    ids = names_of(*history[2:], *future[:10])
    (found,) = as_json([user(history, future)], [[("f12", 1.0)]], ids, names_of("cart"), {})
    assert [event["item"] for event in found["history"]] == history[2:] and found["history_length"] == 12
    assert [event["item"] for event in found["truth"]] == future[:10] and found["future_length"] == 13
    # What is right is right, even where the truth is not shown to its end.
    assert found["recommended"][0]["hit"] and not any(event["hit"] for event in found["truth"])


def test_a_history_without_events() -> None:
    (found,) = as_json([user([], ["tea"])], [[("tea", 1.0)]], names_of("tea"), names_of("cart"), {})
    assert (found["history"], found["history_length"]) == ([], 0)
