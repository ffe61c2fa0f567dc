"""A comparison of runs as one HTML page that needs nothing beside it."""

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from experiments.comparison.compared import ComparedRuns
from experiments.comparison.facts import comparison_facts
from experiments.comparison.metric_words import cutoff_of, headline, kind_of
from reporting.charts import IntervalRow, draw_intervals, make_difference_row
from reporting.html import make_environment
from reporting.numbers import Numbers

TEMPLATE = "comparison.html.j2"

_CHARTED = ("recall", "ndcg")
_LARGE = 520


def comparison_page(compared: ComparedRuns) -> str:
    """Returns the page.

    The numbers of its tables are `data` elements: ``value`` has all digits, and ``data-path`` is a JSON pointer into
    the facts, which the page holds as JSON in the element ``facts``.
    """
    return render(comparison_facts(compared))


def render(facts: Mapping[str, Any]) -> str:
    """Returns the page for facts of `experiments.comparison.facts`."""
    return (
        make_environment("experiments.comparison")
        .get_template(TEMPLATE)
        .render(
            facts=facts,
            n=Numbers(facts),
            headlines=[_headline(comparison) for comparison in facts["comparisons"]],
            overview=[_overview(comparison, facts["metrics"]) for comparison in facts["comparisons"]],
            by_group=[_by_group(comparison, facts["metrics"]) for comparison in facts["comparisons"]],
            embedded=_embedded(facts),
        )
    )


def _headline(comparison: Mapping[str, Any]) -> str | None:
    """Returns the metric that the verdict is about, unless there is no difference to speak of."""
    return None if comparison["identical"] or not comparison["metrics"] else headline(comparison["metrics"])


def _overview(comparison: Mapping[str, Any], titles: Mapping[str, Any]) -> Markup | None:
    """Draws Recall and NDCG at the largest k, over all sequences."""
    charted = [metric for metric in comparison["metrics"] if kind_of(metric) in _CHARTED]
    largest = max(map(cutoff_of, charted), default=0)
    rows = [
        _row(f"{titles[metric]['task']} {titles[metric]['measure']}", comparison["metrics"][metric])
        for metric in charted
        if cutoff_of(metric) == largest
    ]
    return draw_intervals(f"Differences of {comparison['name']}", rows, signed=True, width=_LARGE) if rows else None


def _by_group(comparison: Mapping[str, Any], titles: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    """Draws a small chart a metric, all with the same axis."""
    rows = {
        f"{titles[metric]['task']} {titles[metric]['measure']}": [_row(group, part) for group, part in parts.items()]
        for metric, parts in comparison["groups"].items()
    }
    beside = [row for of_metric in rows.values() for row in of_metric]
    return [(title, draw_intervals(f"{title} by group", of, signed=True, beside=beside)) for title, of in rows.items()]


def _row(label: str, part: Mapping[str, Any]) -> IntervalRow:
    change = part["difference"]
    return make_difference_row(label, change["value"], change["low"], change["high"], part["significant"])


def _embedded(facts: Mapping[str, Any]) -> Markup:
    """Writes JSON that no text in it can end."""
    return Markup(json.dumps(facts, allow_nan=False, ensure_ascii=False).replace("<", "\\u003c"))
