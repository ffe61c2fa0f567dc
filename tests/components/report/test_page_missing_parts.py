from typing import Any

import pytest

from tests.components.report.page_checks import check
from tests.components.report.report_json import make_report_json


def without(document: dict[str, Any], *path: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    del document[path[-1]]


def no_val(document: dict[str, Any]) -> None:
    document["data"]["table3"][1].update(sequences=0, events=0, mean_history=None, mean_future=None)
    document["training"].update(best_epoch=None, monitor=None)
    for epoch in document["training"]["epochs"]:
        for name in [name for name in epoch if name.startswith("val_")]:
            del epoch[name]


def no_metrics(document: dict[str, Any]) -> None:
    for model in document["evaluation"]["models"].values():
        model.update(metrics={}, unknown_share={})
    document["evaluation"]["differences"] = {}


def no_candidate_metric(document: dict[str, Any]) -> None:
    without(document, "evaluation", "models", "DSPnet", "metrics", "next_item/recall@10")
    for differences in document["evaluation"]["differences"].values():
        del differences["next_item/recall@10"]


def no_slice(document: dict[str, Any]) -> None:
    document["evaluation"]["slices"]["group=low"]["sequences"] = 0
    for model in document["evaluation"]["models"].values():
        for name in [name for name in model["metrics"] if name.endswith("group=low")]:
            del model["metrics"][name]


def no_data(document: dict[str, Any]) -> None:
    document["data"] |= {
        "density": None,
        "lengths": {"edges": [1, 2], "sequences": [0], "sampled": 0},
        "scene_shares": [],
        "switches": {"scenes": [], "share": [], "switching": 0.0},
        "balance": dict.fromkeys(document["data"]["balance"], 0) | {"reasons": {}},
    }


def no_p_values(document: dict[str, Any]) -> None:
    for difference in document["evaluation"]["differences"]["popularity"].values():
        difference["p_value"] = None


def no_number_in_an_epoch(document: dict[str, Any]) -> None:
    document["training"]["epochs"][3] |= {"loss": None, "seconds": None, "val_item_loss": None}
    for epoch in document["training"]["epochs"]:
        epoch["apr_loss"] = None


def no_high_group(document: dict[str, Any]) -> None:
    document["users"]["points"] = [point for point in document["users"]["points"] if point["group"] != "high"]


@pytest.mark.parametrize(
    ("change", "section", "said", "not_said"),
    [
        (no_val, "training", "train", "validation 0"),
        (
            lambda document: document["training"].update(epochs=[], best_epoch=None, monitor=None),
            "training",
            "trained elsewhere",
            "",
        ),
        (
            lambda document: document["training"].update(epochs=[], best_epoch=None, monitor=None, parameters=0),
            "training",
            "this method counts",
            "trained elsewhere",
        ),
        (
            lambda document: document["training"].update(epochs=document["training"]["epochs"][:1], best_epoch=1),
            "training",
            "1 epoch;",
            "",
        ),
        (
            lambda document: document["training"].update(best_epoch=99),
            "training",
            "12 epochs; the weights of epoch 99",
            "",
        ),
        (no_number_in_an_epoch, "training", "–", "L_APR by epoch"),
        (no_metrics, "verdict", "No key figure could be measured", ""),
        (no_metrics, "results", "No task could be measured", ""),
        (no_metrics, "slices", "No slice could be measured", ""),
        (no_candidate_metric, "verdict", "Next item, NDCG@10", "Next item, Recall@10"),
        (no_slice, "slices", "medium", "low"),
        (no_data, "data", "No train sequence was read", ""),
        (no_p_values, "results", "▲", ""),
        (no_high_group, "users", "medium", "high\n"),
        (lambda document: document["users"].update(points=[]), "users", "too few test users", ""),
        (lambda document: document.update(users=None), "users", "This method counts", "too few"),
        (lambda document: document.update(examples=[]), "examples", "no test user", ""),
        (
            lambda document: document["examples"][0].update(recommended=[], truth=[], history=[]),
            "examples",
            "Recommended",
            "",
        ),
        (
            lambda document: document["evaluation"]["verdict"].update(blessed=False, reasons=[]),
            "verdict",
            "Refused",
            "Blessed",
        ),
    ],
)
def test_what_is_missing_is_told_or_left_out(change: Any, section: str, said: str, not_said: str) -> None:
    document = make_report_json(points=5)
    change(document)
    text = check(document).by_id(section).text()
    assert said in text
    assert not not_said or not_said not in text


@pytest.mark.parametrize(
    ("models", "said", "not_said"),
    [
        (("DSPnet", "popularity", "own most frequent"), "popularity", "last blessed model"),
        (("DSPnet", "last blessed model"), "last blessed model", "popularity"),
        (("DSPnet",), "0.", "better"),
    ],
)
def test_models_that_there_are(models: tuple[str, ...], said: str, not_said: str) -> None:
    document = make_report_json(models=models, points=3)
    document["evaluation"]["verdict"]["reasons"] = []
    cards = "".join(card.text() for card in check(document).by_id("verdict").of_class("card"))
    assert said in cards and not_said not in cards


@pytest.mark.parametrize(("ks", "key", "largest"), [((20,), 20, 20), ((1,), 1, 1), ((5, 10, 50), 10, 50)])
def test_other_cutoffs(ks: tuple[int, ...], key: int, largest: int) -> None:
    page = check(make_report_json(ks=ks, points=3))
    assert page.by_id("verdict").of_class("card")[0].all("h3")[0].text() == f"Next item, Recall@{key}"
    assert page.by_id("slices").all("h4")[0].text() == f"Next item, Recall@{largest}"


def test_one_scene() -> None:
    document = make_report_json(scenes=("app",), points=3)
    document["data"]["switches"]["switching"] = 0.0
    (matrix,) = check(document).by_id("data").of_class("matrix")
    assert [cell.text() for cell in matrix.all("td")] == ["100.0%"]
