"""What is measured for tables of metrics: the paper's Tables 1, 2, 4 and 7 and Figure 3, and those of this project."""

import dataclasses
from collections.abc import Sequence

from experiments.benchmark.plan import DSPNET, EQUAL_HEADS
from experiments.benchmark.rows import BenchmarkRow, SeedMean, summarise_metric
from model.evaluation.tasks import GROUPS
from reporting.table import rank_values
from reporting.titles import TASKS, pick_headline_k

MAIN = {"next_item": "Table 1", "period_items": "Table 4", "next_scene": "Table 7"}
"""The tasks on which methods are compared, each with its table in the paper."""
_GROUPED = ("next_item", "period_items")
_MEASURES = (("recall", "R"), ("ndcg", "N"))


@dataclasses.dataclass(frozen=True)
class MetricColumn:
    """A column of numbers.

    Attributes:
        metric: ``task/metric`` or ``task/metric/slice``.
        title: title above the column.
    """

    metric: str
    title: str


@dataclasses.dataclass(frozen=True)
class MetricRow:
    """A row of numbers.

    Attributes:
        row: place among the rows of the benchmark.
        label: label of the row in this table.
        cells: means over seeds, one a column.
    """

    row: int
    label: str
    cells: tuple[SeedMean, ...]


@dataclasses.dataclass(frozen=True)
class DifferenceRow:
    """The differences of a row of DSPnet to the best baseline of each column.

    Attributes:
        dspnet: place of the row of DSPnet among the rows of the benchmark.
        columns: place of each column's comparison among all comparisons; None where there is none.
    """

    dspnet: int
    columns: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class MetricTable:
    """A table of metrics.

    Attributes:
        name: name of the table in benchmark.json.
        number: number of the paper's table or figure; empty for a table that the paper does not have.
        title: what the table is about.
        of_methods: whether only methods can be best; else every row can.
        columns: columns of numbers.
        rows: rows of numbers.
        differences: differences to the best baselines, one row for each row of DSPnet.
    """

    name: str
    number: str
    title: str
    of_methods: bool
    columns: tuple[MetricColumn, ...]
    rows: tuple[MetricRow, ...]
    differences: tuple[DifferenceRow, ...] = ()

    @property
    def has_a_number(self) -> bool:
        """Whether anything in the table was measured."""
        return any(cell.seeds for row in self.rows for cell in row.cells)


def find_cutoffs(rows: Sequence[BenchmarkRow]) -> tuple[int, ...]:
    """Returns the k at which anything was measured, rising; 5 and 10, as in the paper, before anything was."""
    found = {k for row in rows for result in row.results for k in result.config["evaluation"]["k"]}
    return tuple(sorted(found)) or (5, 10)


def make_main_tables(rows: Sequence[BenchmarkRow], ks: Sequence[int]) -> list[MetricTable]:
    """Returns Tables 1, 4 and 7, with metrics at all `ks`: all methods, and DSPnet without its regularisation."""
    places = [place for place, row in enumerate(rows) if row.stands_among_methods]
    tables = [
        _make_table(rows, task, number, TASKS[task], _list_columns(task, ks), places) for task, number in MAIN.items()
    ]
    nothing_measured = not any(row.finished for row in rows)
    return [table for table in tables if table.has_a_number or nothing_measured]


def make_fusion_tables(rows: Sequence[BenchmarkRow], ks: Sequence[int]) -> list[MetricTable]:
    """Returns Table 2, DSPnet with other sequence feature enhancements, if there is any such row."""
    targets = {row.target for row in rows if row.study == "fusion"}
    if not targets:
        return []
    # All rows have one target, or a row that was trained for another could be best because of that.
    places = [
        place
        for place, row in enumerate(rows)
        if row.study == "fusion" or (row.role == DSPNET and row.target in targets)
    ]
    title = "Sequence feature enhancement, next item"
    columns = _list_columns("next_item", ks)
    return [_make_table(rows, "fusion", "Table 2", title, columns, places, of_methods=False)]


def make_equal_heads_tables(rows: Sequence[BenchmarkRow], ks: Sequence[int]) -> list[MetricTable]:
    """Returns tables as Tables 1, 4 and 7 of DSPnet and of rivals with its heads, if there is any such row."""
    if not any(row.role == EQUAL_HEADS for row in rows):
        return []
    places = [place for place, row in enumerate(rows) if row.role in (EQUAL_HEADS, DSPNET)]
    tables = [
        _make_table(rows, f"equal_{task}", "", f"{TASKS[task]} at equal heads", _list_columns(task, ks), places)
        for task in MAIN
    ]
    return [table for table in tables if table.has_a_number]


def list_ideas(rows: Sequence[BenchmarkRow]) -> list[int]:
    """Returns the places of the rows of DSPnet with something of this project left out or added."""
    return [place for place, row in enumerate(rows) if row.study == "ideas"]


def list_idea_metrics(ks: Sequence[int]) -> list[str]:
    """Returns the metrics by which the project's ideas are judged: Recall and NDCG of both tasks at the key k."""
    return [column.metric for task in _GROUPED for column in _list_columns(task, [pick_headline_k(ks)])]


def make_group_tables(rows: Sequence[BenchmarkRow], ks: Sequence[int]) -> list[MetricTable]:
    """Returns Figure 3 as tables: the key metrics by length of the history, as far as they were measured."""
    places = [place for place, row in enumerate(rows) if row.stands_among_methods]
    k = pick_headline_k(ks)
    tables = []
    for task in _GROUPED:
        columns = [
            MetricColumn(f"{task}/{kind}@{k}/group={group}", f"{letter}@{k} {group}")
            for kind, letter in _MEASURES
            for group in GROUPS
        ]
        title = f"{TASKS[task]} by length of the history"
        tables.append(_make_table(rows, f"groups_{task}", "Figure 3", title, columns, places))
    return [table for table in tables if table.has_a_number]


def _make_table(
    rows: Sequence[BenchmarkRow],
    name: str,
    number: str,
    title: str,
    columns: Sequence[MetricColumn],
    places: Sequence[int],
    of_methods: bool = True,
) -> MetricTable:
    """Fills a table with the rows at some places."""
    means = [[summarise_metric(rows[place], column.metric) for column in columns] for place in places]
    competes = [rows[place].competes or not of_methods for place in places]
    ranks = [
        rank_values([mean.mean if may_win else None for mean, may_win in zip(column, competes, strict=True)])
        for column in zip(*means, strict=True)
    ]
    filled = tuple(
        MetricRow(
            place,
            rows[place].label if of_methods else _label_variant(rows[place]),
            tuple(dataclasses.replace(mean, rank=column[at]) for mean, column in zip(row_means, ranks, strict=True)),
        )
        for at, (place, row_means) in enumerate(zip(places, means, strict=True))
    )
    return MetricTable(name, number, title, of_methods, tuple(columns), filled)


def _label_variant(row: BenchmarkRow) -> str:
    """Returns the label of a row among variants of the sequence feature enhancement: DSPnet is one of them."""
    layers = {result.config["model"].get("fusion_layers") for result in row.results} - {None}
    return f"{row.label} (MLP_layers={layers.pop()})" if row.role == DSPNET and len(layers) == 1 else row.label


def _list_columns(task: str, ks: Sequence[int]) -> list[MetricColumn]:
    return [MetricColumn(f"{task}/{kind}@{k}", f"{letter}@{k}") for k in ks for kind, letter in _MEASURES]
