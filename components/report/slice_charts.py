"""Slices as small multiples: a chart a metric, a row a slice."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from reporting.charts.intervals import Row, interval_chart
from reporting.model_marks import Chart, Model, mark_of
from reporting.titles import TASKS, metric_title

_ITEM_TASKS = ("next_item", "period_items")


class Slice(NamedTuple):
    """A slice: its name in the evaluation, and how it is called here."""

    name: str
    label: str


class Family(NamedTuple):
    """Slices of one kind.

    Attributes:
        title: heading.
        words: how to read it.
        slices: that something was measured in.
        titled: whether what the evaluation calls them says more than their labels.
        columns: names of the metrics, without slice, with their titles.
        charts: one a column.
        across: how many charts make a row.
    """

    title: str
    words: str
    slices: list[Slice]
    titled: bool
    columns: list[tuple[str, str]]
    charts: list[Chart]
    across: int


class _Kind(NamedTuple):
    prefixes: tuple[str, ...]
    title: str
    words: str
    titled: bool
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


def slice_families(evaluation: Mapping[str, Any], models: Sequence[Model], k: int) -> list[Family]:
    """Returns the families of slices in which anything was measured.

    Args:
        evaluation: of the facts.
        models: those to draw.
        k: cut-off of the metrics.
    """
    families = (_family(evaluation, models, k, kind) for kind in _KINDS)
    return [family for family in families if family.charts]


def _family(evaluation: Mapping[str, Any], models: Sequence[Model], k: int, kind: _Kind) -> Family:
    slices = [
        Slice(name, _ENDS.get(name) or name.partition("=")[2] or name)
        for name, found in evaluation["slices"].items()
        if name.startswith(kind.prefixes) and found["sequences"]
    ]
    columns, charts = [], []
    for metric in (f"recall@{k}", f"ndcg@{k}"):
        for task in kind.tasks:
            title = f"{TASKS[task]}, {metric_title(metric)}"
            rows = [_row(evaluation, models, f"{task}/{metric}", part) for part in slices]
            rows = [row for row in rows if row.marks]
            if rows:
                columns.append((f"{task}/{metric}", title))
                charts.append(Chart(title, interval_chart(f"{title}, {kind.title.lower()}", rows)))
    return Family(kind.title, kind.words, slices, kind.titled, columns, charts, max(len(charts) // 2, 1))


def _row(evaluation: Mapping[str, Any], models: Sequence[Model], column: str, part: Slice) -> Row:
    marks = (mark_of(evaluation, model, f"{column}/{part.name}") for model in models)
    return Row(part.label, [mark for mark in marks if mark])
