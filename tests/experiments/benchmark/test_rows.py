import pytest

from experiments.benchmark.plan import ABLATIONS
from experiments.benchmark.rows import group_runs
from model.methods import METHODS
from tests.experiments.benchmark.made_up import planned, result, unfinished


def test_rows_are_in_the_order_of_the_paper() -> None:
    titles = [method.title for method in METHODS.values()]
    parts = [ablation.label for ablation in ABLATIONS]
    rows = group_runs([result(label) for label in reversed([*titles, *parts])])
    assert [row.label for row in rows] == [*titles[:-1], *parts, "DSPnet"]
    assert [row.label for row in rows if not row.competes] == ["DSPnet-", *parts]
    of_fusion = ["w/o concat", "w/o MLP", "MLP_layers=1", "MLP_layers=3"]
    assert [row.label for row in rows if row.study == "fusion"] == of_fusion
    among = [row.label for row in rows if row.stands_among_methods]
    assert among == [*titles[:-1], "w/o APR, CCR", "w/o CCR", "w/o APR", "DSPnet"]
    assert [row.label for row in rows if row.statistical] == [m.title for m in METHODS.values() if not m.trained]


def test_a_rival_with_equal_heads_follows_the_one_as_published() -> None:
    rows = group_runs([result(label) for label in ("SASRec+", "MSDP+", "DSPnet", "SASRec", "MSDP")])
    assert [(row.label, row.role) for row in rows] == [
        ("MSDP", "baseline"),
        ("MSDP+", "equal_heads"),
        ("SASRec", "baseline"),
        ("SASRec+", "equal_heads"),
        ("DSPnet", "dspnet"),
    ]
    assert [row.label for row in rows if row.stands_among_methods] == ["MSDP", "SASRec", "DSPnet"]


def test_seeds_of_a_row_and_what_became_of_them() -> None:
    results = [unfinished("CARCA", 9, "failed"), result("CARCA", 8), unfinished("CARCA", 7)]
    (row,) = group_runs(results, planned("CARCA", 10))
    assert [one.seed for one in row.results] == [7, 8, 9]
    assert [[one.seed for one in part] for part in (row.finished, row.out_of_memory, row.failed)] == [[8], [7], [9]]
    assert row.missing == (10,)


def test_planned_runs_have_rows_before_they_are_run() -> None:
    labels = ("DSPnet", "w/o CCR", "SASRec", "unheard of", "popularity", "DSPnet-")
    rows = group_runs([], [run for label in labels for run in planned(label, 7)])
    assert [(row.label, row.role, row.target) for row in rows] == [
        ("SASRec", "baseline", "next"),
        ("popularity", "baseline", "next"),
        ("DSPnet-", "ablation", "next"),
        ("w/o CCR", "ablation", "next"),
        ("unheard of", "ablation", "next"),
        ("DSPnet", "dspnet", "next"),
    ]


def test_targets_objectives_and_sampling_make_rows_of_their_own() -> None:
    results = [result("SASRec", target=target) for target in ("prefix", "next", "period")]
    results += [result("SASRec", objective="gbce", sampling="uniform"), result("DSPnet")]
    rows = group_runs(results)
    assert [row.name for row in rows] == [
        "SASRec (next, gbce, uniform)",
        "SASRec (next, softmax, none)",
        "SASRec (period, softmax, none)",
        "SASRec (prefix, softmax, none)",
        "DSPnet",
    ]


def test_a_statistical_method_has_a_target_and_no_objective() -> None:
    results = [result("popularity", target="next", objective="gbce"), result("popularity", target="period")]
    rows = group_runs(results, planned("popularity", 7, target="prefix"))
    assert [row.name for row in rows] == [f"popularity ({target})" for target in ("next", "period", "prefix")]
    assert {(row.objective, row.sampling, row.statistical) for row in rows} == {("", "", True)}
    assert [row.missing for row in rows] == [(), (), (7,)]


def test_tuned_is_what_a_search_chose_for_what_was_measured() -> None:
    chosen = {"training.learning_rate": 0.1}
    results = [result("SASRec", tuned=chosen), unfinished("SASRec", 8), result("MSDP"), result("popularity")]
    results += [unfinished("CARCA", tuned=chosen), result("w/o CCR", tuned=chosen)]
    rows = group_runs(results, planned("DSPnet", 7))
    assert {row.label: row.tuned for row in rows} == {
        "MSDP": False,
        "CARCA": None,
        "SASRec": True,
        "popularity": None,
        "w/o CCR": True,
        "DSPnet": None,
    }


def test_a_seed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="SASRec trained on next has seed 7 more than once, in a, b"):
        group_runs([result("SASRec", name="a"), result("SASRec", name="b"), result("SASRec", 8)])
