"""The page of a report: one HTML file that needs nothing beside it."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from components.report import training_charts
from components.report.slice_charts import slice_families
from model.evaluation.tasks import GROUPS
from reporting import result_tables, verdict_cards
from reporting.charts.bars import histogram
from reporting.charts.scatter import scatter
from reporting.html import make_environment
from reporting.model_marks import models_of, rivals_of
from reporting.numbers import Numbers
from reporting.titles import FATES, SECTIONS, STYLES

_OPEN_EXAMPLES = 3


def render_report(facts: Mapping[str, Any]) -> str:
    """Returns the page for the facts of a run, the content of `report.json`.

    Every number is a `data` element: ``value`` has all its digits, ``data-path`` is a JSON pointer into the facts.
    Text that has numbers in it, such as the reasons of the verdict, has a ``data-path`` too.

    Args:
        facts: with ``name``, ``data``, ``training``, ``evaluation``, ``users``, ``examples`` and ``origin``. Metrics,
            differences, slices, groups, epochs, means and ``users`` may be absent or null; the page then says so or
            leaves them out.
    """
    evaluation, training, data = facts["evaluation"], facts["training"], facts["data"]
    models = models_of(evaluation)
    shown = [models[0], *rivals_of(evaluation)]
    terms = training_charts.terms_of(training)
    points = facts["users"]["points"] if facts["users"] else []
    return (
        make_environment("components.report")
        .get_template("report.html.j2")
        .render(
            facts=facts,
            n=Numbers(facts),
            sections=SECTIONS,
            # Data.
            fates=FATES,
            share_of_events=lambda fate: round(100 * data["balance"][fate] / max(data["balance"]["events_in"], 1), 1),
            lengths_chart=_lengths(data["lengths"]),
            # Training.
            curves=training_charts.training_charts(training),
            terms=terms,
            validated=any(term.startswith("val_") for term in terms),
            adversarial=any(term.endswith("_accuracy") and term.startswith("D_") for term in terms),
            timed=any(epoch.get("seconds") is not None for epoch in training["epochs"]),
            shown_epoch=training_charts.shown_epoch(training),
            # Evaluation.
            models=models,
            candidate=models[0],
            others=[model for model in models if model.name in evaluation["differences"]],
            cards=verdict_cards.verdict_cards(evaluation),
            task_tables=result_tables.task_tables(evaluation),
            list_tables=result_tables.list_tables(evaluation),
            is_best=lambda model, metric: result_tables.is_best(evaluation, model, metric),
            # What the user's own items tell is in the tables; in charts it would only make the others small.
            shown_models=shown,
            families=slice_families(evaluation, shown, max(evaluation["k"])),
            # Users.
            groups=_groups(points),
            user_map=_user_map(points),
            open_examples=_OPEN_EXAMPLES,
        )
    )


def _lengths(lengths: Mapping[str, Any]) -> Markup | None:
    if not lengths["sampled"]:
        return None
    return histogram("Number of sequences by number of events", lengths["edges"], lengths["sequences"], "events")


def _groups(points: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Returns the groups that have points, with their styles."""
    present = {point["group"] for point in points}
    return [(group, style) for group, style in zip(GROUPS, STYLES, strict=False) if group in present]


def _user_map(points: list[Mapping[str, Any]]) -> Markup | None:
    places = {
        style: [(point["x"], point["y"]) for point in points if point["group"] == group]
        for group, style in _groups(points)
    }
    return scatter("Users by what the model knows of them", places) if places else None
