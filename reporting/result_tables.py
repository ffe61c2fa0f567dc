"""What the tables of results have to show."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from reporting.titles import ASKED, LISTS, TASKS

NEUTRAL = ("coverage", "novelty", "popularity_bias")
"""Metrics of which more is neither better nor worse."""


class Table(NamedTuple):
    """A table of results.

    Attributes:
        owner: what was measured, as the evaluation names it.
        title: the same in words.
        asked: what the model is asked for, empty for lists.
        metrics: names without owner; rows of the table.
    """

    owner: str
    title: str
    asked: str
    metrics: list[str]


def task_tables(evaluation: Mapping[str, Any]) -> list[Table]:
    """Returns a table a task of which anything was measured."""
    return _tables(evaluation, TASKS)


def list_tables(evaluation: Mapping[str, Any]) -> list[Table]:
    """Returns a table for each kind of list: what is told of it whatever comes true."""
    return _tables(evaluation, LISTS)


def is_best(evaluation: Mapping[str, Any], model: str, metric: str) -> bool:
    """Tells whether no model has a higher value of ``task/metric``; of one model alone that says nothing."""
    values = [
        found["metrics"][metric]["value"] for found in evaluation["models"].values() if metric in found["metrics"]
    ]
    own = evaluation["models"][model]["metrics"].get(metric)
    return own is not None and len(values) > 1 and own["value"] >= max(values)


def is_neutral(metric: str) -> bool:
    """Tells whether more of a metric, named without its owner, is neither better nor worse."""
    return metric.partition("@")[0] in NEUTRAL


def _tables(evaluation: Mapping[str, Any], titles: Mapping[str, str]) -> list[Table]:
    names = [name.split("/") for model in evaluation["models"].values() for name in model["metrics"]]
    tables = [Table(owner, title, ASKED.get(owner, ""), _metrics(names, owner)) for owner, title in titles.items()]
    return [table for table in tables if table.metrics]


def _metrics(names: Iterable[list[str]], owner: str) -> list[str]:
    """The evaluation names coverage last; it belongs first, being the plainest."""
    found = dict.fromkeys(parts[1] for parts in names if len(parts) == 2 and parts[0] == owner)
    return sorted(found, key=lambda metric: not metric.startswith("coverage"))
