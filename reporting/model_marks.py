"""The models of an evaluation, and their marks on charts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from reporting.charts.intervals import Mark
from reporting.titles import LAST_BLESSED, POPULARITY, STYLES

_STYLES = {POPULARITY: STYLES[1], LAST_BLESSED: STYLES[2]}


class Model(NamedTuple):
    """A model: its name, and the class of its colour and shape."""

    name: str
    style: str


class Chart(NamedTuple):
    """A chart with its heading."""

    title: str
    svg: Markup


def models_of(evaluation: Mapping[str, Any]) -> list[Model]:
    """Returns the measured models, the candidate first; a model that many reports have has one colour in all."""
    candidate, *others = evaluation["models"]
    return [Model(candidate, STYLES[0]), *(Model(name, _STYLES.get(name, STYLES[3])) for name in others)]


def rivals_of(evaluation: Mapping[str, Any]) -> list[Model]:
    """Returns the models that a candidate has to be better than, those that there are."""
    _, *others = models_of(evaluation)
    rivals = {model.name: model for model in others}
    return [rivals[name] for name in (POPULARITY, LAST_BLESSED) if name in rivals]


def mark_of(evaluation: Mapping[str, Any], model: Model, metric: str) -> Mark | None:
    """Returns the mark of a model's metric, None if it was not measured."""
    found = evaluation["models"][model.name]["metrics"].get(metric)
    if not found:
        return None
    told = f"{model.name}: {found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
    return Mark(model.style, found["value"], found["low"], found["high"], told)
