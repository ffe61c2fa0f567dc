"""Refusals: why a log, or what was made of it, must not be used."""

from components.sequence_example_gen.balance import Balance
from components.sequence_example_gen.column_types import describe_two_spellings, find_type_conflicts
from components.sequence_example_gen.config import IngestSettings, SourceConfig
from components.sequence_example_gen.summary import Problem, Summary, describe_problems
from components.sequence_example_gen.timestamps import describe_format, format_time, to_microseconds
from schemas.errors import UserError


def make_balance(summary: Summary, source: SourceConfig) -> Balance:
    """Returns the balance of a log that has been read.

    Raises:
        UserError: if the log cannot be read: faults of files, types that differ, no events.
    """
    if problems := _find_log_problems(summary, source):
        raise UserError("\n".join(problems))
    return Balance(summary.counts, summary.times, summary.rejected, tuple(describe_two_spellings(summary.id_types)))


def find_bad_rows(balance: Balance, source: SourceConfig, folder: str | None) -> list[str]:
    """Returns that too many rows are bad, if they are; `folder` lists them."""
    return [balance.describe_bad_rows(source, folder)] if balance.bad_share > source.max_bad_share else []


def _find_log_problems(summary: Summary, source: SourceConfig) -> list[str]:
    """Returns a sentence for each reason why a log cannot be read."""
    conflicts = (Problem("", text) for text in find_type_conflicts(summary.id_types))
    problems = describe_problems([*summary.problems, *conflicts])
    if problems:
        return problems
    rows, filtered = summary.counts.get("rows_in", 0), summary.counts.get("rows_filtered", 0)
    if not rows:
        return [f"{source.path} holds no events. Check that the export of the log is complete."]
    if rows == filtered:
        columns = ", ".join(source.keep)
        return [
            f"source.keep leaves no event of {source.path}: none of its {rows:,} rows has a wanted value in {columns}. "
            "Check how the log spells the values."
        ]
    return []


def describe_empty_train(balance: Balance, settings: IngestSettings) -> str:
    """Returns why no training sequence is left of a log."""
    windows = settings.windows
    if settings.split.by == "last":
        return (
            f"No training sequence is left of {settings.source.path}. {balance}. None of "
            f"{balance['windows_tried']:,} users has windows.min_history={windows.min_history} events before the last "
            f"time, at which all events of that time count. {balance.describe_times()} Check source.columns and "
            f"windows.min_history, and, if the log's dates are others, whether its times are in "
            f"{describe_format(settings.source)}."
        )
    outside = find_cutoffs_outside(balance, settings)
    cutoffs = f" Outside of them {'lies' if len(outside) == 1 else 'lie'} {', '.join(outside)}." if outside else ""
    return (
        f"No training sequence is left of {settings.source.path}. {balance}. Of {balance['windows_tried']:,} pairs of "
        f"user and cutoff, {balance['windows_short_history']:,} had fewer than windows.min_history="
        f"{windows.min_history} events before it and {balance['windows_short_future']:,} more had fewer than "
        f"windows.min_future={windows.min_future} after it. {balance.describe_times()}{cutoffs} Check windows.cutoffs "
        f"against these dates, and, if the log's dates are others, whether its times are in "
        f"{describe_format(settings.source)}."
    )


def find_cutoffs_outside(balance: Balance, settings: IngestSettings) -> list[str]:
    """Returns the cutoffs with no event before them, or none at or after them; none if the log has no event."""
    if balance.times is None:
        return []
    first, last = balance.times
    cutoffs = [to_microseconds(cutoff) for cutoff in settings.windows.cutoffs]
    return [f"cutoff {format_time(cutoff)}" for cutoff in cutoffs if not first < cutoff <= last]
