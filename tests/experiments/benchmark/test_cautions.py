from typing import Any

import pytest

from experiments.benchmark.cautions import cautions
from experiments.benchmark.rows import row_names, rows_of
from tests.experiments.benchmark.made_up import CONFIG, result, unfinished


def warned(results: list[dict[str, Any]], planned: Any = (), unfair: Any = ()) -> list[str]:
    rows = rows_of(results, planned)
    return cautions(rows, row_names(rows), unfair)


def test_what_is_missing_out_of_memory_and_failed() -> None:
    results = [unfinished("BERT4Rec", seed, reason=f"It needs\n{seed + 10} GiB.") for seed in (7, 8)]
    results += [unfinished("CARCA", 7, "failed", "ValueError: no"), unfinished("CARCA", 8, "failed", "KeyError: 3")]
    results.append(unfinished("MSDP"))
    planned = [{"label": "DSPnet", "seed": seed, "target": "next"} for seed in (8, 7)]
    assert warned(results, planned) == [
        "Not run yet, so these tables will change: DSPnet (seeds 7 and 8).",
        "Out of memory: BERT4Rec (seeds 7 and 8): It needs 17 GiB.",
        "Out of memory: MSDP (seed 7).",
        "Failed: CARCA (seed 7): ValueError: no.",
        "Failed: CARCA (seed 8): KeyError: 3.",
    ]


def test_whether_like_is_compared_with_like() -> None:
    results = [result("DSPnet"), result("SASRec")]
    assert warned(results) == [
        "All cells were measured on the same 120 test sequences (digest 9f3c).",
        "All cells were trained by the same code (digest c0de).",
    ]
    other = result("MSDP", digest="beef", sequences=99, source_digest="0ld")
    told = warned([*results, other], unfair=["model.item_dim"])
    assert told[0] == (
        "Beware: cells were measured on different test sets, so their numbers cannot be compared: 9f3c (120 sequences) "
        "and beef (99 sequences)."
    )
    assert "different versions of the code: 0ld and c0de" in told[1]
    assert "not all rows have the same model.item_dim" in told[2]


def test_cells_of_different_machines_are_told() -> None:
    results = [result("DSPnet"), result("SASRec"), result("MSDP", machine={"processor": "Slow CPU", "cores": "1"})]
    assert warned(results)[2:] == [
        "Beware: cells ran on different machines, so their times cannot be compared: Slow CPU, 1; Fast CPU, 2."
    ]


def test_who_was_not_tuned_among_those_that_were() -> None:
    chosen = {"training.learning_rate": 0.1}
    results = [result("DSPnet", tuned=chosen), result("MSDP"), result("popularity"), result("w/o CCR")]
    assert warned(results)[2:] == ["Beware: settings of other rows were chosen by a search, but none of MSDP."]
    assert not warned(results[1:])[2:], "nobody was"
    assert not warned([results[0], results[2]])[2:], "what is counted has nothing to tune"


@pytest.mark.parametrize(("epochs", "best", "rising"), [(6, 6, True), (6, 4, False), (9, 6, False)])
def test_who_was_still_improving(epochs: int, best: int, rising: bool) -> None:
    config = {**CONFIG, "training": {**CONFIG["training"], "epochs": epochs}}
    one = result("DSPnet", config=config)
    one["training"]["best_epoch"] = best
    told = [sentence for sentence in warned([one]) if "ran out" in sentence]
    assert told == (["Still improving when training.epochs ran out: DSPnet (seed 7)."] if rising else [])
