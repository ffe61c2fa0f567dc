"""A comparison of runs as text for a terminal; the page has all metrics."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from experiments.comparison.narrative import get_kind
from experiments.comparison.results import ComparisonResult, RunComparison
from model.evaluation.comparison import Comparison, MetricComparison
from reporting.numbers import FORMATS, format_interval
from reporting.table import Cell, Column, Row, Table, number
from reporting.titles import full_title, measure_title, task_title

_SHOWN = ("recall", "ndcg")
_WIDTH = 118


def format_comparison(result: ComparisonResult) -> str:
    """Writes who was compared, the verdicts, and Recall and NDCG of all tasks; the page has the other metrics."""
    lines = [*_list_runs(result), "", f"{_describe_test(result)}."]
    for compared in result.comparisons:
        lines += ["", f"{compared.letter} - A", *_format_run(compared)]
    if any(compared.comparison.differs for compared in result.comparisons):
        lines += ["", *_explain(result)]
    return "\n".join(lines)


def _list_runs(result: ComparisonResult) -> Iterator[str]:
    width = max(cell_len(run.name) for run in result.runs)
    for run in result.runs:
        where = f"run {run.run_id}" if run.run_id else run.folder
        yield f"{run.letter}  {run.name}{' ' * (width - cell_len(run.name))}  {where}"


def _describe_test(result: ComparisonResult) -> str:
    test = result.test
    of_users = "one a user" if test.users == test.sequences else f"of {test.users:,} users"
    return f"{test.sequences:,} test sequences, {of_users}, the same for all runs (digest {test.digest})"


def _format_run(compared: RunComparison) -> Iterator[str]:
    for sentence in compared.verdict:
        yield from textwrap.wrap(sentence, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    comparison = compared.comparison
    if not comparison.differs:
        return
    shown = [metric for metric in comparison.metrics if get_kind(metric) in _SHOWN] or list(comparison.metrics)
    yield from ("", _make_metric_table(compared.letter, shown, comparison).to_text())
    if any(comparison.groups.values()):
        yield from ("", _make_group_table(compared.letter, comparison).to_text())


def _explain(result: ComparisonResult) -> Iterator[str]:
    yield from textwrap.wrap(f"* significant. {result.tests.correction}", _WIDTH)
    yield from textwrap.wrap(
        "Differences are paired by test sequence. Intervals: Poisson bootstrap over users, "
        f"{result.tests.replicates:,} replicates. p: paired t-test on users, before correction. higher/lower/equal: "
        "share of the sequences.",
        _WIDTH,
    )
    if any(parts for compared in result.comparisons for parts in compared.comparison.groups.values()):
        yield f"Groups, by the history in {result.runs[0].name}:"
        yield from (f"  {group}: {part.title}" for group, part in result.test.groups.items())


def _make_metric_table(letter: str, metrics: Sequence[str], comparison: Comparison) -> Table:
    titles = ("A", letter, f"{letter} - A", "95% interval", "p", "higher/lower/equal", "sequences")
    columns = (Column("", words=True), Column("", words=True), *map(Column, titles))
    rows, task = [], ""
    for metric in metrics:
        title = "" if task_title(metric) == task else task_title(metric)
        task = task_title(metric)
        rows.append(Row((title, measure_title(metric), *_make_metric_cells(comparison.metrics[metric]))))
    return Table(columns, tuple(rows))


def _make_metric_cells(part: MetricComparison) -> tuple[Cell | str, ...]:
    return (
        number(part.reference.value, "metric"),
        number(part.other.value, "metric"),
        number(part.difference.value, "difference", significant=part.significant),
        format_interval(part.difference, "difference"),
        "too few" if part.p_value is None else number(part.p_value, "p"),
        "/".join(FORMATS["share"](share) for share in (part.higher, part.lower, part.equal)),
        number(part.sequences, "count"),
    )


def _make_group_table(letter: str, comparison: Comparison) -> Table:
    names = list(dict.fromkeys(group for parts in comparison.groups.values() for group in parts))
    rows = [
        Row((full_title(metric), *(_make_group_cell(parts.get(name)) for name in names)))
        for metric, parts in comparison.groups.items()
    ]
    columns = (Column(f"{letter} - A by group", words=True), *(Column(name, words=True) for name in names))
    return Table(columns, tuple(rows))


def _make_group_cell(part: MetricComparison | None) -> Cell | str:
    if part is None:
        return "–"
    interval = format_interval(part.difference, "difference")
    small = (interval,) if interval else ()
    return number(part.difference.value, "difference", significant=part.significant, small=small)
