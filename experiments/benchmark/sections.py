"""The sections of a benchmark's document, from which Markdown and HTML are rendered: sentences and tables."""

import dataclasses
from collections.abc import Iterator, Mapping

from experiments.benchmark import tables
from experiments.benchmark.narrative import join_words
from experiments.benchmark.result import BenchmarkResult
from model.config import MONITOR
from model.questions import NEXT, PERIOD, PREFIX, read_label, read_window
from reporting.numbers import Number
from reporting.table import Cell, Part, Table
from reporting.titles import term_title

_QUESTION_MEANINGS: Mapping[str, str] = {
    NEXT: "the next items",
    PERIOD: "all of the future",
    PREFIX: "what comes next after any prefix",
}
"""What a method is trained for, or what a statistical method counts, by the question."""

_TUNED = {
    None: "Whether a row was tuned stands beside it; one that was not has the values of the configuration.",
    "no": "No row was tuned by a search: all have the values of the configuration.",
    "yes": "All trained rows were tuned, within the same budget; DSPnet without a part has DSPnet's values.",
}


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the document.

    Attributes:
        id: name of the section in links.
        title: heading of the section.
        paragraphs: sentences, with numbers that point into benchmark.json.
        bullets: sentences that stand in a list.
        tables: tables of the section.
        folded: tables that a page shows when they are asked for.
    """

    id: str
    title: str
    paragraphs: tuple[Cell, ...] = ()
    bullets: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()


def make_sections(result: BenchmarkResult) -> list[Section]:
    """Returns the sections that have something to show."""
    return [
        Section("verdict", "Verdict", tuple(map(_make_paragraph, result.verdict)), result.cautions),
        Section(
            "methods",
            "Methods",
            tuple(map(_make_paragraph, _explain_methods(result))),
            tables=tuple(
                tables.make_metric_table(result, table, ("tables", place)) for place, table in enumerate(result.tables)
            ),
        ),
        *_describe_significance(result),
        *_describe_equal_heads(result),
        *_describe_parts(result),
        *_describe_ideas(result),
        *_describe_groups(result),
        *_describe_curves(result),
        _describe_cost(result),
        _describe_search(result),
        _describe_origin(result),
    ]


def _explain_methods(result: BenchmarkResult) -> Iterator[str]:
    """Yields how to read the tables of methods: what a number is, what is ranked, and what was tested."""
    yield "A number is the mean over seeds, ± the sample standard deviation over seeds (none where there is one seed)."
    yield (
        "The best of a column is bold and the second best underlined, by the mean at full precision; equal means share "
        "a rank. The methods and DSPnet compete; its ablations (DSPnet-, and DSPnet without a part) do not. Rivals are "
        "as published: without what this project adds to every method, and trained on one question each."
    )
    shared = " ".join(_explain_settings(result))
    if shared:
        yield shared
    if result.comparisons.columns:
        yield (
            "At the end of a table stands DSPnet minus the best baseline of the column (by mean), paired by test "
            f"sequence, and the same in percent of the baseline's value; * is significant after Holm's correction for "
            f"all {result.comparisons.tests} tests, in either direction. (The percentages in the paper's tables are "
            "differences in points.)"
        )


def _explain_settings(result: BenchmarkResult) -> Iterator[str]:
    """Yields what rows have in common of the settings that could distinguish them."""
    targets = sorted({row.target for row in result.rows if row.target})
    if "target" in result.distinguishing:
        meanings = "; ".join(f"{target}: {describe_target(target)}" for target in targets)
        yield f"What rows were trained on, or what was counted, stands beside them ({meanings})."
    elif targets:
        yield f"Training target of all rows, and what is counted: {targets[0]} ({describe_target(targets[0])})."
    trained = [row for row in result.rows if row.objective]
    for setting, title in (("objective", "Objective"), ("sampling", "Sampling of candidates")):
        if trained and setting not in result.distinguishing:
            yield f"{title} of all trained rows: {trained[0].format_setting(setting)}."
    tuned = {row.format_setting("tuned") for row in trained} - {None}
    if tuned:
        yield _TUNED[tuned.pop() if len(tuned) == 1 else None]


def describe_target(target: str) -> str:
    """Returns what is predicted, or counted, given the label of one or several questions."""
    meanings = [_describe_question(question) for question in read_label(target)]
    return meanings[0] if len(meanings) == 1 else f"{join_words(meanings)} at once"


def _describe_question(question: str) -> str:
    window = read_window(question)
    return _QUESTION_MEANINGS[question] if window is None else f"the first {window.length} {window.unit} of the future"


def _describe_significance(result: BenchmarkResult) -> Iterator[Section]:
    comparisons = result.comparisons
    if not comparisons.columns:
        return
    explanation = (
        "DSPnet against the best baseline of each column, by mean. Values and differences are over the seeds that both "
        "have, paired by test sequence; a statistical method gives the same with any seed.",
    )
    method = (
        "Intervals: Poisson bootstrap over users, ",
        Number(comparisons.replicates, "count", ("comparisons", "replicates")),
        " replicates. p: paired t-test on users, before and after Holm's correction for ",
        Number(comparisons.tests, "count", ("comparisons", "tests")),
        " tests; * is significant after the correction.",
    )
    table = tables.make_comparison_table(result)
    yield Section(
        "significance", "Significance", (_make_paragraph(*explanation), _make_paragraph(*method)), tables=(table,)
    )


def _describe_equal_heads(result: BenchmarkResult) -> Iterator[Section]:
    if not result.equal_heads:
        return
    sentence = (
        "Rivals with what DSPnet has beyond its encoders: the question, scene and repeat heads, the times of events, "
        "dropout before the heads, hidden events and averaged weights. What is left of a difference is the "
        "architecture's own share."
    )
    shown = [
        tables.make_metric_table(result, table, ("equal_heads", place), tables.EQUAL)
        for place, table in enumerate(result.equal_heads)
    ]
    shown.append(tables.make_comparison_table(result, tables.EQUAL))
    yield Section("equal-heads", "At equal heads", (_make_paragraph(sentence),), tables=tuple(shown))


def _describe_ideas(result: BenchmarkResult) -> Iterator[Section]:
    if not result.idea_comparisons.columns:
        return
    sentence = (
        "DSPnet against itself with one thing left out, or added, over the seeds that both have, paired by test "
        "sequence: what is above zero helps."
    )
    table = tables.make_comparison_table(result, tables.IDEAS)
    yield Section("ideas", "What helps", (_make_paragraph(sentence),), tables=(table,))


def _describe_parts(result: BenchmarkResult) -> Iterator[Section]:
    if result.fusion:
        sentence = (
            "DSPnet with another sequence feature enhancement. DSPnet without its regularisation stands in the tables "
            "of methods."
        )
        shown = tuple(
            tables.make_metric_table(result, table, ("fusion", place)) for place, table in enumerate(result.fusion)
        )
        yield Section("parts", "Parts of DSPnet", (_make_paragraph(sentence),), tables=shown)


def _describe_groups(result: BenchmarkResult) -> Iterator[Section]:
    if not result.groups:
        return
    parts: list[Part] = ["As Figure 3 of the paper: about thirds of the test sequences, by length of the history."]
    for name, group in (result.test.groups if result.test else {}).items():
        size = Number(group.sequences, "count", ("test", "groups", name, "sequences"))
        parts += [f" {name}: {group.title} (", size, " sequences)."]
    shown = tuple(
        tables.make_metric_table(result, table, ("groups", place)) for place, table in enumerate(result.groups)
    )
    yield Section("groups", "Groups", (_make_paragraph(*parts),), folded=shown)


def _describe_curves(result: BenchmarkResult) -> Iterator[Section]:
    if result.curves:
        metric = term_title(MONITOR)
        sentence = f"{metric[0].upper()}{metric[1:]} by epoch; the best epoch is the one whose weights are kept."
        table = tables.make_curve_table(result)
        yield Section("curves", "Learning curves", (_make_paragraph(sentence),), folded=(table,))


def _describe_cost(result: BenchmarkResult) -> Section:
    paragraph = _make_paragraph(
        "Table 5 of the paper gives orders of growth of the prediction part; beside them stands what was measured "
        "here, of whole epochs, validation included, after the first, which also builds the graph. All runs together "
        "took ",
        Number(result.cost.total_seconds, "seconds", ("cost", "total_seconds")),
        " to train and to evaluate. A number is the mean over seeds, ± the standard deviation over seeds.",
    )
    return Section("cost", "Cost", (paragraph,), tables=(tables.make_cost_table(result),))


def _describe_search(result: BenchmarkResult) -> Section:
    search, settings = result.search, result.settings
    sentence = "Nothing was searched: each method has the values of the configuration."
    if search.methods:
        sentence = (
            f"Budget: {search.trials:,} trials for each trained method and each training target, judged on the "
            "validation split, with the first seed of this benchmark."
        )
    shown = (tables.make_search_table(result),) if search.methods else ()
    folded = []
    if settings.differing:
        folded.append(tables.make_differing_settings_table(settings.differing))
    if settings.shared:
        folded.append(tables.make_shared_settings_table(settings.shared))
    return Section("search", "Search", (_make_paragraph(sentence),), tables=shown, folded=tuple(folded))


def _describe_origin(result: BenchmarkResult) -> Section:
    sentence = "The same command continues a benchmark that was stopped: finished runs are not run again."
    folded = [tables.make_versions_table(result.info.versions)] if result.info.versions else []
    folded.append(tables.make_sources_table(result.rows))
    origin = tables.make_origin_table(result)
    return Section("origin", "Origin", (_make_paragraph(sentence),), tables=(origin,), folded=tuple(folded))


def _make_paragraph(*parts: Part) -> Cell:
    return Cell(parts)
