import copy
from typing import Any

from experiments.benchmark.rows import group_runs
from experiments.benchmark.settings import SearchedKey, SettingValue, compare_settings, summarise_search
from experiments.runs.result import RunResult
from tests.experiments.benchmark.made_up import CONFIG, result

RATE = "training.learning_rate"


def changed(label: str, seed: int = 7, **values: Any) -> RunResult:
    """Returns a result whose configuration has other values, by key with an underscore for the dot."""
    config = copy.deepcopy(dict(CONFIG))
    for key, value in values.items():
        section, _, name = key.partition("_")
        config[section][name] = value
    return result(label, seed, config=config)


def search(results: list[RunResult], space: dict[str, Any]) -> dict[str, tuple[SearchedKey, ...]]:
    found = summarise_search(group_runs(results), space, 9)
    assert found.trials == 9
    return {method.method: method.keys for method in found.methods}


def test_what_was_searched_and_chosen() -> None:
    results = [result(label, seed, tuned={RATE: 0.002}) for label in ("DSPnet", "w/o CCR") for seed in (7, 8)]
    results += [result("SASRec"), result("popularity")]
    space = {"dspnet": {RATE: [0.001, 0.002]}, "sasrec": {RATE: [0.5]}, "carca": {RATE: [0.1]}}
    found = search(results, space)
    assert found == {
        "sasrec": (SearchedKey(RATE, "0.5", None),),
        "dspnet": (SearchedKey(RATE, "0.001, 0.002", "0.002"),),
    }, "CARCA was not asked for"


def test_what_was_chosen_differently_says_by_whom() -> None:
    results = [result("SASRec", seed, target="next", tuned={RATE: 0.1 * seed}) for seed in (7, 8)]
    results += [result("SASRec", 7, target="period", tuned={RATE: 0.8, "model.dropout": 0.5})]
    (rate, dropout) = search(results, {})["sasrec"]
    assert rate.chosen == "0.7 (SASRec (next) seed 7); 0.8 (SASRec (next) seed 8, SASRec (period))"
    assert dropout == SearchedKey("model.dropout", None, "0.5")


def test_shared_and_differing_settings() -> None:
    results = [changed("DSPnet"), changed("DSPnet", 8), changed("SASRec", model_item_dim=32)]
    results.append(changed("w/o CCR", training_contrastive={"weight": 0.0}))
    found = compare_settings(group_runs(results))
    assert found.shared["windows.max_history"] == "20" and "name" not in found.shared
    assert {setting.key: setting.values for setting in found.differing} == {
        "model.item_dim": (SettingValue("32", ("SASRec",)), SettingValue("64", ("w/o CCR", "DSPnet"))),
        "training.contrastive.weight": (
            SettingValue("0.0001", ("SASRec", "DSPnet")),
            SettingValue("0", ("w/o CCR",)),
        ),
    }
    assert found.unfair == ("model.item_dim",)


def test_seed_target_and_method_are_no_difference() -> None:
    rows = group_runs([result(label, seed) for label in ("DSPnet", "SASRec", "popularity") for seed in (7, 8)])
    found = compare_settings(rows)
    assert found.differing == found.unfair == ()
