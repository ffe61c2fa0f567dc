"""The tables of a benchmark on disk, written anew as results come in."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.folders import cell_folder
from experiments.runs.run import Run
from pipeline.console import describe_error
from reporting.console import Screen

_PAUSE = 20.0
"""Between one writing and the next lies so many times what the first took, so that little time goes into tables."""


class LiveOutputs:
    """Writes the tables by `experiments.benchmark.outputs`.

    Args:
        folder: of the benchmark.
        screen: is told if they cannot be written while the benchmark runs, which does not stop it.
        info: what `write_outputs` is told besides the results.
    """

    def __init__(self, folder: str, screen: Screen, info: Mapping[str, Any]):
        self._folder = folder
        self._screen = screen
        self._info = info
        self._next = 0.0

    def write_now_and_then(self, cells: Sequence[Run], results: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes them, unless they were written lately and that took long."""
        if time.monotonic() < self._next:
            return
        try:
            self.write(cells, results)
        except Exception as error:
            # Hours of training may be to come, whose results are worth more than tables in between.
            self._screen.line(f"  warning: the tables cannot be written yet: {describe_error(error)}")

    def write(self, cells: Sequence[Run], results: Mapping[str, Mapping[str, Any]]) -> str:
        """Writes them.

        Args:
            cells: all of the benchmark.
            results: content of `result.json` of those that have one, by name.

        Returns:
            What a person reads in a terminal.
        """
        # Imported here, because what counts and draws is needed only now.
        from experiments.benchmark.outputs import write_outputs

        start = time.monotonic()
        with_folders = [
            {**results[cell.name], "folder": cell_folder(self._folder, cell)} for cell in cells if cell.name in results
        ]
        planned = [
            {"label": cell.label, "seed": cell.config.training.seed, "target": cell.config.training.target}
            for cell in cells
            if cell.name not in results
        ]
        text = write_outputs(self._folder, with_folders, {**self._info, "planned": planned})
        end = time.monotonic()
        self._next = end + _PAUSE * (end - start)
        return text
