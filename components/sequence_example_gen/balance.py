"""Balance of a run: the outcome of every event of the log."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from components.sequence_example_gen.timestamps import format_time
from components.sequence_example_gen.windows import Windows, find_covered
from schemas import sequences
from schemas.errors import UserError

EVENT_OUTCOMES = ("kept", "beyond_max_history", "outside_windows", "filtered_users")


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
        counts: numbers by name: ``rows_in``, ``rows_rejected``, ``events_in``, ``events_<outcome>``,
            ``events_rejected``, ``rejected_<reason>`` (rows), ``sequences_<split>``, ``windows_tried``,
            ``windows_short_history`` and ``windows_short_future``; ``users``, ``items`` and ``scenes`` of all good
            events.
        times: those of the first and the last good event, in unix microseconds; None without any.
    """

    counts: Mapping[str, int]
    times: tuple[int, int] | None = None

    def __getitem__(self, name: str) -> int:
        return self.counts.get(name, 0)

    @property
    def reasons(self) -> dict[str, int]:
        """Rejected rows by reason."""
        prefix = "rejected_"
        return {
            name.removeprefix(prefix): count for name, count in sorted(self.counts.items()) if name.startswith(prefix)
        }

    @property
    def bad_share(self) -> float:
        """Share of the rows that were rejected."""
        return self["rows_rejected"] / max(self["rows_in"], 1)

    def describe_bad_rows(self, max_bad_share: float, folder: str) -> str:
        """Returns why a log with more bad rows than `max_bad_share` is refused; they are listed in `folder`."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())
        return (
            f"{self['rows_rejected']:,} of {self['rows_in']:,} rows are bad ({self.bad_share:.2%}): {reasons}. "
            f"source.max_bad_share allows {max_bad_share:.2%}. The rows are listed in {folder}/rejects-*.csv; mend the "
            "log or raise source.max_bad_share."
        )

    def describe_times(self) -> str:
        """Returns a sentence about the first and the last event: it shows a wrong unit of time at once."""
        if self.times is None:
            return "The log has no event that could be read."
        first, last = map(format_time, self.times)
        return f"The log's events lie between {first} and {last} (UTC)."

    def check_has_rows(self, path: str) -> None:
        """Checks that the log at a path is not empty.

        Raises:
            UserError: if not even a bad row was read.
        """
        if not self["rows_in"]:
            raise UserError(f"{path} holds no events. Expected a row an event: check that the log was written whole.")

    def check(self) -> None:
        """Checks that no event was lost or counted twice.

        Raises:
            AssertionError: if the sums differ.
        """
        gone = sum(self[f"events_{outcome}"] for outcome in (*EVENT_OUTCOMES, "rejected"))
        if gone != self["events_in"]:
            raise AssertionError(
                f"{self['events_in']} events came in, but {gone} are accounted for: {dict(self.counts)}"
            )

    def properties(self) -> dict[str, int]:
        """Returns what is stored on the artifact: always the same names, and the reasons that occurred."""
        names = [
            "rows_in",
            "rows_rejected",
            "events_in",
            *(f"events_{outcome}" for outcome in EVENT_OUTCOMES),
            "events_rejected",
        ]
        names += [f"sequences_{split}" for split in sequences.SPLITS]
        names += [f"rejected_{reason}" for reason in self.reasons]
        return {name: self[name] for name in names}

    def __str__(self) -> str:
        outcomes = " + ".join(f"{self[f'events_{outcome}']:,} {outcome}" for outcome in (*EVENT_OUTCOMES, "rejected"))
        made = ", ".join(f"{self[f'sequences_{split}']:,} {split}" for split in sequences.SPLITS)
        reasons = "".join(f"; {count:,} rows {reason}" for reason, count in self.reasons.items())
        return f"{self['events_in']:,} events in = {outcomes}{reasons} -> sequences: {made}"
