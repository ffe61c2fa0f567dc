import pytest

from experiments.benchmark.cost import MEBIBYTE, make_cost_table
from experiments.benchmark.rows import group_runs
from experiments.runs.result import RunCost
from tests.experiments.benchmark.made_up import result, unfinished


def cost(**values):
    return RunCost(**{"training_seconds": 60.0, "evaluation_seconds": 5.0, "parameters": 10, **values})


def cells(table, rows):
    names = [column.name for column in table.columns]
    return {rows[row.row].label: dict(zip(names, row.cells, strict=True)) for row in table.rows}


def test_means_and_spreads_in_the_units_of_the_columns():
    results = [
        result("SASRec", seed, cost=cost(sequences_per_second=speed, peak_memory_bytes=mib * MEBIBYTE, best_epoch=best))
        for seed, speed, mib, best in ((7, 100.0, 300, 2), (8, 140.0, 500, 3))
    ]
    rows = group_runs(results)
    found = cells(make_cost_table(rows), rows)["SASRec"]
    assert found["sequences_per_second"].mean == 120 and found["peak_memory_mib"].mean == 400
    assert found["sequences_per_second"].spread == pytest.approx(20 * 2**0.5)
    assert found["peak_memory_mib"].spread == pytest.approx(100 * 2**0.5)
    assert (found["best_epoch"].mean, found["epochs"].state) == (2.5, "unmeasured")
    assert (found["parameters"].mean, found["parameters"].spread) == (10, None), "the same with every seed"
    assert {cell.rank for cell in found.values()} == {None}


def test_all_runs_count_in_the_total_and_finished_ones_in_the_means():
    results = [
        result("SASRec", 7, cost=cost()),
        result("popularity", cost=cost(training_seconds=None, parameters=None)),
    ]
    failed = unfinished("SASRec", 8, "failed", cost=RunCost(training_seconds=1000.0))
    rows = group_runs([*results, failed, unfinished("BERT4Rec", cost=RunCost())])
    table = make_cost_table(rows)
    found = cells(table, rows)
    assert table.total_seconds == 60 + 5 + 5 + 1000
    assert found["SASRec"]["training_seconds"].mean == 60
    assert {cell.state for cell in found["BERT4Rec"].values()} == {"out_of_memory"}
    assert found["popularity"]["parameters"].state == "unmeasured"


def test_orders_of_growth_stand_beside_the_methods_that_the_paper_has_them_of():
    labels = ("BERT4Rec", "CARCA", "SASRec", "popularity", "w/o CCR", "DSPnet-", "DSPnet")
    rows = group_runs([result(label) for label in labels])
    orders = {rows[row.row].label: row.order for row in make_cost_table(rows).rows}
    assert [label for label in labels if orders[label]] == ["BERT4Rec", "CARCA", "DSPnet"]
    assert orders["DSPnet"] == "O(B·K + 2·B²·d)"
