import math
import statistics
from typing import Any

import pytest

from experiments.benchmark.rows import rows_of
from experiments.benchmark.summary import marks, metric_of
from experiments.benchmark.tables import cutoffs, fusion_table, group_tables, main_tables
from tests.experiments.benchmark.made_up import CONFIG, result, unfinished

METRIC = "next_item/recall@5"


def with_values(label: str, *values: float | None, **changes: Any) -> list[dict[str, Any]]:
    """Returns a result a value, with rising seeds."""
    return [result(label, seed, metrics={METRIC: value}, **changes) for seed, value in enumerate(values, start=7)]


def first_column(results: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    rows = rows_of(results)
    table = main_tables(rows, cutoffs(rows))[0].facts(rows)
    assert table["columns"][0] == {"metric": METRIC, "title": "R@5"}
    return {rows[of_row["row"]].label: of_row["cells"][0] for of_row in table["rows"]}


@pytest.mark.parametrize(
    ("means", "wanted"),
    [
        ([0.1, 0.3, 0.2], [None, "best", "second"]),
        ([0.3, 0.3, 0.2], ["best", "best", "second"]),
        ([0.3, 0.2, 0.2, 0.1], ["best", "second", "second", None]),
        ([0.3, 0.3], ["best", "best"]),
        ([0.3], [None]),
        ([None, 0.3, None, 0.1], [None, "best", None, "second"]),
        ([0.12344, 0.12343], ["best", "second"]),  # alike as shown, not at full precision
        ([0.1 + 0.2, 0.3, 0.2], ["best", "best", "second"]),  # alike but for the order of a sum
        ([0.0, 0.0, 0.0], ["best", "best", "best"]),
        ([], []),
    ],
)
def test_best_and_second(means: list[float | None], wanted: list[str | None]) -> None:
    assert marks(means) == wanted


def test_means_and_spreads_over_seeds() -> None:
    cells = first_column([*with_values("SASRec", 0.3, 0.5, 0.4), *with_values("CARCA", 0.2)])
    spread = pytest.approx(0.1)  # of 0.3, 0.5 and 0.4: the root of (0.01 + 0.01 + 0) / 2
    wanted = {"state": "measured", "mean": pytest.approx(0.4), "spread": spread, "seeds": 3, "mark": "best"}
    assert cells["SASRec"] == wanted
    assert cells["CARCA"]["spread"] is None and cells["CARCA"]["mark"] == "second"


def test_a_best_mean_wins_whatever_its_best_seed() -> None:
    cells = first_column([*with_values("SASRec", 0.9, 0.1), *with_values("DSPnet", 0.6, 0.6)])
    assert (cells["DSPnet"]["mark"], cells["SASRec"]["mark"]) == ("best", "second")


def test_parts_of_dspnet_do_not_compete() -> None:
    results = [*with_values("w/o CCR", 0.9), *with_values("DSPnet", 0.5), *with_values("MSDP", 0.4)]
    results += with_values("popularity", 0.45)
    cells = first_column(results)
    assert {label: cell["mark"] for label, cell in cells.items()} == {
        "MSDP": None,
        "popularity": "second",
        "w/o CCR": None,
        "DSPnet": "best",
    }


def test_why_there_is_no_number() -> None:
    results = [unfinished("BERT4Rec"), unfinished("CARCA", status="failed"), *with_values("SASRec", 0.3)]
    results += [*with_values("MSDP", None), *with_values("SceneCTC", math.nan, 0.4)]
    rows = rows_of(results, [{"label": "DSPnet", "seed": 7, "target": "next"}])
    states = {row.label: (metric_of(row, METRIC).state, metric_of(row, METRIC).seeds) for row in rows}
    assert states == {
        "BERT4Rec": ("out_of_memory", 0),
        "MSDP": ("unmeasured", 0),
        "SceneCTC": ("measured", 1),
        "CARCA": ("failed", 0),
        "SASRec": ("measured", 1),
        "DSPnet": ("waiting", 0),
    }


def test_a_row_with_some_seeds_out_of_memory_has_the_mean_of_the_others() -> None:
    (row,) = rows_of([*with_values("CARCA", 0.2, 0.4), unfinished("CARCA", 9)])
    summary = metric_of(row, METRIC)
    assert (summary.state, summary.seeds, summary.mean) == ("measured", 2, pytest.approx(0.3))


def test_columns_follow_what_was_measured() -> None:
    config = {**CONFIG, "evaluation": {"k": [1, 20]}}
    rows = rows_of([result(config=config, metrics={"next_item/recall@20": 0.5, "next_item/ndcg@1": 0.1})])
    (table,) = main_tables(rows, cutoffs(rows))
    assert [column.title for column in table.columns] == ["R@1", "N@1", "R@20", "N@20"]
    assert [cell["mean"] for cell in table.facts(rows)["rows"][0]["cells"]] == [None, 0.1, 0.5, None]
    assert not group_tables(rows, cutoffs(rows)), "nothing was measured by group"


def test_fusion_has_a_table_of_its_own_where_all_compete() -> None:
    labels = ("w/o concat", "w/o MLP", "MLP_layers=1", "MLP_layers=3", "w/o CCR", "DSPnet", "SASRec")
    results = [one for place, label in enumerate(labels) for one in with_values(label, 0.1 + place / 10)]
    rows = rows_of(results)
    (table,) = fusion_table(rows, (5,))
    facts = table.facts(rows)
    assert [of_row["label"] for of_row in facts["rows"]] == [*labels[:4], "DSPnet (MLP_layers=2)"]
    assert [of_row["cells"][0]["mark"] for of_row in facts["rows"]] == [None, None, None, "second", "best"]
    in_main = [rows[of_row["row"]].label for of_row in main_tables(rows, (5,))[0].facts(rows)["rows"]]
    assert in_main == ["SASRec", "w/o CCR", "DSPnet"]
    assert not fusion_table(rows_of(with_values("DSPnet", 0.5)), (5,))


def test_variants_are_compared_with_dspnet_of_their_target_alone() -> None:
    others = with_values("DSPnet", 0.9, target="period")
    rows = rows_of([*with_values("w/o MLP", 0.5), *with_values("DSPnet", 0.6), *others])
    (table,) = fusion_table(rows, (5,))
    assert [(rows[place].label, rows[place].target) for place in table.rows] == [
        ("w/o MLP", "next"),
        ("DSPnet", "next"),
    ]


def test_groups() -> None:
    rows = rows_of([result("DSPnet", seed) for seed in (7, 8)])
    tables = group_tables(rows, cutoffs(rows))
    assert [table.name for table in tables] == ["groups_next_item", "groups_period_items"]
    titles = [column.title for column in tables[0].columns]
    assert titles == [f"{letter}@10 {group}" for letter in "RN" for group in ("low", "medium", "high")]
    cell = tables[1].facts(rows)["rows"][0]["cells"][5]
    values = [one["metrics"]["period_items/ndcg@10/group=high"] for one in rows[0].results]
    assert cell["mean"] == pytest.approx(statistics.fmean(values))
    assert cell["spread"] == pytest.approx(statistics.stdev(values))
