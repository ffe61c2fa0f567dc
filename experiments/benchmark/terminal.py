"""A benchmark as text for a terminal: the verdict, Table 1, and where the rest is."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.captions import DIFFERENCE, SETTINGS, of_table
from experiments.benchmark.markdown import seeds_text
from experiments.benchmark.summary import STATE_WORDS
from serving.table import display_width

Facts = Mapping[str, Any]

_WIDTH = 118
_BEST = {"best": "¹", "second": "²", None: " "}


def terminal_text(facts: Facts, paths: Sequence[str]) -> str:
    """Returns what a person reads at the end of a benchmark.

    Args:
        facts: of `experiments.benchmark.facts`.
        paths: of what was written.
    """
    lines: list[str] = []
    for sentence in (*facts["verdict"], *facts["cautions"]):
        lines += textwrap.wrap(" ".join(sentence.split()), _WIDTH, subsequent_indent="  ")
    if facts["tables"]:
        lines += ["", *_table(facts, facts["tables"][0])]
    return "\n".join([*lines, "", *(f"Written: {path}" for path in paths)])


def _table(facts: Facts, table: Facts) -> list[str]:
    told_apart = [setting for setting in SETTINGS if setting in facts["told_apart"]]
    lines = [["", *(SETTINGS[setting] for setting in told_apart), "seeds", *(c["title"] for c in table["columns"])]]
    for of_row in table["rows"]:
        row = facts["rows"][of_row["row"]]
        lines.append([*_start(row, told_apart), seeds_text(row), *map(_cell, of_row["cells"])])
    for of_dspnet in table["differences"]:
        row = facts["rows"][of_dspnet["dspnet"]]
        columns = [None if at is None else facts["comparisons"]["columns"][at] for at in of_dspnet["columns"]]
        label, *settings = _start(row, told_apart)
        lines.append([f"{label} {DIFFERENCE}", *settings, "", *map(_difference, columns)])
    widths = [max(map(display_width, column)) for column in zip(*lines, strict=True)]
    words = 1 + len(told_apart)
    shown = ["  ".join(_cells(line, widths, words)).rstrip() for line in lines]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    notes = "¹ best, ² second best, ± standard deviation over seeds, * significant after Holm's correction"
    return [of_table(table), shown[0], rule, *shown[1:], notes]


def _start(row: Facts, told_apart: Sequence[str]) -> list[str]:
    return [" ".join(row["label"].split()), *(row[setting] or "–" for setting in told_apart)]


def _cell(cell: Facts) -> str:
    if cell["mean"] is None:
        return STATE_WORDS[cell["state"]]
    spread = "" if cell["spread"] is None else f" ± {cell['spread']:.4f}"
    return f"{cell['mean']:.4f}{_BEST[cell['mark']]}{spread}"


def _difference(column: Facts | None) -> str:
    if column is None:
        return "–"
    return f"{column['difference']['value']:+z.4f}{'*' if column['significant'] else ' '}"


def _cells(line: Sequence[str], widths: Sequence[int], words: int) -> list[str]:
    """Pads the cells of a line: words to the right, numbers to the left."""
    padding = [" " * (width - display_width(text)) for text, width in zip(line, widths, strict=True)]
    return [
        text + pad if place < words else pad + text for place, (text, pad) in enumerate(zip(line, padding, strict=True))
    ]
