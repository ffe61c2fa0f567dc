"""Slices as small multiples: a chart a metric, a row a slice, and the numbers as a table."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from components.report.result_tables import make_metric_cell
from components.report.verdict_cards import Model, make_interval
from reporting.charts import IntervalRow, draw_intervals
from reporting.numbers import Numbers
from reporting.table import Cell, Column, Row, Table
from reporting.titles import TASKS, metric_title
from schemas.evaluation import Evaluation

_ITEM_TASKS = ("next_item", "period_items")


class NamedSlice(NamedTuple):
    """A slice: its name in the evaluation, and its label in the report."""

    name: str
    label: str


class SliceChart(NamedTuple):
    """A chart of one metric: the metric's name without a slice, its title, and the chart."""

    metric: str
    title: str
    svg: Markup


class SliceFamily(NamedTuple):
    """Slices of one kind.

    Attributes:
        title: heading.
        explanation: how to read the charts.
        explained: slices whose title in the evaluation says more than their label.
        charts: one a metric.
        table: the numbers of the charts.
        across: how many charts make a row.
    """

    title: str
    explanation: str
    explained: list[NamedSlice]
    charts: list[SliceChart]
    table: Table
    across: int


class _Kind(NamedTuple):
    """A kind of slices; `explained` tells whether titles in the evaluation say more than labels."""

    prefixes: tuple[str, ...]
    title: str
    explanation: str
    explained: bool
    tasks: tuple[str, ...]


_KINDS = (
    _Kind(
        ("group=",),
        "By length of the history",
        "As Figure 3 of the paper: about thirds of the test sequences. A good model is above popularity in all three.",
        True,
        (*_ITEM_TASKS, "next_scene"),
    ),
    _Kind(
        ("scene=",),
        "By scene",
        "The scene in which the user was seen last: the most frequent ones, and all others. Long lines mean few "
        "sequences.",
        False,
        (*_ITEM_TASKS, "next_scene"),
    ),
    _Kind(
        ("popularity=", "cold"),
        "By popularity of the target",
        "Tenths of the train events, the most popular items first, and last the cold items, with few events or none. "
        "A model that only knows what is popular falls to nothing after the first rows.",
        False,
        _ITEM_TASKS,
    ),
)
_ENDS = {"popularity=1": "1 (most popular)", "popularity=10": "10 (least popular)"}


def make_slice_families(evaluation: Evaluation, models: Sequence[Model], numbers: Numbers) -> list[SliceFamily]:
    """Returns the families of slices in which anything was measured, with metrics at the largest cut-off.

    Args:
        evaluation: what was measured.
        models: models to show, the candidate first.
        numbers: numbers of the report.
    """
    families = (_make_family(evaluation, models, numbers, kind) for kind in _KINDS)
    return [family for family in families if family.charts]


def _make_family(evaluation: Evaluation, models: Sequence[Model], numbers: Numbers, kind: _Kind) -> SliceFamily:
    slices = [
        NamedSlice(name, _ENDS.get(name) or name.partition("=")[2] or name)
        for name, found in evaluation.slices.items()
        if name.startswith(kind.prefixes) and found.sequences
    ]
    k, charts = max(evaluation.k), []
    for metric in (f"recall@{k}", f"ndcg@{k}"):
        for task in kind.tasks:
            title = f"{TASKS[task]}, {metric_title(metric)}"
            rows = [_make_chart_row(evaluation, models, f"{task}/{metric}", part) for part in slices]
            rows = [row for row in rows if row.intervals]
            if rows:
                svg = draw_intervals(f"{title}, {kind.title.lower()}", rows)
                charts.append(SliceChart(f"{task}/{metric}", title, svg))
    return SliceFamily(
        title=kind.title,
        explanation=kind.explanation,
        explained=slices if kind.explained else [],
        charts=charts,
        table=_make_table(evaluation, models, numbers, kind, slices, charts),
        across=max(len(charts) // 2, 1),
    )


def _make_chart_row(evaluation: Evaluation, models: Sequence[Model], metric: str, part: NamedSlice) -> IntervalRow:
    intervals = (make_interval(evaluation, model, f"{metric}/{part.name}") for model in models)
    return IntervalRow(part.label, [interval for interval in intervals if interval])


def _make_table(
    evaluation: Evaluation,
    models: Sequence[Model],
    numbers: Numbers,
    kind: _Kind,
    slices: Sequence[NamedSlice],
    charts: Sequence[SliceChart],
) -> Table:
    """Returns a row a slice, followed by a row a model; only the candidate's have intervals."""
    columns = (Column("slice and model", words=True), Column("sequences"), *(Column(chart.title) for chart in charts))
    candidate, empty, rows = models[0], ("",) * len(charts), []
    for part in slices:
        label = Cell((part.label,), tooltip=evaluation.slices[part.name].title)
        sequences = numbers.number("count", "evaluation", "slices", part.name, "sequences")
        rows.append(Row((label, sequences, *empty)))
        for model in models:
            cells = (
                make_metric_cell(numbers, model.name, f"{chart.metric}/{part.name}", interval=model == candidate)
                for chart in charts
            )
            rows.append(Row((model.name, "", *cells), html_class="part"))
    caption = f"{kind.title}, with the interval of {candidate.name}; the charts have those of the others"
    return Table(columns, tuple(rows), caption, html_class="names results")
