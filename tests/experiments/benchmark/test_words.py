import pathlib
from typing import Any

from experiments.benchmark.rows import row_names, rows_of
from experiments.benchmark.significance import against_best_baseline
from experiments.benchmark.words import verdict
from tests.experiments.benchmark.made_up import METRICS, result, unfinished

NO_TESTS = {"tests": 0, "significance": 0.05, "replicates": 1000, "columns": []}


def measured(label: str, recall: float, ndcg: float = 0.1, seed: int = 7, **changes: Any) -> dict[str, Any]:
    return result(label, seed, metrics={"next_item/recall@10": recall, "next_item/ndcg@10": ndcg}, **changes)


def said(results: list[dict[str, Any]], comparisons: dict[str, Any] = NO_TESTS) -> list[str]:
    rows = rows_of(results)
    return verdict(rows, row_names(rows), (5, 10), comparisons)


def test_dspnet_first() -> None:
    results = [measured("DSPnet", 0.5, seed=seed) for seed in (7, 8, 9)] + [measured("MSDP", 0.2)]
    results += [measured("SASRec", 0.4, 0.3), measured("w/o CCR", 0.9)]
    recall, ndcg, *_ = said(results)
    assert recall == (
        "Next item Recall@10: DSPnet is first of 3 with 0.5000 ± 0.0000; SASRec is second with 0.4000, "
        "0.1000 (20.0%) behind."
    )
    assert ndcg == (
        "Next item NDCG@10: SASRec is first of 3 with 0.3000; DSPnet is 2nd with 0.1000 ± 0.0000, 0.2000 (66.7%) "
        "behind."
    ), "MSDP has the same, so both are second"


def test_dspnet_not_first_says_by_how_much() -> None:
    results = [measured(label, 0.6 - place / 10) for place, label in enumerate(("SASRec", "CARCA", "DSPnet", "MSDP"))]
    assert said(results)[0] == (
        "Next item Recall@10: SASRec is first of 4 with 0.6000; DSPnet is 3rd with 0.4000, 0.2000 (33.3%) behind."
    )


def test_each_task_is_told() -> None:
    results = [
        result(label, metrics={"next_scene/recall@10": v, "period_items/recall@10": 1 - v})
        for label, v in (("DSPnet", 0.75), ("SASRec", 0.5))
    ]
    assert said(results)[:2] == [
        "Period items Recall@10: SASRec is first of 2 with 0.5000; DSPnet is 2nd with 0.2500, 0.2500 (50.0%) behind.",
        "Next scene Recall@10: DSPnet is first of 2 with 0.7500; SASRec is second with 0.5000, 0.2500 (33.3%) behind.",
    ]


def test_the_best_target_of_dspnet_is_told() -> None:
    results = [measured("DSPnet", 0.3, target="next"), measured("DSPnet", 0.5, target="period")]
    results.append(measured("SASRec", 0.6, target="prefix"))
    assert "DSPnet (period) is 2nd with 0.5000" in said(results)[0]


def test_equal_at_the_top() -> None:
    results = [measured("DSPnet", 0.5), measured("SASRec", 0.5)]
    assert said(results)[0] == "Next item Recall@10: SASRec and DSPnet are first of 2 with 0.5000."
    told = said([*results, measured("MSDP", 0.25)])[0]
    assert told.endswith("first of 3 with 0.5000; MSDP is second with 0.2500, 0.2500 (50.0%) behind.")


def test_without_dspnet_without_rivals_without_anything() -> None:
    assert "DSPnet was not measured." in said([measured("SASRec", 0.5), measured("MSDP", 0.2)])[0]
    assert "DSPnet was not measured, so there is no comparison" in said([measured("SASRec", 0.5)])[2]
    assert "DSPnet has 0.5000; there is no other method" in said([measured("DSPnet", 0.5)])[0]
    assert "A baseline was not measured" in said([measured("DSPnet", 0.5)])[2]
    assert said([unfinished("DSPnet")]) == ["Nothing has been measured yet."] == said([])


def test_other_cutoffs() -> None:
    rows = rows_of([result(label, metrics={"next_item/recall@20": 0.5}) for label in ("DSPnet", "SASRec")])
    first, *rest = verdict(rows, row_names(rows), (1, 20), NO_TESTS)
    assert first.startswith("Next item Recall@20: ") and not any("NDCG" in sentence for sentence in rest)


def test_what_was_significant_is_counted(tmp_path: pathlib.Path) -> None:
    results = [
        result(label, seed, quality, tmp_path)
        for label, quality in (("SASRec", 0.4), ("DSPnet", 0.6))
        for seed in (7, 8, 9)
    ]
    found = against_best_baseline(rows_of(results), METRICS)
    assert all(column["significant"] for column in found["columns"])
    sentence, method = said(results, found)[4:]
    assert sentence == (
        "Against the best baseline of each column, DSPnet is significantly better in 12 and significantly worse in 0 "
        "of 12 columns."
    )
    assert "Holm's correction for all 12 tests" in method and "over test users" in method and "another seed" in method
    for column, change in zip(
        found["columns"], ({"significant": False}, {"significant": None, "p_value": None}), strict=False
    ):
        column.update(change)
    found["columns"][2]["difference"]["value"] *= -1
    assert (
        "significantly better in 9, significantly worse in 1, with no difference shown in 1 and untested in 1 of 12"
        in said(results, found)[4]
    )


def test_few_seeds_are_told() -> None:
    few = "rest on {} alone"
    assert few.format("one seed") in said([measured("DSPnet", 0.5)])[-1]
    two = [measured("DSPnet", 0.5, seed=seed) for seed in (7, 8)]
    assert few.format("2 seeds") in said(two)[-1]
    three = [*two, measured("DSPnet", 0.5, seed=9), measured("popularity", 0.4)]
    assert not any("rest on" in sentence for sentence in said(three)), "what is counted needs one seed"
