"""What a person reads of a search: a line for each step while it runs, and a summary at its end."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.tuning.result import SearchResult, TrialResult
from pipeline.tuning_config import Dimension
from reporting.console import short_path
from reporting.numbers import format_gib, format_seconds
from reporting.table import Column, Row, Table, number
from schemas.dotted_keys import as_flags, as_text, as_yaml, short_key

_ENDS = {"finished": "", "stopped": "stopped early", "out_of_memory": "out of memory", "failed": "failed"}
"""Notes in the table of trials, by status."""


def describe_search(title: str, trials: int, memory_limit: int, space: Sequence[Dimension]) -> str:
    """Says what is to be searched.

    Args:
        title: name of the method in tables.
        trials: number of trials that the search is given.
        memory_limit: largest memory of a trial, in bytes.
        space: dimensions that are searched.
    """
    lines = [f"Searching {title}: {trials} trials by NDCG@10 on the val split, {format_gib(memory_limit)} for each"]
    lines += [f"  {dimension}; {as_text(dimension.configured)} as configured" for dimension in space]
    return "\n".join(lines)


def describe_new_search(others: Sequence[str]) -> str:
    """Says that earlier searches, given their folders, are not continued."""
    kept = ", ".join(map(short_path, others))
    return f"A new search: data, configuration or code are not what they were in {kept}."


def describe_resumed_search(result: SearchResult, interrupted: int | None) -> str:
    """Says what an earlier process has done of a search.

    Args:
        result: what the search has found so far.
        interrupted: number of the trial that was interrupted; None if there is none.
    """
    again = "" if interrupted is None else f"; trial {interrupted}, which was interrupted, goes on"
    return f"{len(result.trials)} of {result.budget} trials were done before{_describe_best(result)}{again}."


def describe_stage(number: int, epochs: Mapping[int, float], stage: str) -> str:
    """Says where a trial is.

    Args:
        number: number of the trial.
        epochs: validation NDCG@10 by epoch.
        stage: stage of its run, as in "in training epoch 3".
    """
    last = max(epochs, default=None)
    reached = "" if last is None else f"NDCG@10 {epochs[last]:.4f} after epoch {last}, "
    return f"Trial {number}: {reached}{stage} … "


def describe_trial(trial: TrialResult, result: SearchResult) -> str:
    """Says how a trial went, and how the search stands after it.

    Args:
        trial: what came of the trial.
        result: what the search has found so far.
    """
    took = format_seconds(trial.seconds)
    if trial.validation is None:
        reason = " ".join(trial.reason.split()).removesuffix(".")
        went = f"{_ENDS[trial.status]} after {took}: {reason}"
    else:
        pruned = f", stopped early after epoch {len(trial.epochs)}" if trial.status == "stopped" else ""
        went = f"NDCG@10 {trial.validation:.4f} in {took}{pruned}"
    what = f"{_join_values(trial.values)}{' (as configured)' if trial.number == 1 else ''}"
    best, left = _describe_best(result), _describe_time_left(result)
    return f"Trial {trial.number}/{result.budget}: {what}: {went}{best}{left}"


def describe_failure(result: SearchResult, trials_file: str) -> str:
    """Says why no trial of a search could be trained, and where its `trials.json` is."""
    reasons = dict.fromkeys(trial.reason for trial in result.trials)
    lines = [f"none of {len(result.trials)} trials could be trained:", *(f"  {reason}" for reason in reasons)]
    return "\n".join([*lines, f"What each tried: {short_path(trials_file)}"])


def summarise(result: SearchResult) -> str:
    """Says what a search found, if any trial was trained: all trials, how good the best is, and how to use it."""
    best, configured = result.best, result.configured
    assert best is not None and best.validation is not None
    lines = ["", tabulate(result).to_text(), ""]
    lines.append(f"Best of {len(result.trials)} trials: {best.number}, NDCG@10 {best.validation:.4f} on the val split.")
    if best.number == 1:
        lines.append("That is the configuration as it is: no other trial did better, so there is nothing to change.")
        return "\n".join(lines)
    if configured is None or configured.validation is None:
        lines.append("The configuration as it is could not be trained.")
    else:
        gain = best.validation - configured.validation
        share = f", {gain / configured.validation:+.1%}" if configured.validation else ""
        lines.append(f"The configuration as it is reached {configured.validation:.4f}: a gain of {gain:+.4f}{share}.")
    lines.append("The best of many looks better than it is: only the test split, which no trial has seen, can tell.")
    lines += ["", "In the configuration:", "", as_yaml(best.values), f"Or for a run: {as_flags(best.values)}"]
    return "\n".join(lines)


def tabulate(result: SearchResult) -> Table:
    """Returns the table of all trials: what each tried, how good it was and how long it took."""
    keys = [Column(short_key(dimension.key)) for dimension in result.space]
    columns = (Column("Trial"), *keys, Column("NDCG@10"), Column("epochs"), Column("time"), Column("", words=True))
    return Table(columns, tuple(_make_row(trial, result) for trial in result.trials))


def _make_row(trial: TrialResult, result: SearchResult) -> Row:
    notes = [
        "as configured" if trial.number == 1 else "",
        _ENDS[trial.status],
        "best" if trial == result.best else "",
    ]
    return Row(
        (
            str(trial.number),
            *(as_text(trial.values[dimension.key]) for dimension in result.space),
            number(trial.validation, "metric"),
            number(len(trial.epochs), "count"),
            format_seconds(trial.seconds),
            ", ".join(filter(None, notes)),
        )
    )


def _join_values(values: Mapping[str, Any]) -> str:
    return " ".join(f"{short_key(key)}={as_text(value)}" for key, value in values.items())


def _describe_best(result: SearchResult) -> str:
    best = result.best
    return "" if best is None else f"; best {best.validation:.4f} (trial {best.number})"


def _describe_time_left(result: SearchResult) -> str:
    remaining = result.budget - len(result.trials)
    if not remaining:
        return ""
    mean = sum(trial.seconds for trial in result.trials) / len(result.trials)
    return f"; about {format_seconds(remaining * mean)} left in this search"
