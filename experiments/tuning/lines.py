"""A search as a person reads it while it goes on, line by line."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.tuning.records import TrialRecord
from experiments.tuning.result import SearchResult
from pipeline.tuning_config import Dimension
from reporting.console import short_path
from reporting.numbers import format_gib, format_seconds
from schemas.dotted_keys import as_text, short_key


def first_lines(title: str, trials: int, memory_limit: int, space: Sequence[Dimension]) -> str:
    """Says what is to be searched.

    Args:
        title: of the method.
        trials: the budget.
        memory_limit: of each of them, in bytes.
        space: what is searched.
    """
    lines = [f"Searching {title}: {trials} trials by NDCG@10 on the val split, {format_gib(memory_limit)} for each"]
    lines += [f"  {dimension}; {as_text(dimension.configured)} as configured" for dimension in space]
    return "\n".join(lines)


def new_line(others: Sequence[str]) -> str:
    """Says that earlier searches, given their folders, are not continued."""
    kept = ", ".join(map(short_path, others))
    return f"A new search: data, configuration or code are not what they were in {kept}."


def resumed_line(result: SearchResult, interrupted: int | None) -> str:
    """Says what was done before.

    Args:
        result: what the search has found so far.
        interrupted: number of the trial that was not finished, if there is one.
    """
    again = "" if interrupted is None else f"; trial {interrupted}, which was interrupted, goes on"
    return f"{len(result.trials)} of {result.budget} trials were done before{_best(result)}{again}."


def stage_line(number: int, epochs: Mapping[int, float], stage: str) -> str:
    """Says where a trial is.

    Args:
        number: of the trial.
        epochs: validation NDCG@10 by epoch.
        stage: as in "in training epoch 3".
    """
    last = max(epochs, default=None)
    reached = "" if last is None else f"NDCG@10 {epochs[last]:.4f} after epoch {last}, "
    return f"Trial {number}: {reached}{stage} … "


def trial_line(trial: TrialRecord, result: SearchResult) -> str:
    """Says how a trial went, and how the search stands after it.

    Args:
        trial: that has ended.
        result: what the search has found so far.
    """
    took = format_seconds(trial.seconds)
    if trial.validation is None:
        reason = " ".join(trial.reason.split()).removesuffix(".")
        went = f"{'out of memory' if trial.status == 'out_of_memory' else 'failed'} after {took}: {reason}"
    else:
        pruned = f", stopped early after epoch {len(trial.epochs)}" if trial.status == "stopped" else ""
        went = f"NDCG@10 {trial.validation:.4f} in {took}{pruned}"
    what = f"{_values(trial.values)}{' (as configured)' if trial.number == 1 else ''}"
    return f"Trial {trial.number}/{result.budget}: {what}: {went}{_best(result)}{_time_left(result)}"


def _values(values: Mapping[str, Any]) -> str:
    return " ".join(f"{short_key(key)}={as_text(value)}" for key, value in values.items())


def _best(result: SearchResult) -> str:
    best = result.best
    return "" if best is None else f"; best {best.validation:.4f} (trial {best.number})"


def _time_left(result: SearchResult) -> str:
    remaining = result.budget - len(result.trials)
    if not remaining:
        return ""
    mean = sum(trial.seconds for trial in result.trials) / len(result.trials)
    return f"; about {format_seconds(remaining * mean)} left in this search"
