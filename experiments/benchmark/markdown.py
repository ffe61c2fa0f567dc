"""A benchmark as Markdown: all tables, with what has to be known to read them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from experiments.benchmark.captions import DIFFERENCE, SETTINGS, how_to_read, of_search, of_table
from experiments.benchmark.markdown_text import escaped, grid
from experiments.benchmark.summary import STATE_WORDS
from experiments.comparison.narrative import metric_title
from experiments.runs.run import MONITOR
from reporting.numbers import FORMATS, format_gib
from reporting.titles import term_title

Facts = Mapping[str, Any]

_MARKS = {"best": "**{}**", "second": "<u>{}</u>", None: "{}"}
_NONE = "–"


def benchmark_markdown(facts: Facts) -> str:
    """Returns the document for the facts of `experiments.benchmark.facts`."""
    parts: list[Iterable[str]] = [
        [f"# Benchmark: {escaped(facts['name'])}"],
        [_paragraph(facts["verdict"])],
        _bullets(facts["cautions"]),
        ["## Methods", _paragraph(how_to_read(facts))],
        *(_of_methods(facts, table) for table in facts["tables"]),
        _comparisons(facts),
        *(_of_methods(facts, table) for table in (*facts["fusion"], *facts["groups"])),
        _groups(facts),
        _curves(facts),
        _cost(facts),
        _search(facts),
        _settings(facts),
        _origin(facts),
    ]
    return "\n\n".join(block for part in parts for block in part if block) + "\n"


def cell_text(cell: Facts, kind: str = "metric") -> str:
    """Writes a mean with its mark and its spread, or why there is none."""
    if cell["mean"] is None:
        return STATE_WORDS[cell["state"]]
    value = _MARKS[cell["mark"]].format(FORMATS[kind](cell["mean"]))
    return value if cell["spread"] is None else f"{value} ± {FORMATS[kind](cell['spread'])}"


def difference_text(column: Facts) -> str:
    r"""Writes a difference to the best baseline, and the same in percent of it.

    >>> difference_text({"difference": {"value": 0.0123}, "relative": 0.041, "significant": True})
    '+0.0123\\* (+4.1%)'
    """
    star = r"\*" if column["significant"] else ""
    relative = "" if column["relative"] is None else f" ({column['relative']:+.1%})"
    return f"{FORMATS['difference'](column['difference']['value'])}{star}{relative}"


def seeds_text(row: Facts) -> str:
    """Writes how many seeds a row rests on."""
    return str(row["finished"]) if row["finished"] == row["planned"] else f"{row['finished']} of {row['planned']}"


def _of_methods(facts: Facts, table: Facts) -> Iterator[str]:
    told_apart = [setting for setting in SETTINGS if setting in facts["told_apart"]]
    head = ["Method", *(SETTINGS[setting] for setting in told_apart), "seeds"]
    rows = []
    for of_row in table["rows"]:
        row = facts["rows"][of_row["row"]]
        settings = [escaped(row[setting] or _NONE) for setting in told_apart]
        rows.append([escaped(of_row["label"]), *settings, seeds_text(row), *map(cell_text, of_row["cells"])])
    for of_dspnet in table["differences"]:
        row = facts["rows"][of_dspnet["dspnet"]]
        settings = [escaped(row[setting] or _NONE) for setting in told_apart]
        columns = [None if at is None else facts["comparisons"]["columns"][at] for at in of_dspnet["columns"]]
        cells = [_NONE if column is None else difference_text(column) for column in columns]
        rows.append([f"{escaped(row['label'])} {DIFFERENCE}", *settings, "", *cells])
    yield f"### {escaped(of_table(table))}"
    yield grid([*head, *(escaped(column["title"]) for column in table["columns"])], rows, len(head) - 1)


def _comparisons(facts: Facts) -> Iterator[str]:
    columns = facts["comparisons"]["columns"]
    if not columns:
        return
    yield "### DSPnet against the best baseline of each column"
    yield (
        f"Means over the seeds that both have; differences are paired by test sequence. Intervals: Poisson bootstrap "
        f"over users, {facts['comparisons']['replicates']:,} replicates. p: paired t-test on users, before and after "
        "Holm's correction."
    )
    head = ["Metric", "DSPnet", "best baseline", "its value", "value of DSPnet", "difference", "95% interval"]
    rows = []
    for column in columns:
        dspnet, baseline = (escaped(facts["rows"][column[of]]["name"]) for of in ("dspnet", "baseline"))
        means = [f"{column[of]:.4f}" for of in ("baseline_mean", "dspnet_mean")]
        low, high = column["difference"]["low"], column["difference"]["high"]
        interval = _NONE if low is None else f"{low:+z.4f} to {high:+z.4f}"
        tested = [_NONE if column[of] is None else FORMATS["p"](column[of]) for of in ("p_value", "adjusted")]
        tested.append(escaped(column["reason"] or ", ".join(map(str, column["seeds"]))))
        rows.append([metric_title(column["metric"]), dspnet, baseline, *means, difference_text(column), interval])
        rows[-1] += [text.replace("<", r"\<") if text.startswith("<") else text for text in tested]
    yield grid([*head, "p", "p, corrected", "seeds, or why it was not tested"], rows, 3)


def _groups(facts: Facts) -> Iterator[str]:
    groups = (facts["test"] or {}).get("groups")
    if facts["groups"] and groups:
        told = [f"{name}: {escaped(of['title'])} ({of['sequences']:,} sequences)" for name, of in groups.items()]
        yield f"Groups of test sequences: {'; '.join(told)}."


def _curves(facts: Facts) -> Iterator[str]:
    rows = [
        [escaped(facts["rows"][curve["row"]]["name"]), str(seed["seed"]), *_ends(seed)]
        for curve in facts["curves"]
        for seed in curve["seeds"]
    ]
    if rows:
        yield "### Learning curves"
        yield f"The {term_title(MONITOR)} after the first epoch, the one whose weights are kept, and the last."
        yield grid(["Method", "seed", "first", "best", "at epoch", "last", "epochs"], rows)


def _ends(seed: Facts) -> list[str]:
    """Writes where a learning curve begins, is best and ends; the page has all of it."""
    first, last = (f"{seed['values'][place]:.4f}" for place in (0, -1))
    best = [_NONE] * 2 if seed["best_epoch"] is None else [f"{seed['best_value']:.4f}", str(seed["best_epoch"])]
    return [first, *best, last, str(seed["epochs"][-1])]


def _cost(facts: Facts) -> Iterator[str]:
    cost = facts["cost"]
    yield "### Table 5: Measured cost"
    head = ["Method", "order of growth in the paper", *(escaped(column["title"]) for column in cost["columns"])]
    kinds = [column["kind"] for column in cost["columns"]]
    rows = [
        [
            escaped(facts["rows"][of_row["row"]]["name"]),
            escaped(of_row["order"] or _NONE),
            *(cell_text(cell, kind) for cell, kind in zip(of_row["cells"], kinds, strict=True)),
        ]
        for of_row in cost["rows"]
    ]
    yield grid(head, rows, 2)
    total = FORMATS["seconds"](cost["total_seconds"])
    yield escaped(f"{cost['symbols']}. All cells together took {total} to train and to evaluate.")


def _search(facts: Facts) -> Iterator[str]:
    yield "### Search"
    yield of_search(facts["search"])
    rows = [
        [escaped(method["title"]), escaped(key["key"]), *(escaped(key[of] or _NONE) for of in ("range", "chosen"))]
        for method in facts["search"]["methods"]
        for key in method["keys"]
    ]
    if rows:
        yield grid(["Method", "key", "searched", "chosen"], rows, 4)


def _settings(facts: Facts) -> Iterator[str]:
    differing = facts["settings"]["differing"]
    if not differing:
        return
    yield "### Settings in which rows differ"
    yield grid(
        ["key", "value", "rows"],
        (
            [escaped(of_key["key"]), escaped(of_value["value"]), escaped(", ".join(of_value["rows"]))]
            for of_key in differing
            for of_value in of_key["values"]
        ),
        3,
    )


def _origin(facts: Facts) -> Iterator[str]:
    yield "### Origin"
    told = [("command", facts["command"]), ("seeds", ", ".join(map(str, facts["seeds"])))]
    told.append(("memory for each cell", facts["memory_limit"] and format_gib(facts["memory_limit"])))
    told += [*facts["machine"].items(), *facts["versions"].items()]
    yield grid(["what", "value"], ([escaped(name), escaped(value)] for name, value in told if value is not None), 2)


def _paragraph(sentences: Sequence[str]) -> str:
    return "\n".join(escaped(sentence) for sentence in sentences if sentence)


def _bullets(sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield "\n".join(f"- {escaped(sentence)}" for sentence in sentences)
