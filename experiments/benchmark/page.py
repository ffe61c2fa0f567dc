"""A benchmark as one HTML page that needs nothing beside it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from experiments.benchmark import captions
from experiments.benchmark.summary import STATE_WORDS
from experiments.comparison.narrative import measure_title, metric_title, task_title
from experiments.runs.run import MONITOR
from model.evaluation.tasks import GROUPS
from reporting.charts import Interval, IntervalRow, Line, draw_intervals, draw_lines
from reporting.html import make_environment
from reporting.numbers import FORMATS, Numbers, format_gib, format_spread
from reporting.titles import ASKED, STYLES, term_title

TEMPLATE = "benchmark.html.j2"
SECTIONS = (
    ("verdict", "Verdict"),
    ("methods", "Methods"),
    ("significance", "Significance"),
    ("parts", "Parts of DSPnet"),
    ("groups", "Groups"),
    ("curves", "Learning curves"),
    ("cost", "Cost"),
    ("search", "Search"),
    ("origin", "Origin"),
)

Facts = Mapping[str, Any]


class Chart(NamedTuple):
    """A chart with its heading; `place` is that of its row or of its table in the facts."""

    place: int
    title: str
    svg: Markup


def render_benchmark(facts: Facts) -> str:
    """Returns the page for the facts of `experiments.benchmark.facts`, the content of `benchmark.json`.

    Every number of its tables is a `data` element: ``value`` has all its digits, ``data-path`` is a JSON pointer into
    the facts.
    """
    found = make_environment("experiments.benchmark")
    return found.get_template(TEMPLATE).render(
        facts=facts,
        n=Numbers(facts),
        sections=[section for section in SECTIONS if _has(facts, section[0])],
        how_to_read=captions.how_to_read(facts),
        of_table=captions.of_table,
        of_search=captions.of_search,
        memory_limit=facts["memory_limit"] and format_gib(facts["memory_limit"]),
        asked=ASKED,
        difference=captions.DIFFERENCE,
        told_apart=[(setting, title) for setting, title in captions.SETTINGS.items() if setting in facts["told_apart"]],
        state_words=STATE_WORDS,
        metric_title_of=metric_title,
        several_dspnets=len({column["dspnet"] for column in facts["comparisons"]["columns"]}) > 1,
        group_charts=[chart for place in range(len(facts["groups"])) for chart in _group_charts(facts, place)],
        group_styles=list(zip(GROUPS, STYLES, strict=False)),
        curve_title=term_title(MONITOR),
        curve_charts=_curve_charts(facts),
        seed_styles=[(f"seed {seed}", style) for seed, style in _seed_styles(facts).items()],
    )


def _has(facts: Facts, section: str) -> bool:
    """Tells whether there is something to show in a section."""
    needed = {"significance": facts["comparisons"]["columns"], "parts": facts["fusion"]}
    return bool({**needed, "groups": facts["groups"], "curves": facts["curves"]}.get(section, True))


def _group_charts(facts: Facts, place: int) -> list[Chart]:
    """Draws Figure 3: a chart a metric, a row a method, a mark a group."""
    table = facts["groups"][place]
    metrics = list(dict.fromkeys(column["metric"].rpartition("/")[0] for column in table["columns"]))
    charts = []
    for metric in metrics:
        rows = [_group_row(facts, table, of_row, metric) for of_row in table["rows"]]
        rows = [row for row in rows if row.intervals]
        title = f"{task_title(metric).capitalize()}, {measure_title(metric)}"
        if rows:
            charts.append(Chart(place, title, draw_intervals(f"{title} by length of the history", rows)))
    return charts


def _group_row(facts: Facts, table: Facts, of_row: Facts, metric: str) -> IntervalRow:
    cells = {column["metric"]: cell for column, cell in zip(table["columns"], of_row["cells"], strict=True)}
    name, intervals = facts["rows"][of_row["row"]]["name"], []
    for group, style in zip(GROUPS, STYLES, strict=False):
        cell = cells[f"{metric}/group={group}"]
        if cell["mean"] is not None:
            mean, spread = cell["mean"], cell["spread"] or 0.0
            title = f"{name}, {group}: {format_spread(mean, cell['spread'])}"
            intervals.append(Interval(style, mean, mean - spread, mean + spread, title))
    return IntervalRow(name, intervals)


def _curve_charts(facts: Facts) -> list[Chart]:
    styles = _seed_styles(facts)
    lines = [[_line(seed, styles) for seed in curve["seeds"]] for curve in facts["curves"]]
    beside = [line for of_row in lines for line in of_row]
    charts = []
    for place, (curve, of_row) in enumerate(zip(facts["curves"], lines, strict=True)):
        name = facts["rows"][curve["row"]]["name"]
        charts.append(Chart(place, name, draw_lines(f"{name}: {term_title(MONITOR)}", of_row, beside=beside)))
    return charts


def _line(seed: Facts, styles: Mapping[int, str]) -> Line:
    label, best = f"seed {seed['seed']}", seed["best_epoch"]
    if best is not None:
        label += f": {FORMATS['metric'](seed['best_value'])} at epoch {best}, whose weights are kept"
    return Line(label, styles[seed["seed"]], seed["epochs"], seed["values"], best)


def _seed_styles(facts: Facts) -> dict[int, str]:
    """Returns the style of each seed, the same in all charts; of many seeds, some share one."""
    seeds = sorted({seed["seed"] for curve in facts["curves"] for seed in curve["seeds"]})
    return {seed: STYLES[place % len(STYLES)] for place, seed in enumerate(seeds)}
