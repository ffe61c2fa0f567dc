"""Ties: events of one user at the same time, among which a log knows no order.

Two events tie in a history when the log gives them the same time, to the microsecond. They tie as what comes next when
they lie in the same second, because that is how finely the examples tell time (`schemas.sequences`).
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from components.sequence_example_gen.windows import Windows, find_seconds, find_user_bounds, gather
from schemas.identity import splitmix64

Columns: TypeAlias = dict[str, npt.NDArray]

_SAME = ("user_high", "user_low", "time")
_CONTENT = ("user_high", "user_low", "time", "item", "scene")
_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def shuffle_ties(events: Columns) -> Columns:
    """Orders events of one user and time by a hash of user, time, item and scene.

    Such an order is none of the log's, and does not depend on files, shards or partitions: events that have the same
    hash are the same.

    Args:
        events: sorted columns [n] of `blocks.join_and_sort`.

    Returns:
        The same events, those that tie among each other in their new order.
    """
    size = len(events["time"])
    same = np.ones(max(size - 1, 0), bool)
    for name in _SAME:
        same &= events[name][1:] == events[name][:-1]
    if not same.any():
        return events
    places = np.flatnonzero(np.append(False, same) | np.append(same, False))
    run = np.cumsum(~np.append(False, same))[places]
    order = places[np.lexsort((_hash({name: events[name][places] for name in _CONTENT}), run))]
    shuffled = {name: column.copy() for name, column in events.items()}
    for name, column in events.items():
        shuffled[name][places] = column[order]
    return shuffled


def count_next_items(windows: Windows, events: Columns) -> npt.NDArray[np.int64]:
    """Counts the items that come next: the distinct items at the earliest second of each future, int64 [s].

    Args:
        windows: the sequences [s], each with a future.
        events: sorted columns [n] of `blocks.join_and_sort`.
    """
    starts = find_seconds(events["time"], find_user_bounds(events["user_high"], events["user_low"]))
    # No future reaches beyond its user, so the next second is its user's or the end.
    stops = np.minimum(starts[np.searchsorted(starts, windows.future_start, side="right")], windows.future_stop)
    offsets, places = gather(windows.future_start, stops)
    row, item = np.repeat(np.arange(len(windows)), np.diff(offsets)), events["item"][places]
    order = np.lexsort((item, row))
    first = np.append(True, (row[order][1:] != row[order][:-1]) | (item[order][1:] != item[order][:-1]))
    return np.bincount(row[order][first[: len(row)]], minlength=len(windows))


def _hash(columns: Columns) -> npt.NDArray[np.uint64]:
    """Returns a number for each row of columns [n] that looks random, uint64 [n]."""
    state = np.zeros(len(columns["time"]), np.uint64)
    for column in columns.values():
        state = splitmix64(state + _GAMMA ^ column.astype(np.uint64))
    return state
