"""The key figures at the top of a report."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from reporting.charts.intervals import Row, interval_chart
from reporting.model_marks import Model, mark_of, models_of, rivals_of
from reporting.titles import TASKS, metric_title

_TASKS = ("next_item", "period_items", "next_scene")
_METRICS = ("recall", "ndcg")
_PREFERRED_K = 10
"""As in the tables of the paper."""


class Card(NamedTuple):
    """A key figure.

    Attributes:
        title: of the metric.
        metric: its name in the evaluation.
        svg: the candidate and the models that it has to be better than, beside each other.
        rivals: those models.
    """

    title: str
    metric: str
    svg: Markup
    rivals: list[Model]


def key_k(ks: Sequence[int]) -> int:
    """Returns the cut-off of the key figures: 10 if that was measured, else the largest.

    >>> key_k([5, 10, 20]), key_k([1, 20])
    (10, 20)
    """
    return _PREFERRED_K if _PREFERRED_K in ks else max(ks)


def verdict_cards(evaluation: Mapping[str, Any]) -> list[Card]:
    """Returns the key figures, those that were measured of the candidate."""
    candidate = models_of(evaluation)[0]
    cards = []
    for task in _TASKS:
        for kind in _METRICS:
            metric = f"{kind}@{key_k(evaluation['k'])}"
            name = f"{task}/{metric}"
            if name in evaluation["models"][candidate.name]["metrics"]:
                cards.append(_card(evaluation, candidate, name, f"{TASKS[task]}, {metric_title(metric)}"))
    return cards


def _card(evaluation: Mapping[str, Any], candidate: Model, metric: str, title: str) -> Card:
    found = [(model, mark_of(evaluation, model, metric)) for model in (candidate, *rivals_of(evaluation))]
    rows = [Row(model.name, [mark]) for model, mark in found if mark]
    rivals = [model for model, mark in found[1:] if mark]
    return Card(title, metric, interval_chart(f"{title} by model", rows), rivals)
