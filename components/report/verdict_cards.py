"""The headline figures at the top of a report: the candidate beside the models that it has to be better than."""

import itertools
from typing import Literal, NamedTuple

from markupsafe import Markup

from model.methods import METHODS
from reporting.charts import Interval, IntervalRow, draw_intervals
from reporting.numbers import Key, Numbers, format_estimate
from reporting.titles import LAST_BLESSED, POPULARITY, STYLES, TASKS, metric_title, pick_headline_k
from schemas.evaluation import Difference, Evaluation

_HEADLINES = tuple(itertools.product(("next_item", "period_items", "next_scene"), ("recall", "ndcg")))
_STYLES = {POPULARITY: STYLES[1], LAST_BLESSED: STYLES[2]}


class Model(NamedTuple):
    """A model: its name, and the CSS class of its colour and shape."""

    name: str
    style: str


class Card(NamedTuple):
    """A headline figure.

    Attributes:
        title: task and metric.
        path: keys that lead to the candidate's metric in the report.
        chart: the candidate and its rivals, one below the other.
        differences: name and path of the metric of each rival, and the candidate's difference to it.
    """

    title: str
    path: tuple[Key, ...]
    chart: Markup
    differences: list[tuple[str, tuple[Key, ...], Markup]]


def list_models(evaluation: Evaluation) -> list[Model]:
    """Returns the measured models, the candidate first; popularity and the last blessed model always look the same."""
    candidate, *others = evaluation.models
    return [Model(candidate, STYLES[0]), *(Model(name, _STYLES.get(name, STYLES[3])) for name in others)]


def list_rivals(evaluation: Evaluation) -> list[Model]:
    """Returns the models that a candidate has to be better than, or is not to be worse than, as far as measured."""
    _, *others = list_models(evaluation)
    rivals = {model.name: model for model in others}
    by_rule = [METHODS[name].title for name in evaluation.settings.get("not_below", ())]
    return [rivals[name] for name in dict.fromkeys((POPULARITY, *by_rule, LAST_BLESSED)) if name in rivals]


def make_interval(evaluation: Evaluation, model: Model, metric: str) -> Interval | None:
    """Returns a model's metric as a point with its interval, None if it was not measured."""
    found = evaluation.models[model.name].metrics.get(metric)
    if not found:
        return None
    title = f"{model.name}: {format_estimate(found)}"
    return Interval(model.style, found.value, found.low, found.high, title)


def judge_difference(difference: Difference) -> Literal["higher", "lower"] | None:
    """Tells whether the candidate is higher or lower than the other model; None if the interval has zero in it."""
    if difference.low is not None and difference.low > 0:
        return "higher"
    if difference.high is not None and difference.high < 0:
        return "lower"
    return None


def make_verdict_cards(evaluation: Evaluation, numbers: Numbers) -> list[Card]:
    """Returns the headline figures that were measured of the candidate; what a rule watches comes first."""
    candidate, rivals = list_models(evaluation)[0], list_rivals(evaluation)
    k = pick_headline_k(evaluation.k)
    watched = (name for name in evaluation.settings.get("thresholds", ()) if name.partition("/")[0] in TASKS)
    cards = []
    for metric in dict.fromkeys((*watched, *(f"{task}/{kind}@{k}" for task, kind in _HEADLINES))):
        title = _make_title(metric)
        if metric in evaluation.models[candidate.name].metrics:
            intervals = [(model, make_interval(evaluation, model, metric)) for model in (candidate, *rivals)]
            rows = [IntervalRow(model.name, [interval]) for model, interval in intervals if interval]
            differences = [
                (rival.name, _make_path(rival, metric), _show_difference(evaluation, numbers, rival, metric))
                for rival in rivals
                if metric in evaluation.differences.get(rival.name, {})
            ]
            chart = draw_intervals(f"{title} by model", rows)
            cards.append(Card(title, _make_path(candidate, metric), chart, differences))
    return cards


def _make_title(metric: str) -> str:
    task, kind, *part = metric.split("/", 2)
    return ", ".join((TASKS[task], metric_title(kind), *part))


def _make_path(model: Model, metric: str) -> tuple[Key, ...]:
    return ("evaluation", "models", model.name, "metrics", metric)


def _show_difference(evaluation: Evaluation, numbers: Numbers, rival: Model, metric: str) -> Markup:
    """Returns a difference, its interval, and whether it is better or worse."""
    path = ("evaluation", "differences", rival.name, metric)
    judgement = {
        "higher": Markup('<span class="better">▲ better</span>'),
        "lower": Markup('<span class="worse">▼ worse</span>'),
        None: Markup('<span class="open">no clear difference</span>'),
    }[judge_difference(evaluation.differences[rival.name][metric])]
    value, low, high = (numbers("difference", path, end) for end in ("value", "low", "high"))
    return Markup('{} <span class="soft">[{}, {}]</span> {}').format(value, low, high, judgement)
