"""What a person sees of a benchmark: one line a cell, and how long the rest may take."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.runs.result import FINISHED, OUT_OF_MEMORY
from experiments.runs.run import MONITOR, Run
from reporting.console import Screen
from reporting.numbers import format_seconds

Result = Mapping[str, Any]


class CellLines:
    """Tells how cells go, a line each; on a terminal the line shows where a cell is, and its last epoch.

    Args:
        screen: where to tell it.
        cells: all there are, in order.
    """

    def __init__(self, screen: Screen, cells: Sequence[Run]):
        self._screen = screen
        self._beginnings = beginnings(cells)

    def start(self, place: int) -> None:
        """Announces a cell by its place."""
        self._begun, self._epoch, self._stage = self._beginnings[place], "", ""
        if self._screen.is_terminal():
            self._redraw()
        else:
            self._screen.begin(self._begun)

    def epoch(self, entry: Mapping[str, float]) -> None:
        """Shows an epoch's entry of `training.json`."""
        monitored = f", validation N@10 {figure(entry[MONITOR])}" if MONITOR in entry else ""
        self._epoch = f"epoch {entry['epoch']:.0f}{monitored}, {format_seconds(entry['seconds'])}; "
        self._redraw()

    def stage(self, stage: str) -> None:
        """Shows where the cell is, as in "in training epoch 3"."""
        self._stage = stage
        self._redraw()

    def finish(self, outcome: str) -> None:
        """Completes the line of the cell that was started."""
        self._screen.redraw("")
        if self._screen.is_terminal():
            self._screen.line(f"{self._begun}{outcome}")
        else:
            self._screen.end(self._begun, outcome)

    def _redraw(self) -> None:
        self._screen.redraw(f"{self._begun}{self._epoch}{self._stage}")


def beginnings(cells: Sequence[Run]) -> list[str]:
    """Returns how the line of each cell begins, as in "[3/45] BERT4Rec, next, seed 8 … ".

    Targets are told when there are several, seeds of what learns.
    """
    targets = len({cell.config.training.target for cell in cells}) > 1
    lines = []
    for number, cell in enumerate(cells, start=1):
        training = cell.config.training
        parts = [cell.label, *[training.target] * targets, *[f"seed {training.seed}"] * cell.learned]
        lines.append(f"[{number}/{len(cells)}] {', '.join(parts)} … ")
    return lines


def outcome_text(cell: Run, result: Result, kept: bool, seconds_left: float | None) -> str:
    """Says what became of a cell, and how long the rest may take.

    Args:
        cell: the cell.
        result: content of its `result.json`.
        kept: whether it was settled by an earlier run of the benchmark.
        seconds_left: of the rest; None if unknown or there is none.
    """
    took = "kept" if kept else format_seconds(result["cost"]["wall_seconds"])
    left = "" if kept or seconds_left is None else f"; about {roughly(seconds_left)} left"
    if result["status"] == FINISHED:
        metric = f"next_item/recall@{max(cell.config.evaluation.k)}"
        value = result["metrics"].get(metric)
        found = "" if value is None else f"next R@{max(cell.config.evaluation.k)} {figure(value)}, "
        return f"{found}{took}{left}"
    how = "out of memory" if result["status"] == OUT_OF_MEMORY else "FAILED"
    return f"{how}, {took}{left}\n  {result['reason']}"


def seconds_left(waiting: Sequence[Run], done: Sequence[tuple[Run, Result]]) -> float | None:
    """Estimates how long cells will take from how long others took: the same with other seeds, or any of their kind.

    What counts takes no longer than what learns, but what counts says nothing of how long that takes.

    Args:
        waiting: the cells.
        done: others, with their results.

    Returns:
        Seconds; None if nothing like one of them is done, or there are none.
    """
    if not waiting:
        return None
    same: dict[tuple[str, str], list[float]] = {}
    kind: dict[bool, list[float]] = {True: [], False: []}
    for cell, result in done:
        same.setdefault(_row(cell), []).append(_seconds(result))
        kind[cell.learned].append(_seconds(result))
    total = 0.0
    for cell in waiting:
        times = same.get(_row(cell)) or kind[cell.learned] or ([] if cell.learned else kind[True])
        if not times:
            return None
        total += sum(times) / len(times)
    return total


def figure(value: float) -> str:
    """Writes a metric.

    >>> figure(0.33121), figure(1.0)
    ('.3312', '1.0000')
    """
    return f"{value:.4f}".removeprefix("0")


def roughly(seconds: float) -> str:
    """Writes an estimated duration.

    >>> roughly(20), roughly(2460), roughly(12000)
    ('1 min', '41 min', '3 h 20 min')
    """
    minutes = max(round(seconds / 60), 1)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _row(cell: Run) -> tuple[str, str]:
    return cell.label, cell.config.training.target


def _seconds(result: Result) -> float:
    """Of a cell that was resumed, the last process knows its own time alone, but the epochs of all."""
    cost = result["cost"]
    return max(cost["wall_seconds"], (cost["training_seconds"] or 0.0) + (cost["evaluation_seconds"] or 0.0))
