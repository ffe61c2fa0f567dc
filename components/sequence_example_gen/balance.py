"""Balance of a run: the outcome of every event of the log."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from components.sequence_example_gen import rejects
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.timestamps import format_time
from components.sequence_example_gen.windows import Windows, find_covered
from schemas import sequences
from schemas.plural import count_noun

EVENT_OUTCOMES = ("kept", "beyond_max_history", "outside_windows", "filtered_users")
"""What becomes of an event that was read."""

OUTCOMES = (*EVENT_OUTCOMES, "filtered", "rejected")
"""What becomes of any event of the log."""

MAX_REASONS = 3
"""Number of reasons that a message about bad rows spells out."""

_ADVICE = {
    rejects.BAD_TIMESTAMP: "Say how times are written with source.timestamp_format or source.time_pattern.",
    rejects.TIMESTAMP_OUT_OF_RANGE: "Check the unit of source.timestamp_format.",
    rejects.WRONG_COLUMN_COUNT: "Check source.delimiter.",
}
"""What helps, by reason."""
TIED_TEST, NEXT_ITEMS_TEST = "sequences_test_tied", "next_items_test"
"""Counts: test sequences with several next items, and the next items of all test sequences (`ties`)."""


def classify(candidates: Windows, passed: np.ndarray, size: int) -> dict[str, int]:
    """Counts events by their outcome; each event counts once, at the first of these that holds.

    ``kept``: in a sequence. ``beyond_max_history``: in a sequence's history window, but before its last events.
    ``filtered_users``: in a window of a user that failed the minimum counts there. ``outside_windows``: the rest.

    Args:
        candidates: all windows [s].
        passed: bool [s], which became sequences.
        size: number of events.

    Returns:
        Counts by the names in `EVENT_OUTCOMES`; they sum to `size`.
    """
    done, failed = candidates.select(passed), candidates.select(~passed)
    in_history = find_covered(done.history_start, done.history_stop, size)
    kept = in_history | find_covered(done.future_start, done.future_stop, size)
    beyond = find_covered(done.window_start, done.history_start, size) & ~kept
    filtered = find_covered(failed.window_start, failed.future_stop, size) & ~kept & ~beyond
    counts = {"kept": kept.sum(), "beyond_max_history": beyond.sum(), "filtered_users": filtered.sum()}
    counts["outside_windows"] = size - sum(counts.values())
    return {name: int(count) for name, count in counts.items()}


@dataclasses.dataclass(frozen=True)
class Balance:
    """Counts of a whole run.

    Attributes:
        counts: numbers by name: ``rows_in``, ``rows_rejected``, ``rows_filtered``, ``events_in``,
            ``events_<outcome>``, ``scenes_filled``, ``sequences_<split>``, ``sequences_test_tied``,
            ``next_items_test``, ``windows_tried``, ``windows_short_history`` and ``windows_short_future``; ``users``,
            ``items`` and ``scenes`` of all good events.
        times: those of the first and the last good event, unix microseconds; None without any.
        rejected: rejected rows by reason and detail.
        warnings: what does not stop a run, but a person should know of the log, in sentences.
    """

    counts: Mapping[str, int]
    times: tuple[int, int] | None = None
    rejected: Mapping[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> int:
        return self.counts.get(name, 0)

    @property
    def reasons(self) -> dict[str, int]:
        """Rejected rows by reason."""
        counts: dict[str, int] = {}
        for (reason, _), number in sorted(self.rejected.items()):
            counts[reason] = counts.get(reason, 0) + number
        return counts

    @property
    def bad_share(self) -> float:
        """Share of the rows that were rejected; rows that `source.keep` leaves out are not among them."""
        return self["rows_rejected"] / max(self["rows_in"] - self["rows_filtered"], 1)

    def describe_bad_rows(self, source: SourceConfig, folder: str | None) -> str:
        """Returns why a log with more bad rows than `source.max_bad_share` is refused; `folder` lists them."""
        bad, rows = self["rows_rejected"], self["rows_in"] - self["rows_filtered"]
        frequent = sorted(self.rejected.items(), key=lambda entry: (-entry[1], entry[0]))
        told = [f"{number:,} {reason} ({detail})" for (reason, detail), number in frequent[:MAX_REASONS]]
        left = bad - sum(number for _, number in frequent[:MAX_REASONS])
        others = [f"{left:,} for other reasons"] if left else []
        return " ".join(
            [
                f"{bad:,} of {count_noun(rows, 'row')} {'is' if bad == 1 else 'are'} bad ({self.bad_share:.2%}): "
                f"{', '.join(told + others)}. source.max_bad_share allows {source.max_bad_share:.2%}.",
                *_advise(frequent[0][0], source, holds_for_all=frequent[0][1] == rows),
                f"{f'The rows are listed in {folder}/rejects-*.csv; mend' if folder else 'Mend'} the log or raise "
                "source.max_bad_share.",
            ]
        )

    def describe_times(self) -> str:
        """Returns a sentence about the first and the last event: it shows a wrong unit of time at once."""
        if self.times is None:
            return "The log has no event that could be read."
        first, last = map(format_time, self.times)
        return f"The log's events lie between {first} and {last} (UTC)."

    def check(self) -> None:
        """Checks that no event was lost or counted twice.

        Raises:
            AssertionError: if the sums differ.
        """
        gone = sum(self[f"events_{outcome}"] for outcome in OUTCOMES)
        if gone != self["events_in"]:
            raise AssertionError(
                f"{self['events_in']} events came in, but {gone} are accounted for: {dict(self.counts)}"
            )

    def properties(self) -> dict[str, int]:
        """Returns what is stored on the artifact: always the same names, and the reasons that occurred."""
        names = [
            "rows_in",
            "rows_rejected",
            "rows_filtered",
            "events_in",
            *(f"events_{outcome}" for outcome in OUTCOMES),
        ]
        names += [f"sequences_{split}" for split in sequences.SPLITS]
        names += [TIED_TEST, NEXT_ITEMS_TEST]
        rejected = {f"rejected_{reason}": count for reason, count in self.reasons.items()}
        return {name: self[name] for name in names} | rejected

    def __str__(self) -> str:
        outcomes = " + ".join(f"{self[f'events_{outcome}']:,} {outcome}" for outcome in OUTCOMES)
        made = ", ".join(f"{self[f'sequences_{split}']:,} {split}" for split in sequences.SPLITS)
        reasons = "".join(f"; {count_noun(count, 'row')} {reason}" for reason, count in self.reasons.items())
        return f"{self['events_in']:,} events in = {outcomes}{reasons} -> sequences: {made}{self._describe_ties()}"

    def _describe_ties(self) -> str:
        number, tied = self[f"sequences_{sequences.TEST}"], self[TIED_TEST]
        if not tied:
            return ""
        return (
            f"; {tied / number:.1%} of the test sequences have several next items, at one time; the mean is "
            f"{self[NEXT_ITEMS_TEST] / number:.1f}"
        )


def _advise(most_frequent: tuple[str, str], source: SourceConfig, holds_for_all: bool) -> list[str]:
    """Returns what helps against the most frequent reason and detail, which may hold for all rows of the log."""
    reason, detail = most_frequent
    if reason == rejects.MISSING_FIELD and detail == f"column {source.columns.scene_id}: empty":
        return ["Events without a scene are kept with source.missing_scene: NAME."]
    if reason == rejects.MISSING_FIELD and holds_for_all and source.layout == "events":
        return ["No row has it: check how the log calls it, and source.columns."]
    if reason == rejects.WRONG_COLUMN_COUNT and source.header is not None:
        return ["Check source.header and source.delimiter."]
    return [_ADVICE[reason]] if reason in _ADVICE else []
