"""The files of a benchmark, benchmark.json, benchmark.md and benchmark.html, and its text for a terminal."""

import json
import os
import textwrap
from collections.abc import Sequence

from experiments.benchmark.page import render_page
from experiments.benchmark.result import BenchmarkInfo, BenchmarkResult, summarise_benchmark
from experiments.benchmark.sections import Section, make_sections
from experiments.benchmark.tables import make_metric_table
from experiments.runs.result import RunResult
from experiments.runs.run import Run
from reporting.console import short_path
from reporting.table import escape_markdown
from schemas.atomic_file import write_whole
from schemas.errors import UserError

JSON_FILE = "benchmark.json"
MARKDOWN_FILE = "benchmark.md"
PAGE_FILE = "benchmark.html"

_WIDTH = 118
_LEGEND = "¹ best, ² second best, ± standard deviation over seeds, * significant after Holm's correction"


def write_outputs(folder: str, results: Sequence[RunResult], planned: Sequence[Run], info: BenchmarkInfo) -> str:
    """Writes what a benchmark found, as far as it has come.

    Args:
        folder: folder of the benchmark; it exists.
        results: results of all runs that have one.
        planned: runs without a result.
        info: what the benchmark shows of itself.

    Returns:
        Text for a terminal.

    Raises:
        UserError: if a file cannot be written.
        ValueError: if two results are of the same row and seed.
    """
    result = summarise_benchmark(folder, results, planned, info)
    sections = make_sections(result)
    # All texts are made before a file is written, so that the files always agree.
    texts = {
        JSON_FILE: json.dumps(result.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        MARKDOWN_FILE: render_markdown(result.info.name, sections),
        PAGE_FILE: render_page(result, sections),
    }
    paths = {name: os.path.join(folder, name) for name in texts}
    for name, text in texts.items():
        _write(paths[name], text)
    return render_text(result, [short_path(path) for path in paths.values()])


def render_markdown(name: str, sections: Sequence[Section]) -> str:
    """Returns the document of a benchmark, given its name and its sections, in Markdown."""
    blocks = [f"# Benchmark: {escape_markdown(name)}"]
    for section in sections:
        blocks += [f"## {section.title}", "\n".join(paragraph.to_markdown() for paragraph in section.paragraphs)]
        blocks.append("\n".join(f"- {escape_markdown(bullet)}" for bullet in section.bullets))
        for table in (*section.tables, *section.folded):
            blocks += [f"### {escape_markdown(table.caption)}" if table.caption else "", table.to_markdown()]
    return "\n\n".join(filter(None, blocks)) + "\n"


def render_text(result: BenchmarkResult, paths: Sequence[str]) -> str:
    """Returns the text of a benchmark for a terminal: the verdict, Table 1, and the paths of the files."""
    lines: list[str] = []
    for sentence in (*result.verdict, *result.cautions):
        lines += textwrap.wrap(" ".join(sentence.split()), _WIDTH, subsequent_indent="  ")
    if result.tables:
        lines += ["", make_metric_table(result, result.tables[0], ("tables", 0)).to_text(), _LEGEND]
    return "\n".join([*lines, "", *(f"Written: {path}" for path in paths)])


def _write(path: str, text: str) -> None:
    try:
        write_whole(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(f"{short_path(path)}: cannot be written: {error.strerror}") from error
