"""Windows: sorted events are cut into histories and futures by array operations alone (pure NumPy).

A sequence is four places in the sorted events: ``[history_start, history_stop)`` and ``[future_start, future_stop)``.
"""

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from components.sequence_example_gen.splits import TEST, TRAIN, VALIDATION, Cut
from components.sequence_example_gen.timestamps import MICROSECONDS

Places: TypeAlias = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Windows:
    """Candidate sequences, before and after the minimum counts.

    Attributes:
        first: int64 [s], place of the first event of each candidate's user.
        cutoff: int64 [s], unix microseconds (sequence files: the record's number).
        split: int64 [s], place in `schemas.sequences.SPLITS`.
        window_start: int64 [s], first place of the history window.
        history_start: int64 [s], first place that is kept (the last `max_history` events).
        history_stop: int64 [s], place behind the last history event.
        future_start: int64 [s], place of the first future event.
        future_stop: int64 [s], place behind the last future event.
    """

    first: Places
    cutoff: Places
    split: Places
    window_start: Places
    history_start: Places
    history_stop: Places
    future_start: Places
    future_stop: Places

    def __len__(self) -> int:
        return len(self.first)

    def select(self, index: npt.NDArray) -> "Windows":
        """Returns the candidates of a mask or of an index array."""
        return Windows(**{field.name: getattr(self, field.name)[index] for field in dataclasses.fields(self)})

    def with_splits(self, split: Places) -> "Windows":
        """Returns the candidates with other splits [s]."""
        return dataclasses.replace(self, split=split)

    @property
    def history_length(self) -> Places:
        """Number of events in the history window, before `max_history` applies: int64 [s]."""
        return self.history_stop - self.window_start

    @property
    def future_length(self) -> Places:
        """Number of events in the future window: int64 [s]."""
        return self.future_stop - self.future_start


def find_user_bounds(user_high: npt.NDArray[np.uint64], user_low: npt.NDArray[np.uint64]) -> Places:
    """Returns where each user's events begin, and the end: int64 [users + 1]. Events [n] are sorted by user."""
    changes = (user_high[1:] != user_high[:-1]) | (user_low[1:] != user_low[:-1])
    ends = [len(user_high)] if len(user_high) else []
    return np.concatenate([[0], np.flatnonzero(changes) + 1, ends]).astype(np.int64)


def find_seconds(times: Places, bounds: Places) -> Places:
    """Returns where each second of each user begins, and the end: int64 [seconds + 1], rising.

    Args:
        times: int64 [n], unix microseconds, rising within a user.
        bounds: int64 [users + 1], see `find_user_bounds`.
    """
    seconds = times // MICROSECONDS
    return np.union1d(bounds, np.flatnonzero(seconds[1:] != seconds[:-1]) + 1)


def cut_windows(times: Places, bounds: Places, user_splits: Places, cuts: Sequence[Cut], max_history: int) -> Windows:
    """Cuts every user's events at every cutoff meant for that user.

    Users of the training split use all cutoffs, the others the last one alone. Split by time, each cutoff names its
    split and takes all users.

    Args:
        times: int64 [n], unix microseconds, rising within a user.
        bounds: int64 [users + 1], see `find_user_bounds`.
        user_splits: int64 [users].
        cuts: the cutoffs with their windows.
        max_history: the last this many history events are kept.

    Returns:
        One candidate for each user and cutoff, empty ones included.
    """
    parts = []
    for cut in cuts:
        if cut.split is None:
            chosen = np.flatnonzero((user_splits == TRAIN) | cut.is_last)
            split = user_splits[chosen]
        else:
            chosen = np.arange(len(bounds) - 1)
            split = np.full(len(chosen), cut.split, np.int64)
        start, middle, stop = (
            _first_at_or_after(times, bounds, time)[chosen] for time in (cut.history_start, cut.cutoff, cut.future_end)
        )
        cutoff = np.full(len(chosen), cut.cutoff, np.int64)
        parts.append(part_at(middle, bounds[chosen], cutoff, split, start, stop, max_history))
    return _join(parts)


def cut_last(times: Places, bounds: Places, min_history: int, max_history: int) -> Windows:
    """Cuts every user's events at the user's own last times: the last tests, the one before validates.

    Training predicts the time before these two, from what came before it, so that no train sequence has anything that
    validation or test asks for. A user with fewer than `min_history` events before that time trains only, on the last
    time. Events of a user in one second are at one time (`ties`).

    Args:
        times: int64 [n], unix microseconds, rising within a user.
        bounds: int64 [users + 1], see `find_user_bounds`.
        min_history: fewest history events of a train sequence.
        max_history: the last this many history events are kept.

    Returns:
        Three candidates for each user with enough events, one for each other user.
    """
    starts = find_seconds(times, bounds)
    first: Places = np.searchsorted(starts, bounds[:-1])
    behind: Places = np.searchsorted(starts, bounds[1:])
    # Where there is no third time from the end, the first one, before which there is nothing.
    enough = starts[np.maximum(behind - 3, first)] - bounds[:-1] >= min_history
    parts = []
    for users, from_end, split in ((enough, 3, TRAIN), (~enough, 1, TRAIN), (enough, 2, VALIDATION), (enough, 1, TEST)):
        begin, place = bounds[:-1][users], behind[users] - from_end
        start, stop = starts[place], starts[place + 1]
        of_split = np.full(len(begin), split, np.int64)
        # Asked right after the last event before: the time of what is asked for is no input.
        asked = times[np.maximum(start - 1, begin)] // MICROSECONDS * MICROSECONDS + MICROSECONDS
        parts.append(part_at(start, begin, asked, of_split, begin, stop, max_history))
    return _join(parts)


def part_at(
    middle: Places, first: Places, cutoff: Places, split: Places, start: Places, stop: Places, max_history: int
) -> Windows:
    """Returns candidates whose future begins where their history ends.

    Args:
        middle: int64 [s], place of the first future event, behind the last history event.
        first: int64 [s], as in `Windows`, and so are `cutoff` and `split`.
        cutoff: int64 [s].
        split: int64 [s].
        start: int64 [s], first place of the history window.
        stop: int64 [s], place behind the last future event.
        max_history: the last this many history events are kept.
    """
    return Windows(first, cutoff, split, start, np.maximum(start, middle - max_history), middle, middle, stop)


def find_covered(starts: Places, stops: Places, size: int) -> npt.NDArray[np.bool_]:
    """Finds which of `size` places lie in any of the ranges ``[start, stop)``: bool [size]."""
    steps = np.bincount(starts, minlength=size + 1) - np.bincount(stops, minlength=size + 1)
    return np.cumsum(steps)[:size] > 0


def gather(starts: Places, stops: Places) -> tuple[Places, Places]:
    """Lists the places of ranges one after the other.

    Args:
        starts: int64 [s].
        stops: int64 [s], none before its start.

    Returns:
        Offsets int64 [s + 1] of each range in the list, and the list of places int64 [sum of lengths].
    """
    lengths = stops - starts
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return offsets, np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)


def _join(parts: Sequence[Windows]) -> Windows:
    return Windows(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in dataclasses.fields(Windows)}
    )


def _first_at_or_after(times: Places, bounds: Places, time: int) -> Places:
    """Returns, for each user, the place of its first event at or after a time: int64 [users]."""
    earlier = np.concatenate([[0], np.cumsum(times < time)])
    return bounds[:-1] + earlier[bounds[1:]] - earlier[bounds[:-1]]
