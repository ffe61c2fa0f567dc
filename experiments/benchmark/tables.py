"""The tables of a benchmark as every output shows them; each number points into benchmark.json."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from experiments.benchmark.metric_tables import MetricTable
from experiments.benchmark.plan import DSPNET
from experiments.benchmark.result import BenchmarkResult, LearningCurve
from experiments.benchmark.rows import BenchmarkRow, SeedMean
from experiments.benchmark.settings import DifferingSetting
from experiments.benchmark.significance import BaselineComparison, BaselineComparisons
from reporting.numbers import Key, Number, format_gib, pointer
from reporting.table import Cell, Column, Row, Table, number
from reporting.titles import ASKED, full_title

SETTING_TITLES = {"target": "trained on", "objective": "objective", "sampling": "candidates", "tuned": "tuned"}
"""Titles of the columns that distinguish rows, in their order."""

STATE_TEXTS = {"out_of_memory": "OOM", "failed": "failed", "waiting": "not yet", "unmeasured": "–"}
"""What stands in a table where there is no number."""

BEST, EQUAL, IDEAS = ("comparisons",), ("equal_comparisons",), ("idea_comparisons",)
"""Where benchmark.json has DSPnet against the best baselines, against rivals with its heads, and against itself."""

DIFFERENCE = "minus the best baseline"
_DIFFERENCES = {BEST: DIFFERENCE, EQUAL: "minus the best rival with its heads"}
_CAPTIONS = {
    BEST: "Differences to the best baseline of each column",
    EQUAL: "Differences to the best rival with DSPnet's heads, of each column",
    IDEAS: "DSPnet minus each of these",
}
_NOTHING = "–"
_NARROW = "min-width:0"
_WRAPPED = "names"
"""CSS class of tables whose words may be broken over several lines."""

Path = tuple[Key, ...]


def make_metric_table(result: BenchmarkResult, table: MetricTable, path: Path, compared: tuple[str] = BEST) -> Table:
    """Returns a table of metrics, with the differences to the best baselines as its last rows.

    `path` holds the keys that lead to the table in benchmark.json, `compared` those that lead to its comparisons.
    """
    comparisons = _find_comparisons(result, compared)
    distinguishing = [setting for setting in SETTING_TITLES if setting in result.distinguishing]
    rows = []
    for at, metric_row in enumerate(table.rows):
        row = result.rows[metric_row.row]
        settings = [_make_setting_cell(row, setting) for setting in distinguishing]
        cells = [
            _make_mean_cell(mean, (*path, "rows", at, "cells", place)) for place, mean in enumerate(metric_row.cells)
        ]
        seeds = _make_seeds_cell(row, metric_row.row)
        rows.append(Row((_join_lines(metric_row.label), *settings, seeds, *cells), _choose_class(row)))
    for difference in table.differences:
        row = result.rows[difference.dspnet]
        settings = [_make_setting_cell(row, setting) for setting in distinguishing]
        cells = [
            _make_missing_cell(_NOTHING)
            if place is None
            else _make_difference_cell(comparisons.columns[place], (*compared, "columns", place))
            for place in difference.columns
        ]
        rows.append(Row((f"{_join_lines(row.label)} {_DIFFERENCES[compared]}", *settings, "", *cells)))
    columns = _make_word_columns("Method", *(SETTING_TITLES[setting] for setting in distinguishing))
    columns += _make_number_columns("seeds", *(column.title for column in table.columns))
    caption = ": ".join(filter(None, [table.number, table.title]))
    caption += "" if table.of_methods else "; here every row competes"
    notes = (f"Asked for: {ASKED[table.name]}.",) if table.name in ASKED else ()
    return Table(columns, tuple(rows), caption, notes)


def make_comparison_table(result: BenchmarkResult, compared: tuple[str] = BEST) -> Table:
    """Returns the table of comparisons, of which `compared` says where benchmark.json has them."""
    comparisons = _find_comparisons(result, compared)
    rows = []
    for place, column in enumerate(comparisons.columns):
        path: Path = (*compared, "columns", place)
        cells = (
            full_title(column.metric),
            _make_narrow_cell(result.rows[column.dspnet].name),
            _make_narrow_cell(result.rows[column.baseline].name),
            number(column.baseline_mean, "metric", (*path, "baseline_mean")),
            number(column.dspnet_mean, "metric", (*path, "dspnet_mean")),
            _make_difference_cell(column, path),
            _make_interval_cell(column, path),
            number(column.p_value, "p", (*path, "p_value")),
            number(column.adjusted, "p", (*path, "adjusted")),
            _make_narrow_cell(f"not tested: {column.reason}" if column.reason else ", ".join(map(str, column.seeds))),
        )
        rows.append(Row(cells))
    columns = (
        *_make_word_columns("Metric", "DSPnet", "compared with" if compared == IDEAS else "best baseline"),
        *_make_number_columns("its value", "value of DSPnet", "difference", "95% interval", "p", "p, corrected"),
        *_make_word_columns("seeds"),
    )
    return Table(columns, tuple(rows), _CAPTIONS[compared], html_class="results")


def _find_comparisons(result: BenchmarkResult, compared: tuple[str]) -> BaselineComparisons:
    """Returns the comparisons of which `compared` says where benchmark.json has them."""
    comparisons: BaselineComparisons = getattr(result, compared[0])
    return comparisons


def make_curve_table(result: BenchmarkResult) -> Table:
    """Returns where each learning curve begins, is best and ends."""
    rows = [
        Row((result.rows[curves.row].name, *_make_curve_cells(curve, ("curves", place, "seeds", at))))
        for place, curves in enumerate(result.curves)
        for at, curve in enumerate(curves.seeds)
    ]
    columns = (
        *_make_word_columns("Method"),
        *_make_number_columns("seed", "first", "best", "at epoch", "last", "epochs"),
    )
    return Table(columns, tuple(rows), "The first, the best and the last epoch of each curve")


def make_cost_table(result: BenchmarkResult) -> Table:
    """Returns Table 5: the measured cost beside the paper's orders of growth."""
    columns = result.cost.columns
    rows = []
    for at, cost_row in enumerate(result.cost.rows):
        row = result.rows[cost_row.row]
        cells = [
            _make_mean_cell(mean, ("cost", "rows", at, "cells", place), column.kind)
            for place, (mean, column) in enumerate(zip(cost_row.cells, columns, strict=True))
        ]
        rows.append(Row((_make_name_cell(row.name), cost_row.order or _NOTHING, *cells), _choose_class(row)))
    titles = _make_word_columns("Method", "order of growth in the paper")
    titles += _make_number_columns(*(column.title for column in columns))
    return Table(titles, tuple(rows), "Table 5: Measured cost", (f"{result.cost.symbols}.",), _WRAPPED)


def make_search_table(result: BenchmarkResult) -> Table:
    """Returns what was searched for each method, and what was chosen."""
    rows = []
    for place, search in enumerate(result.search.methods):
        for at, key in enumerate(search.keys):
            path = ("search", "methods", place, "keys", at, "chosen")
            chosen = _NOTHING if key.chosen is None else _format_pointing(key.chosen, path)
            rows.append(Row((_make_name_cell(search.title), _format_key(key.key), key.range or _NOTHING, chosen)))
    return Table(
        _make_word_columns("Method", "key", "searched", "chosen"),
        tuple(rows),
        "What was searched, and what was chosen",
        html_class=_WRAPPED,
    )


def make_differing_settings_table(settings: Sequence[DifferingSetting]) -> Table:
    """Returns the settings in which rows differ, with the rows that have each value."""
    rows = [
        Row((_format_key(setting.key), _format_code(value.value), ", ".join(value.rows)))
        for setting in settings
        for value in setting.values
    ]
    caption = "Settings in which rows differ, but for method, target and seed"
    return Table(_make_word_columns("key", "value", "rows"), tuple(rows), caption, html_class=_WRAPPED)


def make_shared_settings_table(settings: Mapping[str, str]) -> Table:
    """Returns the settings that all rows share."""
    rows = [Row((_format_key(key), _format_code(value))) for key, value in settings.items()]
    return Table(_make_word_columns("key", "value"), tuple(rows), "Settings that all rows share", html_class=_WRAPPED)


def make_origin_table(result: BenchmarkResult) -> Table:
    """Returns what the benchmark was started with, and on which machine."""
    info = result.info
    values = {
        "command": _format_code(info.command) if info.command else None,
        "seeds": ", ".join(map(str, result.seeds)),
        "memory for each run": info.memory_limit and format_gib(info.memory_limit),
        "test digest": result.test and _format_code(str(result.test.digest)),
    }
    rows = [(name, value) for name, value in values.items() if value]
    return _make_name_value_table("", [*rows, *((name, str(value)) for name, value in info.machine.items())])


def make_versions_table(versions: Mapping[str, str]) -> Table:
    """Returns the versions of the installed libraries."""
    return _make_name_value_table("Versions", list(versions.items()))


def make_sources_table(rows: Sequence[BenchmarkRow]) -> Table:
    """Returns where the method of each row comes from."""
    table_rows = [Row((_make_name_cell(row.name), _format_code(row.method), row.source or _NOTHING)) for row in rows]
    caption = "Methods and where they come from"
    return Table(_make_word_columns("row", "model.name", "source"), tuple(table_rows), caption, html_class=_WRAPPED)


def _make_mean_cell(mean: SeedMean, path: Path, kind: str = "metric") -> Cell:
    """Returns a mean with its rank and its spread, or why there is none."""
    if mean.mean is None:
        return _make_missing_cell(STATE_TEXTS[mean.state])
    spread = () if mean.spread is None else ("± ", Number(mean.spread, kind, (*path, "spread")))
    return number(mean.mean, kind, (*path, "mean"), rank=mean.rank, small=spread)


def _make_difference_cell(column: BaselineComparison, path: Path) -> Cell:
    """Returns a difference, and the same in percent of the other's value; `path` leads to the comparison."""
    relative: tuple[str | Number, ...] = ()
    if column.relative is not None:
        sign = "+" if column.relative > 0 else ""
        relative = (sign, Number(column.relative, "share", (*path, "relative")))
    value = (*path, "difference", "value")
    significant = bool(column.significant)
    return number(column.difference.value, "difference", value, significant=significant, small=relative)


def _make_interval_cell(column: BaselineComparison, path: Path) -> Cell:
    """Returns the interval of a difference; `path` leads to the comparison."""
    if column.difference.low is None:
        return _make_missing_cell(_NOTHING)
    low, high = (
        Number(getattr(column.difference, end), "difference", (*path, "difference", end)) for end in ("low", "high")
    )
    return Cell((low, " to ", high), html_style="white-space:nowrap")


def _make_seeds_cell(row: BenchmarkRow, place: int) -> Cell:
    """Returns how many seeds a row rests on."""
    finished, planned = len(row.finished), len(row.results) + len(row.missing)
    parts: tuple[str | Number, ...] = (Number(finished, "count", ("rows", place, "finished")),)
    if finished != planned:
        parts = (*parts, " of ", Number(planned, "count", ("rows", place, "planned")))
    return Cell(parts)


def _make_curve_cells(curve: LearningCurve, path: Path) -> list[Cell | str]:
    last = len(curve.values) - 1
    return [
        str(curve.seed),
        number(curve.values[0], "metric", (*path, "values", 0)),
        number(curve.best_value, "metric", (*path, "best_value")),
        number(curve.best_epoch, "count", (*path, "best_epoch")),
        number(curve.values[last], "metric", (*path, "values", last)),
        number(curve.epochs[last], "count", (*path, "epochs", last)),
    ]


def _make_setting_cell(row: BenchmarkRow, setting: str) -> Cell:
    return _make_narrow_cell(row.format_setting(setting) or _NOTHING)


def _make_narrow_cell(text: str) -> Cell:
    return Cell((_isolate(text),), html_style=_NARROW)


def _make_name_cell(name: str) -> Cell:
    return Cell((_join_lines(name),), html_style="min-width:8.5rem")


def _make_missing_cell(text: str) -> Cell:
    return Cell((Markup('<span class="missing" style="white-space:nowrap">{}</span>').format(text),))


def _choose_class(row: BenchmarkRow) -> str:
    return "candidate" if row.role == DSPNET else "" if row.competes else "part"


def _make_name_value_table(caption: str, values: Sequence[tuple[str, str]]) -> Table:
    rows = tuple(Row((name, value)) for name, value in values)
    return Table(_make_word_columns("what", "value"), rows, caption, html_class=_WRAPPED)


def _make_word_columns(*titles: str) -> tuple[Column, ...]:
    return tuple(Column(title, words=True) for title in titles)


def _make_number_columns(*titles: str) -> tuple[Column, ...]:
    return tuple(map(Column, titles))


def _join_lines(text: str) -> str:
    return " ".join(text.split())


def _isolate(text: str) -> Markup:
    """Returns a text whose direction does not affect its neighbours."""
    return Markup("<bdi>{}</bdi>").format(_join_lines(text))


def _format_code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _format_key(key: str) -> Markup:
    """Returns a key of the configuration, which a page may break after its dots and underscores."""
    breakable = escape(key).replace(".", Markup(".<wbr>")).replace("_", Markup("_<wbr>"))
    return Markup("<code>{}</code>").format(breakable)


def _format_pointing(text: str, path: Path) -> Markup:
    """Returns a text that is at a path in benchmark.json."""
    return Markup('<span data-path="{}" dir="auto">{}</span>').format(pointer(*path), text)
