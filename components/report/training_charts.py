"""Charts of the training: one a term of the loss, train and validation together."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from reporting.charts.lines import Line, line_chart
from reporting.titles import term_title

_NO_TERMS = ("epoch", "seconds")
TRAIN, VALIDATION = "s1", "s2"


class Curve(NamedTuple):
    """A chart of one term.

    Attributes:
        title: what is drawn.
        svg: the chart.
        names: of the logged values in it, with what they were measured on and their style.
        monitored: whether training stops by it.
    """

    title: str
    svg: Markup
    names: list[tuple[str, str, str]]
    monitored: bool


def terms_of(training: Mapping[str, Any]) -> list[str]:
    """Returns all logged values, the total first, then its terms, then the rest; of each train before validation."""
    names = dict.fromkeys(name for epoch in training["epochs"] for name in epoch if name not in _NO_TERMS)
    return sorted(names, key=lambda name: (name != "loss", not name.endswith("_loss"), name.removeprefix("val_"), name))


def training_charts(training: Mapping[str, Any]) -> list[Curve]:
    """Returns the charts for the facts ``training``, first of what training stops by."""
    terms = terms_of(training)
    curves = [_curve(training, term, terms) for term in dict.fromkeys(term.removeprefix("val_") for term in terms)]
    return sorted((curve for curve in curves if curve), key=lambda curve: not curve.monitored)


def shown_epoch(training: Mapping[str, Any]) -> int | None:
    """Returns the place of the epoch whose weights are kept, of the last one if that is not told."""
    epochs = [epoch["epoch"] for epoch in training["epochs"]]
    if training.get("best_epoch") in epochs:
        return epochs.index(training["best_epoch"])
    return len(epochs) - 1 if epochs else None


def _curve(training: Mapping[str, Any], term: str, terms: list[str]) -> Curve | None:
    pair = [(term, "train", TRAIN), (f"val_{term}", "validation", VALIDATION)]
    names = [(name, of, style) for name, of, style in pair if name in terms]
    lines = [Line(of, style, [epoch.get(name) for epoch in training["epochs"]]) for name, of, style in names]
    if all(value is None for line in lines for value in line.values):
        return None
    steps = [epoch["epoch"] for epoch in training["epochs"]]
    title = term_title(term)
    svg = line_chart(f"{title} by epoch", steps, lines, training.get("best_epoch"))
    return Curve(title, svg, names, training.get("monitor") in [name for name, _, _ in names])
