"""The page of a report: one HTML file that needs nothing beside it."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from components.report.content import ReportContent, UserMap
from components.report.data_tables import make_data_section
from components.report.result_tables import make_list_tables, make_task_overview, make_task_tables
from components.report.slice_charts import make_slice_families
from components.report.training_charts import make_training_section
from components.report.verdict_cards import list_models, list_rivals, make_verdict_cards
from model.evaluation.tasks import GROUPS
from reporting.charts import draw_scatter
from reporting.html import make_environment
from reporting.numbers import Numbers
from reporting.table import Cell, Column, Row, Table
from reporting.titles import STYLES, term_title

SECTIONS = {
    "verdict": "Verdict",
    "data": "Data",
    "training": "Training",
    "results": "Results",
    "slices": "Slices",
    "users": "Users",
    "examples": "Examples",
    "origin": "Origin",
}
"""Titles of the sections of a report."""

_OPEN_EXAMPLES = 3


class MapChart(NamedTuple):
    """A map of users: what its colours mean, as pairs of group and style, and the chart."""

    key: list[tuple[str, str]]
    svg: Markup


def render_report(content: ReportContent) -> str:
    """Returns the page of a report.

    Every number is a `data` element: ``value`` has all its digits, ``data-path`` is a JSON pointer into `report.json`.
    Text that has numbers in it, such as the reasons of the verdict, has a ``data-path`` too. Where something was not
    measured, the page says so or leaves it out.
    """
    evaluation, numbers = content.evaluation, Numbers(content.to_json())
    models = list_models(evaluation)
    # The user's own items are in the tables alone; in charts they would only make the other models small.
    shown_models = [models[0], *list_rivals(evaluation)]
    origin = content.origin
    return (
        make_environment("components.report")
        .get_template("report.html.j2")
        .render(
            content=content,
            n=numbers,
            sections=SECTIONS,
            candidate=models[0].name,
            blessed=evaluation.verdict is not None and evaluation.verdict.blessed,
            cards=make_verdict_cards(evaluation, numbers),
            data=make_data_section(content.data, numbers),
            training=make_training_section(content.training, numbers),
            monitor=content.training.monitor and term_title(content.training.monitor),
            task_overview=make_task_overview(evaluation, numbers),
            task_tables=make_task_tables(evaluation, numbers),
            list_tables=make_list_tables(evaluation, numbers),
            shown_models=shown_models,
            slice_families=make_slice_families(evaluation, shown_models, numbers),
            user_map=_draw_user_map(content.users),
            open_examples=_OPEN_EXAMPLES,
            settings_table=_make_code_table(
                ("setting", "value"),
                {
                    name.replace("_", " "): json.dumps(value, sort_keys=True)
                    for name, value in evaluation.settings.items()
                },
                "What was measured, and what a model must reach",
            ),
            digests_table=_make_code_table(
                ("component", "digest"), origin.source_digests, "Digest of the source of each component"
            ),
            versions_table=_make_code_table(("library", "version"), origin.versions, "Version of each library"),
        )
    )


def _draw_user_map(users: UserMap | None) -> MapChart | None:
    """Returns the map; None if there is no user on it."""
    if users is None or not users.points:
        return None
    present = {point.group for point in users.points}
    key = [(group, style) for group, style in zip(GROUPS, STYLES, strict=False) if group in present]
    places = {style: [(point.x, point.y) for point in users.points if point.group == group] for group, style in key}
    return MapChart(key, draw_scatter("Users by what the model knows of them", places))


def _make_code_table(titles: tuple[str, str], values: Mapping[str, Any], caption: str) -> Table:
    """Returns a table of names and values, the values as code."""
    rows = tuple(Row((name, Cell((Markup("<code>{}</code>").format(value),)))) for name, value in values.items())
    return Table(tuple(Column(title, words=True) for title in titles), rows, caption, html_class="names")
