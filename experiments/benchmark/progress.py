"""What a person sees while a benchmark runs: one line a run, and how long the rest may take."""

from collections.abc import Mapping, Sequence

from experiments.runs.result import FINISHED, OUT_OF_MEMORY, RunResult
from experiments.runs.run import Run
from model.config import MONITOR
from reporting.console import Screen
from reporting.numbers import format_estimated_time, format_seconds, format_short_metric


class RunProgress:
    """The progress of runs, a line each; on a terminal the line shows where a run is, and its last epoch.

    Args:
        screen: where the lines are shown.
        runs: all runs, in order.
    """

    def __init__(self, screen: Screen, runs: Sequence[Run]):
        self._screen = screen
        self._beginnings = describe_runs(runs)
        self._beginning = self._epoch = self._stage = ""

    def start(self, place: int) -> None:
        """Announces the run at a place in the order."""
        self._beginning, self._epoch, self._stage = self._beginnings[place], "", ""
        if self._screen.is_terminal():
            self._redraw()
        else:
            self._screen.begin(self._beginning)

    def show_epoch(self, entry: Mapping[str, float]) -> None:
        """Shows an epoch's entry of `training.json`."""
        monitored = f", validation N@10 {format_short_metric(entry[MONITOR])}" if MONITOR in entry else ""
        self._epoch = f"epoch {entry['epoch']:.0f}{monitored}, {format_seconds(entry['seconds'])}; "
        self._redraw()

    def show_stage(self, stage: str) -> None:
        """Shows where the run is, as in "in training epoch 3"."""
        self._stage = stage
        self._redraw()

    def finish(self, outcome: str) -> None:
        """Completes the line of the run that was started."""
        self._screen.redraw("")
        if self._screen.is_terminal():
            self._screen.line(f"{self._beginning}{outcome}")
        else:
            self._screen.end(self._beginning, outcome)

    def _redraw(self) -> None:
        self._screen.redraw(f"{self._beginning}{self._epoch}{self._stage}")


def describe_runs(runs: Sequence[Run]) -> list[str]:
    """Returns how the line of each run begins, as in "[3/45] BERT4Rec, next, seed 8 … ".

    The target is shown when there are several, the seed when the method is trained.
    """
    several_targets = len({run.config.training.target for run in runs}) > 1
    lines = []
    for number, run in enumerate(runs, start=1):
        training = run.config.training
        parts = [run.label, *[training.target] * several_targets, *[f"seed {training.seed}"] * run.trained]
        lines.append(f"[{number}/{len(runs)}] {', '.join(parts)} … ")
    return lines


def describe_outcome(run: Run, result: RunResult, kept: bool, seconds_left: float | None) -> str:
    """Says what became of a run, and how long the rest may take.

    Args:
        run: the run.
        result: its result.
        kept: whether an earlier start of the benchmark completed the run.
        seconds_left: estimated time of the rest; None if it is unknown or there is no rest.
    """
    duration = "kept" if kept else format_seconds(result.cost.wall_seconds or 0.0)
    rest = "" if kept or seconds_left is None else f"; about {format_estimated_time(seconds_left)} left"
    if result.status == FINISHED:
        k = max(run.config.evaluation.k)
        value = (result.metrics or {}).get(f"next_item/recall@{k}")
        found = "" if value is None else f"next R@{k} {format_short_metric(value)}, "
        return f"{found}{duration}{rest}"
    outcome = "out of memory" if result.status == OUT_OF_MEMORY else "FAILED"
    return f"{outcome}, {duration}{rest}\n  {result.reason}"


def estimate_seconds_left(waiting: Sequence[Run], done: Sequence[tuple[Run, RunResult]]) -> float | None:
    """Estimates how long runs will take from how long others took: the same with other seeds, or others of their kind.

    A statistical method takes no longer than a trained one, but says nothing of how long a trained one takes.

    Args:
        waiting: runs to estimate.
        done: other runs, with their results.

    Returns:
        Seconds; None if no run like one of `waiting` is done, or nothing waits.
    """
    if not waiting:
        return None
    by_row: dict[tuple[str, str], list[float]] = {}
    by_kind: dict[bool, list[float]] = {True: [], False: []}
    for run, result in done:
        seconds = _total_seconds(result)
        by_row.setdefault(_row_key(run), []).append(seconds)
        by_kind[run.trained].append(seconds)
    total = 0.0
    for run in waiting:
        times = by_row.get(_row_key(run)) or by_kind[run.trained] or ([] if run.trained else by_kind[True])
        if not times:
            return None
        total += sum(times) / len(times)
    return total


def _row_key(run: Run) -> tuple[str, str]:
    return run.label, run.config.training.target


def _total_seconds(result: RunResult) -> float:
    """Returns the time of a run; where a run was resumed, its last process knows only the epochs of all processes."""
    cost = result.cost
    return max(cost.wall_seconds or 0.0, (cost.training_seconds or 0.0) + (cost.evaluation_seconds or 0.0))
