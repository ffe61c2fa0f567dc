from typing import Any

import pytest

from tests.components.report.page_checks import check
from tests.components.report.report_facts import report_facts


def without(facts: dict[str, Any], *path: Any) -> None:
    for key in path[:-1]:
        facts = facts[key]
    del facts[path[-1]]


def no_val(facts: dict[str, Any]) -> None:
    facts["data"]["table3"][1].update(sequences=0, events=0, mean_history=None, mean_future=None)
    facts["training"].update(best_epoch=None, monitor=None)
    for epoch in facts["training"]["epochs"]:
        for name in [name for name in epoch if name.startswith("val_")]:
            del epoch[name]


def no_metrics(facts: dict[str, Any]) -> None:
    for model in facts["evaluation"]["models"].values():
        model.update(metrics={}, unknown_share={})
    facts["evaluation"]["differences"] = {}


def no_candidate_metric(facts: dict[str, Any]) -> None:
    without(facts, "evaluation", "models", "DSPnet", "metrics", "next_item/recall@10")
    for differences in facts["evaluation"]["differences"].values():
        del differences["next_item/recall@10"]


def no_slice(facts: dict[str, Any]) -> None:
    facts["evaluation"]["slices"]["group=low"]["sequences"] = 0
    for model in facts["evaluation"]["models"].values():
        for name in [name for name in model["metrics"] if name.endswith("group=low")]:
            del model["metrics"][name]


def no_data(facts: dict[str, Any]) -> None:
    facts["data"] |= {
        "density": None,
        "lengths": {"edges": [1, 2], "sequences": [0], "sampled": 0},
        "scene_shares": [],
        "switches": {"scenes": [], "share": [], "switching": 0.0},
        "balance": dict.fromkeys(facts["data"]["balance"], 0) | {"reasons": {}},
    }


def no_p_values(facts: dict[str, Any]) -> None:
    for difference in facts["evaluation"]["differences"]["popularity"].values():
        difference["p_value"] = None


def no_number_in_an_epoch(facts: dict[str, Any]) -> None:
    facts["training"]["epochs"][3] |= {"loss": None, "seconds": None, "val_item_loss": None}
    for epoch in facts["training"]["epochs"]:
        epoch["apr_loss"] = None


def no_high_group(facts: dict[str, Any]) -> None:
    facts["users"]["points"] = [point for point in facts["users"]["points"] if point["group"] != "high"]


@pytest.mark.parametrize(
    ("change", "section", "said", "not_said"),
    [
        (no_val, "training", "train", "validation 0"),
        (
            lambda facts: facts["training"].update(epochs=[], best_epoch=None, monitor=None),
            "training",
            "trained elsewhere",
            "",
        ),
        (
            lambda facts: facts["training"].update(epochs=[], best_epoch=None, monitor=None, parameters=0),
            "training",
            "this method counts",
            "trained elsewhere",
        ),
        (
            lambda facts: facts["training"].update(epochs=facts["training"]["epochs"][:1], best_epoch=1),
            "training",
            "1 epoch;",
            "",
        ),
        (lambda facts: facts["training"].update(best_epoch=99), "training", "12 epochs; the weights of epoch 99", ""),
        (no_number_in_an_epoch, "training", "–", "L_APR by epoch"),
        (no_metrics, "verdict", "No key figure could be measured", ""),
        (no_metrics, "results", "No task could be measured", ""),
        (no_metrics, "slices", "No slice could be measured", ""),
        (no_candidate_metric, "verdict", "Next item, NDCG@10", "Next item, Recall@10"),
        (no_slice, "slices", "medium", "low"),
        (no_data, "data", "No train sequence was read", ""),
        (no_p_values, "results", "▲", ""),
        (no_high_group, "users", "medium", "high\n"),
        (lambda facts: facts["users"].update(points=[]), "users", "too few test users", ""),
        (lambda facts: facts.update(users=None), "users", "This method counts", "too few"),
        (lambda facts: facts.update(examples=[]), "examples", "no test user", ""),
        (
            lambda facts: facts["examples"][0].update(recommended=[], truth=[], history=[]),
            "examples",
            "Recommended",
            "",
        ),
        (
            lambda facts: facts["evaluation"]["verdict"].update(blessed=False, reasons=[]),
            "verdict",
            "Refused",
            "Blessed",
        ),
    ],
)
def test_what_is_missing_is_told_or_left_out(change: Any, section: str, said: str, not_said: str) -> None:
    facts = report_facts(points=5)
    change(facts)
    text = check(facts).by_id(section).text()
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
    facts = report_facts(models=models, points=3)
    facts["evaluation"]["verdict"]["reasons"] = []
    cards = "".join(card.text() for card in check(facts).by_id("verdict").of_class("card"))
    assert said in cards and not_said not in cards


@pytest.mark.parametrize(("ks", "key", "largest"), [((20,), 20, 20), ((1,), 1, 1), ((5, 10, 50), 10, 50)])
def test_other_cutoffs(ks: tuple[int, ...], key: int, largest: int) -> None:
    page = check(report_facts(ks=ks, points=3))
    assert page.by_id("verdict").of_class("card")[0].all("h3")[0].text() == f"Next item, Recall@{key}"
    assert page.by_id("slices").all("h4")[0].text() == f"Next item, Recall@{largest}"


def test_one_scene() -> None:
    facts = report_facts(scenes=("app",), points=3)
    facts["data"]["switches"]["switching"] = 0.0
    (matrix,) = check(facts).by_id("data").of_class("matrix")
    assert [cell.text() for cell in matrix.all("td")] == ["100.0%"]
