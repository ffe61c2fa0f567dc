"""A benchmark as one HTML page that needs nothing beside it: the sections of the document, and charts."""

import dataclasses
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from experiments.benchmark.metric_tables import MetricRow, MetricTable
from experiments.benchmark.result import BenchmarkResult, LearningCurve
from experiments.benchmark.rows import BenchmarkRow
from experiments.benchmark.sections import Section
from model.config import MONITOR
from model.evaluation.tasks import GROUPS
from reporting.charts import Interval, IntervalRow, Line, draw_intervals, draw_lines
from reporting.html import make_environment
from reporting.numbers import FORMATS, Number, format_spread
from reporting.table import Cell, Part, Table
from reporting.titles import STYLES, full_title, term_title

TEMPLATE = "benchmark.html.j2"


@dataclasses.dataclass(frozen=True)
class Figure:
    """A chart with its heading.

    Attributes:
        title: heading of the chart.
        svg: the chart.
        caption: numbers below the chart.
    """

    title: str
    svg: Markup
    caption: Cell = Cell(())


@dataclasses.dataclass(frozen=True)
class Figures:
    """The charts of a section.

    Attributes:
        key: names of the styles, each with the style.
        figures: charts beside each other.
        note: sentence on how to read the charts.
    """

    key: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    note: str = ""


def render_page(result: BenchmarkResult, sections: Sequence[Section]) -> str:
    """Returns the page of a benchmark.

    Each measured number is a `data` element: ``value`` has all its digits, ``data-path`` is a JSON pointer into
    benchmark.json.
    """
    figures = {"groups": _draw_groups(result), "curves": _draw_curves(result)}
    size = result.test and Number(result.test.sequences, "count", ("test", "sequences"))
    template = make_environment("experiments.benchmark").get_template(TEMPLATE)
    return template.render(
        name=result.info.name,
        seeds=result.seeds,
        test_sequences=size,
        sections=sections,
        figures=figures,
        show_body=_show_body,
    )


def _show_body(table: Table) -> Markup:
    """Returns a table in HTML without its caption, which is a heading above it."""
    return dataclasses.replace(table, caption="").to_html()


def _draw_groups(result: BenchmarkResult) -> Figures:
    """Draws Figure 3: a chart for each metric, a row for each method, an interval for each group."""
    figures = []
    for table in result.groups:
        for metric in dict.fromkeys(column.metric.rpartition("/")[0] for column in table.columns):
            rows = [_draw_group_row(result.rows[row.row], table, row, metric) for row in table.rows]
            rows = [row for row in rows if row.intervals]
            name = full_title(metric)
            title = f"{name[0].upper()}{name[1:]}"
            if rows:
                figures.append(Figure(title, draw_intervals(f"{title} by length of the history", rows)))
    key = tuple(zip(GROUPS, STYLES, strict=False))
    return Figures(key, tuple(figures), "A line is the standard deviation over seeds, each way.")


def _draw_group_row(row: BenchmarkRow, table: MetricTable, metric_row: MetricRow, metric: str) -> IntervalRow:
    means = {column.metric: mean for column, mean in zip(table.columns, metric_row.cells, strict=True)}
    intervals = []
    for group, style in zip(GROUPS, STYLES, strict=False):
        mean = means[f"{metric}/group={group}"]
        if mean.mean is not None:
            spread = mean.spread or 0.0
            title = f"{row.name}, {group}: {format_spread(mean.mean, mean.spread)}"
            intervals.append(Interval(style, mean.mean, mean.mean - spread, mean.mean + spread, title))
    return IntervalRow(row.name, intervals)


def _draw_curves(result: BenchmarkResult) -> Figures:
    """Draws a chart for each row that was trained, on the same axes, and a line for each seed."""
    styles = _assign_styles(result)
    lines = [[_make_line(curve, styles) for curve in curves.seeds] for curves in result.curves]
    beside = [line for row_lines in lines for line in row_lines]
    figures = []
    for place, (curves, row_lines) in enumerate(zip(result.curves, lines, strict=True)):
        name = result.rows[curves.row].name
        svg = draw_lines(f"{name}: {term_title(MONITOR)}", row_lines, beside=beside)
        figures.append(Figure(name, svg, _describe_best(place, curves.seeds)))
    key = tuple((f"seed {seed}", style) for seed, style in styles.items()) if len(styles) <= len(STYLES) else ()
    return Figures(key, tuple(figures), "The axes are the same for all; a point is the epoch whose weights are kept.")


def _make_line(curve: LearningCurve, styles: Mapping[int, str]) -> Line:
    label = f"seed {curve.seed}"
    if curve.best_value is not None:
        label += f": {FORMATS['metric'](curve.best_value)} at epoch {curve.best_epoch}, whose weights are kept"
    return Line(label, styles[curve.seed], curve.epochs, curve.values, curve.best_epoch)


def _describe_best(place: int, curves: Sequence[LearningCurve]) -> Cell:
    """Returns the best value of each seed's curve."""
    parts: list[Part] = []
    for at, curve in enumerate(curves):
        if curve.best_value is not None:
            path = ("curves", place, "seeds", at)
            value = Number(curve.best_value, "metric", (*path, "best_value"))
            epoch = Number(curve.best_epoch, "count", (*path, "best_epoch"))
            parts += ["; " if parts else "", f"seed {curve.seed}: ", value, " at epoch ", epoch]
    return Cell(tuple(parts))


def _assign_styles(result: BenchmarkResult) -> dict[int, str]:
    """Returns the style of each seed, the same in all charts; where there are many seeds, some share a style."""
    seeds = sorted({curve.seed for curves in result.curves for curve in curves.seeds})
    return {seed: STYLES[place % len(STYLES)] for place, seed in enumerate(seeds)}
