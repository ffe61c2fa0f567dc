"""Writes what a benchmark found: `benchmark.json`, `benchmark.md` and `benchmark.html`."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.facts import benchmark_facts
from experiments.benchmark.markdown import benchmark_markdown
from experiments.benchmark.page import render_benchmark
from experiments.benchmark.terminal import terminal_text
from reporting.console import short_path
from reporting.environment import DISTRIBUTIONS, read_versions
from schemas.atomic_file import write_whole
from schemas.errors import UserError

FACTS_FILE = "benchmark.json"
TABLES_FILE = "benchmark.md"
PAGE_FILE = "benchmark.html"


def write_outputs(folder: str, results: Sequence[Mapping[str, Any]], info: Mapping[str, Any]) -> str:
    """Writes the tables of a benchmark, as far as it has come.

    Args:
        folder: of the benchmark; it exists.
        results: contents of the `result.json` of all cells that have one, each with ``folder``, where the cell's
            `sequences.parquet` lies.
        info: ``name``; and, as far as they are known, ``command`` (as typed), ``seeds``, ``machine`` (values by name),
            ``trials`` of the search, ``search_space`` (by method, the range of each key: a list, or a mapping with
            ``choices`` or with ``low``, ``high`` and ``log``), ``planned`` (cells without a result, each with
            ``label``, ``seed`` and ``target``) and ``memory_limit`` (bytes).

    Returns:
        Text for a terminal.

    Raises:
        UserError: if a file cannot be written.
        ValueError: if two results are of the same row and seed.
    """
    facts = benchmark_facts(results, {**info, "versions": read_versions(DISTRIBUTIONS)})
    # All is made before anything is written: files beside each other tell of the same cells.
    texts = {
        FACTS_FILE: json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        TABLES_FILE: benchmark_markdown(facts),
        PAGE_FILE: render_benchmark(facts),
    }
    paths = {name: os.path.join(folder, name) for name in texts}
    for name, text in texts.items():
        _write(paths[name], text)
    return terminal_text(facts, [short_path(path) for path in paths.values()])


def _write(path: str, text: str) -> None:
    try:
        write_whole(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(f"{short_path(path)}: cannot be written: {error.strerror}") from error
