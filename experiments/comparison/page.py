"""A comparison of runs as one HTML page that needs nothing beside it."""

import json

from markupsafe import Markup

from experiments.comparison.narrative import get_cutoff, get_kind
from experiments.comparison.results import ComparisonResult, RunComparison
from model.evaluation.comparison import MetricComparison
from reporting.charts import draw_intervals, make_difference_row
from reporting.html import make_environment
from reporting.numbers import Key, Numbers
from reporting.table import Cell, Column, Number, Part, Row, Table, number
from reporting.titles import full_title
from schemas.evaluation import Estimate

TEMPLATE = "comparison.html.j2"

_CHARTED = ("recall", "ndcg")
_LARGE = 520


def render_page(result: ComparisonResult) -> str:
    """Returns the page.

    The numbers of its tables are `data` elements: ``value`` has all digits, and ``data-path`` is a JSON pointer into
    the result, which the page holds as JSON in the element ``facts``.
    """
    content = result.to_json()
    return (
        make_environment("experiments.comparison")
        .get_template(TEMPLATE)
        .render(
            result=result,
            n=Numbers(content),
            runs=_make_run_table(result),
            metrics=[_make_metric_table(result, place) for place in range(len(result.comparisons))],
            groups=[_make_group_table(result, place) for place in range(len(result.comparisons))],
            configurations=[_make_configuration_table(compared) for compared in result.comparisons],
            overview=[_draw_overview(compared) for compared in result.comparisons],
            by_group=[_draw_groups(compared) for compared in result.comparisons],
            embedded=_embed(content),
        )
    )


def _draw_overview(compared: RunComparison) -> Markup | None:
    """Draws Recall and NDCG at the largest k, over all sequences."""
    metrics = compared.comparison.metrics
    charted = [metric for metric in metrics if get_kind(metric) in _CHARTED]
    largest = max(map(get_cutoff, charted), default=0)
    rows = [
        make_difference_row(full_title(metric), metrics[metric].difference, metrics[metric].significant)
        for metric in charted
        if get_cutoff(metric) == largest
    ]
    return draw_intervals(f"Differences of {compared.name}", rows, signed=True, width=_LARGE) if rows else None


def _draw_groups(compared: RunComparison) -> list[tuple[str, Markup]]:
    """Draws a small chart a metric, all with the same axis."""
    rows = {
        full_title(metric): [
            make_difference_row(group, part.difference, part.significant) for group, part in parts.items()
        ]
        for metric, parts in compared.comparison.groups.items()
        if parts
    }
    beside = [row for of_metric in rows.values() for row in of_metric]
    return [(title, draw_intervals(f"{title} by group", of, signed=True, beside=beside)) for title, of in rows.items()]


def _make_run_table(result: ComparisonResult) -> Table:
    columns = (
        *(Column(title, words=True) for title in ("", "Name", "Run")),
        *(Column(title) for title in ("Items", "Scenes")),
        Column("Evaluation", words=True),
    )
    rows = []
    for place, run in enumerate(result.runs):
        sizes = run.catalogue
        path = ("runs", place, "catalogue")
        rows.append(
            Row(
                (
                    run.letter,
                    run.name,
                    run.run_id or "–",
                    number(None if sizes is None else sizes.items, "count", (*path, "items")),
                    number(None if sizes is None else sizes.scenes, "count", (*path, "scenes")),
                    _format_code(run.folder),
                )
            )
        )
    return Table(columns, tuple(rows), caption="What is compared; A is the reference.")


def _make_metric_table(result: ComparisonResult, place: int) -> Table:
    compared = result.comparisons[place]
    titles = (*_list_value_titles(compared), "Higher", "Lower", "Equal", "Sequences")
    rows = []
    for metric, part in compared.comparison.metrics.items():
        path = ("comparisons", place, "metrics", metric)
        shares = {"higher": part.higher, "lower": part.lower, "equal": part.equal}
        rows.append(
            Row(
                (
                    full_title(metric),
                    _make_estimate_cell(part.reference, "metric", (*path, "reference")),
                    _make_estimate_cell(part.other, "metric", (*path, "other")),
                    *_make_difference_cells(part, path),
                    *(number(share, "share", (*path, name)) for name, share in shares.items()),
                    number(part.sequences, "count", (*path, "sequences")),
                )
            )
        )
    caption = (
        "* significant after Holm's correction; p: before and after it; higher, lower, equal: share of the sequences "
        f"in which {compared.name} has the higher, the lower or the same value."
    )
    return Table((Column("Metric", words=True), *map(Column, titles)), tuple(rows), caption)


def _make_group_table(result: ComparisonResult, place: int) -> Table:
    compared = result.comparisons[place]
    titles = (*_list_value_titles(compared), "Sequences")
    rows = []
    for metric, parts in compared.comparison.groups.items():
        for group, part in parts.items():
            path = ("comparisons", place, "groups", metric, group)
            rows.append(
                Row(
                    (
                        full_title(metric),
                        group,
                        number(part.reference.value, "metric", (*path, "reference", "value")),
                        number(part.other.value, "metric", (*path, "other", "value")),
                        *_make_difference_cells(part, path),
                        number(part.sequences, "count", (*path, "sequences")),
                    )
                )
            )
    columns = (Column("Metric", words=True), Column("Group", words=True), *map(Column, titles))
    return Table(columns, tuple(rows), caption="By length of the history.")


def _make_configuration_table(compared: RunComparison) -> Table:
    columns = tuple(Column(title, words=True) for title in ("Key", "A", compared.letter))
    changes = compared.configuration or {}
    rows = [
        Row((_format_code(key), _format_code(ours), _format_code(theirs))) for key, (ours, theirs) in changes.items()
    ]
    return Table(columns, tuple(rows), caption="What differs in the two configurations.")


def _list_value_titles(compared: RunComparison) -> tuple[str, ...]:
    return ("A", compared.letter, f"{compared.letter} − A", "p", "p, corrected")


def _make_difference_cells(part: MetricComparison, path: tuple[Key, ...]) -> tuple[Cell, ...]:
    return (
        _make_estimate_cell(part.difference, "difference", (*path, "difference"), part.significant),
        number(part.p_value, "p", (*path, "p_value")),
        number(part.adjusted, "p", (*path, "adjusted")),
    )


def _make_estimate_cell(estimate: Estimate, kind: str, path: tuple[Key, ...], significant: bool = False) -> Cell:
    interval: tuple[Part, ...] = ()
    if estimate.low is not None:
        low, high = Number(estimate.low, kind, (*path, "low")), Number(estimate.high, kind, (*path, "high"))
        interval = ("[", low, ", ", high, "]")
    return Cell((Number(estimate.value, kind, (*path, "value")),), significant=significant, small=interval)


def _format_code(value: object) -> Cell:
    return Cell((Markup("<code>{}</code>").format(value),))


def _embed(content: object) -> Markup:
    """Writes JSON that no text in it can end."""
    return Markup(json.dumps(content, allow_nan=False, ensure_ascii=False).replace("<", "\\u003c"))
