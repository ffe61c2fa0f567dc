import copy
from typing import Any

from experiments.benchmark.rows import row_names, rows_of
from experiments.benchmark.settings import search_facts, settings_facts
from tests.experiments.benchmark.made_up import CONFIG, result

RATE = "training.learning_rate"


def changed(label: str, seed: int = 7, **values: Any) -> dict[str, Any]:
    """Returns a result whose configuration has other values, by key with an underscore for the dot."""
    config = copy.deepcopy(dict(CONFIG))
    for key, value in values.items():
        section, _, name = key.partition("_")
        config[section][name] = value
    return result(label, seed, config=config)


def search(results: list[dict[str, Any]], space: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    rows = rows_of(results)
    found = search_facts(rows, row_names(rows), space, 9)
    assert found["trials"] == 9
    return {method["method"]: method["keys"] for method in found["methods"]}


def test_what_was_searched_and_chosen() -> None:
    results = [result(label, seed, tuned={RATE: 0.002}) for label in ("DSPnet", "w/o CCR") for seed in (7, 8)]
    results += [result("SASRec"), result("popularity")]
    space = {"dspnet": {RATE: [0.001, 0.002]}, "sasrec": {RATE: [0.5]}, "carca": {RATE: [0.1]}}
    found = search(results, space)
    assert found == {
        "sasrec": [{"key": RATE, "range": "0.5", "chosen": None}],
        "dspnet": [{"key": RATE, "range": "0.001, 0.002", "chosen": "0.002"}],
    }, "CARCA was not asked for"


def test_what_was_chosen_differently_says_by_whom() -> None:
    results = [result("SASRec", seed, target="next", tuned={RATE: 0.1 * seed}) for seed in (7, 8)]
    results += [result("SASRec", 7, target="period", tuned={RATE: 0.8, "model.dropout": 0.5})]
    (rate, dropout) = search(results, {})["sasrec"]
    assert rate["chosen"] == "0.7 (SASRec (next) seed 7); 0.8 (SASRec (next) seed 8, SASRec (period))"
    assert dropout == {"key": "model.dropout", "range": None, "chosen": "0.5"}


def test_shared_and_differing_settings() -> None:
    results = [changed("DSPnet"), changed("DSPnet", 8), changed("SASRec", model_item_dim=32)]
    results.append(changed("w/o CCR", training_contrastive={"weight": 0.0}))
    rows = rows_of(results)
    facts = settings_facts(rows, row_names(rows))
    assert facts["shared"]["windows.max_history"] == "20" and "name" not in facts["shared"]
    assert {of_key["key"]: of_key["values"] for of_key in facts["differing"]} == {
        "model.item_dim": [
            {"value": "32", "rows": ["SASRec"]},
            {"value": "64", "rows": ["w/o CCR", "DSPnet"]},
        ],
        "training.contrastive.weight": [
            {"value": "0.0001", "rows": ["SASRec", "DSPnet"]},
            {"value": "0", "rows": ["w/o CCR"]},
        ],
    }
    assert facts["unfair"] == ["model.item_dim"]


def test_seed_target_and_method_are_no_difference() -> None:
    rows = rows_of([result(label, seed) for label in ("DSPnet", "SASRec", "popularity") for seed in (7, 8)])
    facts = settings_facts(rows, row_names(rows))
    assert facts["differing"] == facts["unfair"] == []
