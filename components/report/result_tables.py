"""The tables of results: what each task asks for, and every metric of every model beside the differences."""

from collections.abc import Mapping
from typing import NamedTuple

from markupsafe import Markup

from components.report.verdict_cards import Model, judge_difference, list_models
from reporting.numbers import Key, Numbers
from reporting.table import Cell, Column, Part, Row, Table, rank_values
from reporting.titles import ASKED, LISTS, TASKS, is_neutral, metric_title
from schemas.evaluation import Difference, Evaluation


class ResultTable(NamedTuple):
    """A table with its heading."""

    title: str
    table: Table


def make_task_overview(evaluation: Evaluation, numbers: Numbers) -> Table | None:
    """Returns what the measured tasks ask for, and how much of it no model can answer; None if none was measured."""
    columns = (
        Column("task", words=True),
        Column("asked for", words=True),
        Column("sequences"),
        Column("targets outside the catalogue"),
    )
    candidate = ("evaluation", "models", evaluation.candidate)
    rows = tuple(
        Row(
            (
                title,
                ASKED[task],
                numbers.number("count", candidate, "metrics", f"{task}/{metrics[0]}", "sequences"),
                numbers.number("share", candidate, "unknown_share", task),
            )
        )
        for task, title in TASKS.items()
        if (metrics := _list_metrics(evaluation, task))
    )
    caption = "What is asked, and how much of it cannot be answered"
    return Table(columns, rows, caption, html_class="names") if rows else None


def make_task_tables(evaluation: Evaluation, numbers: Numbers) -> list[ResultTable]:
    """Returns a table for each task of which anything was measured."""
    captions = {task: f"{title}: {ASKED[task]}" for task, title in TASKS.items()}
    return _make_tables(evaluation, numbers, TASKS, captions)


def make_list_tables(evaluation: Evaluation, numbers: Numbers) -> list[ResultTable]:
    """Returns a table for each kind of list: metrics of lists, whatever comes true of them."""
    titles = {kind: f"Lists of {title}" for kind, title in LISTS.items()}
    return _make_tables(evaluation, numbers, titles, titles)


def make_metric_cell(numbers: Numbers, model: str, metric: str, interval: bool = True, best: bool = False) -> Cell:
    """Returns the cell of a model's metric, with its interval in small print; the best of a row is bold."""
    path = ("evaluation", "models", model, "metrics", metric)
    value = numbers.number("metric", path, "value")
    shown = interval and value.value is not None
    small = _make_interval(numbers, "metric", path) if shown else ()
    return Cell((value,), rank="best" if best else None, small=small)


def _make_tables(
    evaluation: Evaluation, numbers: Numbers, titles: Mapping[str, str], captions: Mapping[str, str]
) -> list[ResultTable]:
    models = list_models(evaluation)
    others = [model for model in models if model.name in evaluation.differences]
    columns = (
        Column("metric", words=True),
        *(Column(model.name) for model in models),
        *(Column(f"minus {other.name}", html_class="minus") for other in others),
    )
    tables = []
    for owner, title in titles.items():
        metrics = _list_metrics(evaluation, owner)
        if metrics:
            rows = tuple(_make_row(evaluation, numbers, models, others, owner, metric) for metric in metrics)
            tables.append(ResultTable(title, Table(columns, rows, captions[owner], html_class="results")))
    return tables


def _make_row(
    evaluation: Evaluation, numbers: Numbers, models: list[Model], others: list[Model], owner: str, metric: str
) -> Row:
    name, neutral = f"{owner}/{metric}", is_neutral(metric)
    found = [evaluation.models[model.name].metrics.get(name) for model in models]
    ranks = rank_values([None if one is None or neutral else one.value for one in found])
    return Row(
        (
            metric_title(metric),
            *(
                make_metric_cell(numbers, model.name, name, best=rank == "best")
                for model, rank in zip(models, ranks, strict=True)
            ),
            *(
                _make_difference_cell(
                    evaluation.differences[other.name].get(name),
                    numbers,
                    ("evaluation", "differences", other.name, name),
                    neutral,
                )
                for other in others
            ),
        )
    )


def _make_difference_cell(
    difference: Difference | None, numbers: Numbers, path: tuple[Key, ...], neutral: bool
) -> Cell:
    """Returns the cell of a difference: p-value, an arrow where it is beyond doubt, value and interval."""
    value = numbers.number("difference", path, "value")
    if difference is None:
        return Cell((value,))
    p_value = Markup("")
    if difference.p_value is not None:
        p_value = Markup('<small class="p">p {}</small> ').format(numbers("p", path, "p_value"))
    direction = judge_difference(difference)
    arrow = {"higher": "▲", "lower": "▼", None: ""}[direction]
    kind = {"higher": "better", "lower": "worse", None: ""}[direction]
    judged = Markup("{}&#8239;{}").format(arrow, value.to_html())
    if direction:
        judged = Markup('<span class="{}">{}</span>').format("clear" if neutral else kind, judged)
    return Cell((p_value, judged), small=_make_interval(numbers, "difference", path))


def _make_interval(numbers: Numbers, format: str, path: tuple[Key, ...]) -> tuple[Part, ...]:
    return ("[", numbers.number(format, path, "low"), ", ", numbers.number(format, path, "high"), "]")


def _list_metrics(evaluation: Evaluation, owner: str) -> list[str]:
    """Returns the metrics of a task or of a kind of list, over all sequences; coverage, the plainest, is first."""
    names = [name.split("/") for model in evaluation.models.values() for name in model.metrics]
    found = dict.fromkeys(parts[1] for parts in names if len(parts) == 2 and parts[0] == owner)
    return sorted(found, key=lambda metric: not metric.startswith("coverage"))
