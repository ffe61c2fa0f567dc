"""`dspnet compare`: finished runs against the first of them, as text and as a page."""

import collections
import os
from collections.abc import Sequence

from experiments.comparison.page import render_page
from experiments.comparison.results import compare_measured
from experiments.comparison.runs import MeasuredRun, read_run
from experiments.comparison.text import format_comparison
from reporting.console import short_path
from schemas.atomic_file import write_whole
from schemas.errors import UserError

FEWEST_RUNS = 2

_TO_THE_SECOND = len("2024-08-01T12:00:00")
"""Ids of local runs are times; their beginnings name them, too (`pipeline.run_metadata.find_run`)."""


def compare(arguments: Sequence[str], names: Sequence[str] | None, html: str) -> str:
    """Compares runs and writes the page.

    Args:
        arguments: the runs, as `experiments.comparison.runs.read_run` takes them; the first is the reference.
        names: names to call them by; None for the names of their configurations.
        html: file to write.

    Returns:
        Text for a terminal.

    Raises:
        UserError: if a run cannot be read, the runs cannot be compared, or the page cannot be written.
    """
    if len(arguments) < FEWEST_RUNS:
        raise UserError(f"RUN: a comparison needs at least two runs. Received: {len(arguments)}")
    if names is not None:
        _check_names(names, len(arguments))
    folder = os.path.dirname(html) or "."
    if not os.path.isdir(folder) or os.path.isdir(html):
        raise UserError(f"--html: expected a file in a folder that exists. Received: {html!r}")
    # All runs are read before anything is written, so that a refused comparison leaves an earlier page alone.
    runs = [read_run(argument) for argument in arguments]
    result = compare_measured(names or make_default_names(runs), runs)
    text = format_comparison(result)
    page = render_page(result)
    try:
        write_whole(html, page.encode("utf-8"))
    except OSError as error:
        raise UserError(f"--html: cannot write {html}: {error.strerror}") from error
    except UnicodeError as error:
        raise UserError(f"--names: a name is no UTF-8 text: {error}") from error
    return f"{text}\n\nComparison: {short_path(html)}"


def make_default_names(runs: Sequence[MeasuredRun]) -> list[str]:
    """Returns names of runs, all different.

    A run is named after its configuration; runs of the same name also after the id of the run or the folder.
    """
    names = [run.name for run in runs]
    alike = {name for name, count in collections.Counter(names).items() if count > 1}
    places = _shorten_places(runs)
    names = [f"{name}@{place}" if name in alike else name for name, place in zip(names, places, strict=True)]
    seen: collections.Counter[str] = collections.Counter()
    unique = []
    for name in names:  # the same run twice
        seen[name] += 1
        unique.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return unique


def _shorten_places(runs: Sequence[MeasuredRun]) -> list[str]:
    """Returns the id of each run, or its folder: as much of either as still distinguishes the runs."""
    ids, folders = {run.run_id for run in runs if run.run_id}, {run.folder for run in runs if not run.run_id}
    end = _TO_THE_SECOND if len({run_id[:_TO_THE_SECOND] for run_id in ids}) == len(ids) else None
    shorten = os.path.basename if len(set(map(os.path.basename, folders))) == len(folders) else short_path
    return [run.run_id[:end] if run.run_id else shorten(run.folder) for run in runs]


def _check_names(names: Sequence[str], count: int) -> None:
    if len(names) != count or len(set(names)) != count or not all(names):
        raise UserError(
            f"--names: expected {count} different names, one a run, with commas between. Received: {','.join(names)!r}"
        )
