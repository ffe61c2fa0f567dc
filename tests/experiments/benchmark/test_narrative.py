import dataclasses
import pathlib
from typing import Any

import pytest

from experiments.benchmark.narrative import describe_cautions, describe_verdict
from experiments.benchmark.rows import group_runs
from experiments.benchmark.significance import BaselineComparisons, compare_with_best
from experiments.runs.result import RunResult
from model.training.schedule import Schedule
from schemas.evaluation import Estimate
from schemas.training import TrainingHistory
from tests.experiments.benchmark.made_up import CONFIG, METRICS, planned, result, unfinished

NO_TESTS = BaselineComparisons(0, 0.05, 1000, ())


def measured(label: str, recall: float, ndcg: float = 0.1, seed: int = 7, **changes: Any) -> RunResult:
    return result(label, seed, metrics={"next_item/recall@10": recall, "next_item/ndcg@10": ndcg}, **changes)


def said(results: list[RunResult], comparisons: BaselineComparisons = NO_TESTS) -> list[str]:
    return describe_verdict(group_runs(results), (5, 10), comparisons, NO_TESTS)


def warned(results: list[RunResult], waiting: Any = (), unfair: Any = ()) -> list[str]:
    return describe_cautions(group_runs(results, waiting), unfair)


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
    rows = group_runs([result(label, metrics={"next_item/recall@20": 0.5}) for label in ("DSPnet", "SASRec")])
    first, *rest = describe_verdict(rows, (1, 20), NO_TESTS, NO_TESTS)
    assert first.startswith("Next item Recall@20: ") and not any("NDCG" in sentence for sentence in rest)


def test_what_was_significant_is_counted(tmp_path: pathlib.Path) -> None:
    results = [
        result(label, seed, quality, tmp_path)
        for label, quality in (("SASRec", 0.4), ("DSPnet", 0.6))
        for seed in (7, 8, 9)
    ]
    found = compare_with_best(str(tmp_path), group_runs(results), METRICS, "baseline")
    assert all(column.significant for column in found.columns)
    sentence, method = said(results, found)[4:]
    assert sentence == (
        "Against the best baseline of each column, DSPnet is significantly better in 12 and significantly worse in 0 "
        "of 12 columns."
    )
    assert "Holm's correction for all 12 tests" in method and "over test users" in method and "another seed" in method
    undecided, untested, worse, *rest = found.columns
    columns = (
        dataclasses.replace(undecided, significant=False),
        dataclasses.replace(untested, significant=None, p_value=None),
        dataclasses.replace(worse, difference=Estimate(-worse.difference.value, None, None)),
        *rest,
    )
    found = dataclasses.replace(found, columns=columns)
    assert (
        "significantly better in 9, significantly worse in 1, with no difference shown in 1 and untested in 1 of 12"
        in said(results, found)[4]
    )


def test_few_seeds_are_reported() -> None:
    few = "rest on {} alone"
    assert few.format("one seed") in said([measured("DSPnet", 0.5)])[-1]
    two = [measured("DSPnet", 0.5, seed=seed) for seed in (7, 8)]
    assert few.format("2 seeds") in said(two)[-1]
    three = [*two, measured("DSPnet", 0.5, seed=9), measured("popularity", 0.4)]
    assert not any("rest on" in sentence for sentence in said(three)), "a statistical method needs one seed"


def test_what_is_missing_out_of_memory_and_failed() -> None:
    results = [unfinished("BERT4Rec", seed, reason=f"It needs\n{seed + 10} GiB.") for seed in (7, 8)]
    results += [unfinished("CARCA", 7, "failed", "ValueError: no"), unfinished("CARCA", 8, "failed", "KeyError: 3")]
    results.append(unfinished("MSDP"))
    assert warned(results, planned("DSPnet", 8, 7)) == [
        "Not run yet, so these tables will change: DSPnet (seeds 7 and 8).",
        "Out of memory: BERT4Rec (seeds 7 and 8): It needs 17 GiB.",
        "Out of memory: MSDP (seed 7).",
        "Failed: CARCA (seed 7): ValueError: no.",
        "Failed: CARCA (seed 8): KeyError: 3.",
    ]


def test_whether_like_is_compared_with_like() -> None:
    results = [result("DSPnet"), result("SASRec")]
    assert warned(results) == [
        "All runs were measured on the same 120 test sequences (digest 9f3c).",
        "All runs were trained by the same code (digest c0de).",
    ]
    other = result("MSDP", digest="beef", sequences=99, source_digest="0ld")
    told = warned([*results, other], unfair=["model.item_dim"])
    assert told[0] == (
        "Beware: runs were measured on different test sets, so their numbers cannot be compared: 9f3c (120 sequences) "
        "and beef (99 sequences)."
    )
    assert "different versions of the code: 0ld and c0de" in told[1]
    assert "not all rows have the same model.item_dim" in told[2]


def test_runs_of_different_machines_are_reported() -> None:
    results = [result("DSPnet"), result("SASRec"), result("MSDP", machine={"processor": "Slow CPU", "cores": "1"})]
    assert warned(results)[2:] == [
        "Beware: runs had different machines, so their times cannot be compared: Slow CPU, 1; Fast CPU, 2."
    ]


def test_who_was_not_tuned_among_those_that_were() -> None:
    chosen = {"training.learning_rate": 0.1}
    results = [result("DSPnet", tuned=chosen), result("MSDP"), result("popularity"), result("w/o CCR")]
    assert warned(results)[2:] == ["Beware: settings of other rows were chosen by a search, but none of MSDP."]
    assert not warned(results[1:])[2:], "nobody was"
    assert not warned([results[0], results[2]])[2:], "a statistical method has nothing to tune"


@pytest.mark.parametrize(("epochs", "best", "rising"), [(6, 6, True), (6, 4, False), (9, 6, False)])
def test_who_was_still_improving(epochs: int, best: int, rising: bool) -> None:
    config = {**CONFIG, "training": {**CONFIG["training"], "epochs": epochs}}
    one = result("DSPnet", config=config)
    one = dataclasses.replace(one, training=dataclasses.replace(one.training, best_epoch=best))
    told = [sentence for sentence in warned([one]) if "ran out" in sentence]
    assert told == (["Still improving when training.epochs ran out: DSPnet (seed 7)."] if rising else [])


@pytest.mark.parametrize(("rounds", "rising"), [(9, False), (10, True)])
def test_who_was_still_improving_where_rounds_do_not_fill_the_passes(rounds: int, rising: bool) -> None:
    """10 rounds of 499 steps make 4.995 passes of 999 steps, and an eleventh is more than 5."""
    schedule = Schedule(999, 5)
    epochs = tuple({"epoch": number, "passes": schedule.epochs_after(number)} for number in range(1, rounds + 1))
    config = {**CONFIG, "training": {**CONFIG["training"], "epochs": schedule.epochs}}
    one = result("DSPnet", config=config, training=TrainingHistory(epochs, best_epoch=rounds))
    told = [sentence for sentence in warned([one]) if "ran out" in sentence]
    assert told == (["Still improving when training.epochs ran out: DSPnet (seed 7)."] if rising else [])
