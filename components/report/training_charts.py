"""The training as charts, one a term of the objective with train and validation together, and as a table."""

from typing import NamedTuple

from markupsafe import Markup

from reporting.charts import Line, draw_lines
from reporting.numbers import Numbers
from reporting.table import Column, Row, Table
from reporting.titles import STYLES, term_title
from schemas.training import TrainingHistory

_NO_TERMS = ("epoch", "seconds")
_TRAIN, _VALIDATION = STYLES[:2]


class TrainingChart(NamedTuple):
    """A chart of one term.

    Attributes:
        title: title of the term.
        svg: the chart.
        values: the values at the epoch whose weights are kept, each with what it was measured on and its style.
        monitored: whether training stops by the term.
    """

    title: str
    svg: Markup
    values: list[tuple[str, str, Markup]]
    monitored: bool


class TrainingSection(NamedTuple):
    """What the report shows of a training.

    Attributes:
        charts: the term that training stops by first.
        key: what the colours mean: pairs of name and style.
        adversarial: whether discriminators were trained.
        table: every logged value by epoch.
    """

    charts: list[TrainingChart]
    key: list[tuple[str, str]]
    adversarial: bool
    table: Table


def make_training_section(training: TrainingHistory, numbers: Numbers) -> TrainingSection:
    """Returns what the report shows of a training."""
    terms = list_terms(training)
    names = dict.fromkeys(term.removeprefix("val_") for term in terms)
    charts = [chart for name in names if (chart := _make_chart(training, numbers, name, terms))]
    validated = any(term.startswith("val_") for term in terms)
    return TrainingSection(
        charts=sorted(charts, key=lambda chart: not chart.monitored),
        key=[("train", _TRAIN), *([("validation", _VALIDATION)] if validated else [])],
        adversarial=any(term.startswith("D_") and term.endswith("_accuracy") for term in terms),
        table=_make_table(training, numbers, terms),
    )


def list_terms(training: TrainingHistory) -> list[str]:
    """Returns all logged values: the total, its terms, then the rest, each value of training before validation's."""
    names = dict.fromkeys(name for epoch in training.epochs for name in epoch if name not in _NO_TERMS)
    return sorted(names, key=lambda name: (name != "loss", not name.endswith("_loss"), name.removeprefix("val_"), name))


def _make_chart(training: TrainingHistory, numbers: Numbers, term: str, terms: list[str]) -> TrainingChart | None:
    pair = [(term, "train", _TRAIN), (f"val_{term}", "validation", _VALIDATION)]
    names = [(name, measured_on, style) for name, measured_on, style in pair if name in terms]
    steps = [int(epoch["epoch"] or 0) for epoch in training.epochs]
    lines = [
        Line(measured_on, style, steps, [epoch.get(name) for epoch in training.epochs])
        for name, measured_on, style in names
    ]
    if all(value is None for line in lines for value in line.values):
        return None
    # The last epoch stands for the best one where that is not known.
    place = steps.index(training.best_epoch) if training.best_epoch in steps else len(steps) - 1
    values = [
        (measured_on, style, numbers("loss", "training", "epochs", place, name)) for name, measured_on, style in names
    ]
    title = term_title(term)
    svg = draw_lines(f"{title} by epoch", lines, training.best_epoch)
    return TrainingChart(title, svg, values, training.monitor in [name for name, _, _ in names])


def _make_table(training: TrainingHistory, numbers: Numbers, terms: list[str]) -> Table:
    shown = [("loss", term, term_title(term)) for term in terms]
    if any(epoch.get("seconds") is not None for epoch in training.epochs):
        shown.append(("seconds", "seconds", "time"))
    rows = []
    for place, epoch in enumerate(training.epochs):
        cells = [
            numbers.number(format, "training", "epochs", place, name)
            for format, name, _ in (("count", "epoch", "epoch"), *shown)
        ]
        rows.append(Row(tuple(cells), html_class="candidate" if epoch["epoch"] == training.best_epoch else ""))
    columns = (Column("epoch", words=True), *(Column(title) for _, _, title in shown))
    return Table(columns, tuple(rows), "Every logged value by epoch")
