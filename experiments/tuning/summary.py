"""A search as a person reads it when it has ended: all trials in a table, and what to do with the best."""

from experiments.tuning.records import TrialRecord
from experiments.tuning.result import SearchResult
from reporting.numbers import format_seconds
from schemas.dotted_keys import as_flags, as_text, as_yaml, short_key

_ENDS = {"finished": "", "stopped": "stopped early", "out_of_memory": "out of memory", "failed": "failed"}


def summary(result: SearchResult) -> str:
    """Says what a search found: how good it is, and how to use it.

    Args:
        result: of a search in which some trial was trained.
    """
    best, configured = result.best, result.configured
    assert best is not None and best.validation is not None
    lines = ["", *_table(result), ""]
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


def _table(result: SearchResult) -> list[str]:
    keys = [short_key(dimension.key) for dimension in result.space]
    rows = [["Trial", *keys, "NDCG@10", "epochs", "time", ""]]
    rows += [_row(trial, result) for trial in result.trials]
    *columns, notes = zip(*rows, strict=True)
    padded = [[text.rjust(max(map(len, column))) for text in column] for column in columns]
    return ["  ".join(row).rstrip() for row in zip(*padded, notes, strict=True)]


def _row(trial: TrialRecord, result: SearchResult) -> list[str]:
    notes = [
        "as configured" if trial.number == 1 else "",
        _ENDS[trial.status],
        "best" if trial == result.best else "",
    ]
    return [
        str(trial.number),
        *(as_text(trial.values[dimension.key]) for dimension in result.space),
        "–" if trial.validation is None else f"{trial.validation:.4f}",
        str(len(trial.epochs)),
        format_seconds(trial.seconds),
        ", ".join(filter(None, notes)),
    ]
