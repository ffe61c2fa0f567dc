import math
import statistics
from typing import Any

import pytest

from experiments.benchmark.metric_tables import (
    MetricColumn,
    find_cutoffs,
    make_fusion_tables,
    make_group_tables,
    make_main_tables,
)
from experiments.benchmark.rows import SeedMean, group_runs, summarise_metric
from experiments.runs.result import RunResult
from tests.experiments.benchmark.made_up import CONFIG, planned, result, unfinished

METRIC = "next_item/recall@5"


def with_values(label: str, *values: float | None, **changes: Any) -> list[RunResult]:
    """Returns a result a value, with rising seeds."""
    return [result(label, seed, metrics={METRIC: value}, **changes) for seed, value in enumerate(values, start=7)]


def first_column(results: list[RunResult]) -> dict[str, SeedMean]:
    rows = group_runs(results)
    table = make_main_tables(rows, find_cutoffs(rows))[0]
    assert table.columns[0] == MetricColumn(METRIC, "R@5")
    return {rows[row.row].label: row.cells[0] for row in table.rows}


def test_means_and_spreads_over_seeds() -> None:
    cells = first_column([*with_values("SASRec", 0.3, 0.5, 0.4), *with_values("CARCA", 0.2)])
    spread = pytest.approx(0.1)  # of 0.3, 0.5 and 0.4: the root of (0.01 + 0.01 + 0) / 2
    wanted = SeedMean("measured", pytest.approx(0.4), spread, 3, "best")
    assert cells["SASRec"] == wanted
    assert cells["CARCA"].spread is None and cells["CARCA"].rank == "second"


def test_a_best_mean_wins_whatever_its_best_seed() -> None:
    cells = first_column([*with_values("SASRec", 0.9, 0.1), *with_values("DSPnet", 0.6, 0.6)])
    assert (cells["DSPnet"].rank, cells["SASRec"].rank) == ("best", "second")


def test_parts_of_dspnet_do_not_compete() -> None:
    results = [*with_values("w/o CCR", 0.9), *with_values("DSPnet", 0.5), *with_values("MSDP", 0.4)]
    results += with_values("popularity", 0.45)
    cells = first_column(results)
    assert {label: cell.rank for label, cell in cells.items()} == {
        "MSDP": None,
        "popularity": "second",
        "w/o CCR": None,
        "DSPnet": "best",
    }


def test_why_there_is_no_number() -> None:
    results = [unfinished("BERT4Rec"), unfinished("CARCA", status="failed"), *with_values("SASRec", 0.3)]
    results += [*with_values("MSDP", None), *with_values("SceneCTC", math.nan, 0.4)]
    rows = group_runs(results, planned("DSPnet", 7))
    states = {row.label: (summarise_metric(row, METRIC).state, summarise_metric(row, METRIC).seeds) for row in rows}
    assert states == {
        "BERT4Rec": ("out_of_memory", 0),
        "MSDP": ("unmeasured", 0),
        "SceneCTC": ("measured", 1),
        "CARCA": ("failed", 0),
        "SASRec": ("measured", 1),
        "DSPnet": ("waiting", 0),
    }


def test_a_row_with_some_seeds_out_of_memory_has_the_mean_of_the_others() -> None:
    (row,) = group_runs([*with_values("CARCA", 0.2, 0.4), unfinished("CARCA", 9)])
    summary = summarise_metric(row, METRIC)
    assert (summary.state, summary.seeds, summary.mean) == ("measured", 2, pytest.approx(0.3))


def test_columns_follow_what_was_measured() -> None:
    config = {**CONFIG, "evaluation": {"k": [1, 20]}}
    rows = group_runs([result(config=config, metrics={"next_item/recall@20": 0.5, "next_item/ndcg@1": 0.1})])
    (table,) = make_main_tables(rows, find_cutoffs(rows))
    assert [column.title for column in table.columns] == ["R@1", "N@1", "R@20", "N@20"]
    assert [cell.mean for cell in table.rows[0].cells] == [None, 0.1, 0.5, None]
    assert not make_group_tables(rows, find_cutoffs(rows)), "nothing was measured by group"


def test_fusion_has_a_table_of_its_own_where_all_compete() -> None:
    labels = ("w/o concat", "w/o MLP", "MLP_layers=1", "MLP_layers=3", "w/o CCR", "DSPnet", "SASRec")
    results = [one for place, label in enumerate(labels) for one in with_values(label, 0.1 + place / 10)]
    rows = group_runs(results)
    (table,) = make_fusion_tables(rows, (5,))
    assert [row.label for row in table.rows] == [*labels[:4], "DSPnet (MLP_layers=2)"]
    assert [row.cells[0].rank for row in table.rows] == [None, None, None, "second", "best"]
    in_main = [rows[row.row].label for row in make_main_tables(rows, (5,))[0].rows]
    assert in_main == ["SASRec", "w/o CCR", "DSPnet"]
    assert not make_fusion_tables(group_runs(with_values("DSPnet", 0.5)), (5,))


def test_variants_are_compared_with_dspnet_of_their_target_alone() -> None:
    others = with_values("DSPnet", 0.9, target="period")
    rows = group_runs([*with_values("w/o MLP", 0.5), *with_values("DSPnet", 0.6), *others])
    (table,) = make_fusion_tables(rows, (5,))
    assert [(rows[row.row].label, rows[row.row].target) for row in table.rows] == [
        ("w/o MLP", "next"),
        ("DSPnet", "next"),
    ]


def test_groups() -> None:
    rows = group_runs([result("DSPnet", seed) for seed in (7, 8)])
    tables = make_group_tables(rows, find_cutoffs(rows))
    assert [table.name for table in tables] == ["groups_next_item", "groups_period_items"]
    titles = [column.title for column in tables[0].columns]
    assert titles == [f"{letter}@10 {group}" for letter in "RN" for group in ("low", "medium", "high")]
    cell = tables[1].rows[0].cells[5]
    values = [one.metrics["period_items/ndcg@10/group=high"] for one in rows[0].results]
    assert cell.mean == pytest.approx(statistics.fmean(values))
    assert cell.spread == pytest.approx(statistics.stdev(values))
