"""A comparison of runs as text for a terminal."""

import textwrap
from collections.abc import Iterator, Sequence

from experiments.comparison.compared import ComparedRuns
from experiments.comparison.metric_words import kind_of, measure_title, task_title
from experiments.comparison.words import correction, verdict
from model.evaluation.bootstrap import REPLICATES
from model.evaluation.comparison import Comparison, MetricComparison
from reporting.console import short_path
from serving.table import display_width

_SHOWN = ("recall", "ndcg")
_MARK = "*"
_WIDTH = 118


def format_comparison(compared: ComparedRuns) -> str:
    """Writes who was compared, the verdicts, and Recall and NDCG of all tasks; the page has the other metrics."""
    lines = [*_legend(compared), "", f"{compared.test_set}."]
    for letter, name in zip(compared.letters[1:], compared.names[1:], strict=True):
        lines += ["", f"{letter} - A", *_one(compared, letter, name)]
    if any(comparison.differs for comparison in compared.comparisons.runs.values()):
        lines += ["", *_footer(compared)]
    return "\n".join(lines)


def _one(compared: ComparedRuns, letter: str, name: str) -> Iterator[str]:
    comparison = compared.comparisons.runs[name]
    for sentence in verdict(compared.names[0], name, comparison):
        yield from textwrap.wrap(sentence, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    if not comparison.differs:
        return
    shown = [metric for metric in comparison.metrics if kind_of(metric) in _SHOWN] or list(comparison.metrics)
    yield from ("", *_table(letter, shown, comparison))
    if any(comparison.groups.values()):
        yield from ("", *_groups(letter, comparison))


def _footer(compared: ComparedRuns) -> Iterator[str]:
    yield from textwrap.wrap(f"{_MARK} significant. {correction(compared.comparisons)}", _WIDTH)
    yield from textwrap.wrap(
        f"Differences are paired by test sequence. Intervals: Poisson bootstrap over users, {REPLICATES:,} replicates. "
        "p: paired t-test on users, before correction. higher/lower/equal: share of the sequences.",
        _WIDTH,
    )
    if any(part for comparison in compared.comparisons.runs.values() for part in comparison.groups.values()):
        yield f"Groups, by the history in {compared.names[0]}:"
        yield from (f"  {group}: {title}" for group, title in compared.group_titles.items())


def _legend(compared: ComparedRuns) -> Iterator[str]:
    width = max(map(display_width, compared.names))
    for letter, name, run in zip(compared.letters, compared.names, compared.runs, strict=True):
        where = f"run {run.run_id}" if run.run_id else short_path(run.folder)
        yield f"{letter}  {name}{' ' * (width - display_width(name))}  {where}"


def _table(letter: str, metrics: Sequence[str], comparison: Comparison) -> Iterator[str]:
    tasks = max(len(task_title(metric)) for metric in metrics)
    measures = max(len(measure_title(metric)) for metric in metrics)
    head = f"{'':{tasks}}  {'':{measures}}  {'A':>8} {letter:>8} {f'{letter} - A':>9}   {'95% interval':<20}"
    head += f" {'p':>8}  {'higher/lower/equal':>18} {'sequences':>10}"
    yield head
    yield "-" * len(head)
    task = ""
    for metric in metrics:
        title = task_title(metric) if task_title(metric) != task else ""
        task = task_title(metric)
        yield f"{title:{tasks}}  {measure_title(metric):{measures}}  {_row(comparison.metrics[metric])}"


def _row(part: MetricComparison) -> str:
    change = part.difference
    interval = "" if change.low is None else f"[{change.low:+z.4f}, {change.high:+z.4f}]"
    shares = "/".join(f"{share:.1%}" for share in (part.higher, part.lower, part.equal))
    values = f"{part.reference.value:>8.4f} {part.other.value:>8.4f} {_change(part):>10}  {interval:<20}"
    return f"{values} {p_text(part.p_value):>8}  {shares:>18} {part.sequences:>10,}"


def _groups(letter: str, comparison: Comparison) -> Iterator[str]:
    names = list(dict.fromkeys(group for parts in comparison.groups.values() for group in parts))
    titles = [f"{task_title(metric)} {measure_title(metric)}" for metric in comparison.groups]
    width = max(map(len, [*titles, f"{letter} - A by group"]))
    head = f"{f'{letter} - A by group':{width}}" + "".join(f"  {name:<28}" for name in names)
    yield head.rstrip()
    yield "-" * len(head)
    for title, parts in zip(titles, comparison.groups.values(), strict=True):
        yield f"{title:{width}}{''.join(f'  {_cell(parts.get(name)):<28}' for name in names)}".rstrip()


def _cell(part: MetricComparison | None) -> str:
    if part is None:
        return "-"
    change = part.difference
    return _change(part) + ("" if change.low is None else f" [{change.low:+z.4f}, {change.high:+z.4f}]")


def _change(part: MetricComparison) -> str:
    return f"{part.difference.value:+z.4f}{_MARK if part.significant else ' '}"


def p_text(p_value: float | None) -> str:
    """Writes a p-value.

    >>> p_text(0.0123), p_text(3e-9), p_text(None)
    ('0.012', '<0.001', 'too few')
    """
    if p_value is None:
        return "too few"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"
