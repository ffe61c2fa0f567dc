"""The histories that a batch job asks about: each user's latest events, by array operations alone (pure NumPy)."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from components.sequence_example_gen import sequence_files, splits, windows
from components.sequence_example_gen.blocks import Columns
from components.sequence_example_gen.timestamps import MICROSECONDS
from components.sequence_example_gen.windows import Places, Windows
from schemas.identity import PAD_FINGERPRINT

DAY = 86_400 * MICROSECONDS

BATCH_ROWS = 256
"""Most users of a batch."""

BATCH_PLACES = 1 << 20
"""Most places of a batch, padding included: a few very long histories go in smaller batches."""


@dataclasses.dataclass(frozen=True)
class SeenItems:
    """The items that each user has seen.

    Attributes:
        offsets: int64 [users + 1]; the items of user ``u`` are ``items[offsets[u] : offsets[u + 1]]``.
        items: int64 [n], fingerprints.
    """

    offsets: Places
    items: npt.NDArray[np.int64]


def select_before(events: Columns, as_of: int | None) -> Columns:
    """Returns the events before a time, in their order; the futures of sequence files are left out in any case.

    Args:
        events: columns [n] from `blocks.join_and_sort`.
        as_of: first time (unix microseconds) that is left out; None leaves out none.
    """
    known = np.ones(len(events["time"]), bool) if as_of is None else events["time"] < as_of
    if "is_future" in events:
        known &= ~events["is_future"]
    return {name: column[known] for name, column in events.items()}


def find_histories(events: Columns, max_history: int, since: int = 0) -> Windows:
    """Finds each user's history, which is the user's last events.

    Of a user's records in sequence files the one that ends last is taken, and of those that end together the last one
    in the log.

    Args:
        events: columns [n] from `select_before`.
        max_history: largest number of events that are read.
        since: first time (unix microseconds) of an event that is read; sequence files are cut already.

    Returns:
        One window for each user that has such an event, in the order of the users' hashes.
    """
    if "record" not in events:
        bounds = windows.find_user_bounds(events["user_high"], events["user_low"])
        test = np.full(len(bounds) - 1, splits.TEST, np.int64)
        everything = splits.Cut(since, splits.FOREVER, splits.FOREVER, split=splits.TEST, is_last=True)
        cut = windows.cut_windows(events["time"], bounds, test, [everything], max_history)
        return cut.select(cut.history_length > 0)
    records = sequence_files.find_ready_windows(events["record"], events["is_future"], max_history)
    bounds = windows.find_user_bounds(events["user_high"][records.first], events["user_low"][records.first])
    user = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    # Stable, so that the last record wins among those that end at the same time.
    order = np.lexsort((events["time"][records.history_stop - 1], user))
    return records.select(order[bounds[1:] - 1])


def list_seen_items(events: Columns, histories: Windows) -> SeenItems:
    """Lists the items of all events of each user, each item once, even where an event is too old to be read.

    Args:
        events: columns [n] from `select_before`.
        histories: the windows [users] from `find_histories`.
    """
    bounds = windows.find_user_bounds(events["user_high"], events["user_low"])
    place = np.searchsorted(bounds, histories.first, side="right") - 1
    offsets, places = windows.gather(bounds[place], bounds[place + 1])
    user = np.repeat(np.arange(len(histories)), np.diff(offsets))
    items = events["item"][places]
    order = np.lexsort((items, user))
    user, items = user[order], items[order]
    first = np.append(True, (user[1:] != user[:-1]) | (items[1:] != items[:-1]))[: len(items)]
    counts = np.bincount(user[first], minlength=len(histories))
    return SeenItems(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), items[first])


def cut_batches(lengths: Places) -> Iterator[Places]:
    """Cuts users into batches of similar length, so that little is padding.

    Args:
        lengths: int64 [users], number of places that each user's row takes.

    Yields:
        int64 [batch], the 0-based places of up to `BATCH_ROWS` users; each user comes once.
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = min(start + BATCH_ROWS, len(order))
        # Lengths rise, so the last user of a batch is its width.
        while stop - start > 1 and (stop - start) * lengths[order[stop - 1]] > BATCH_PLACES:
            stop = start + (stop - start) // 2
        yield order[start:stop]
        start = stop


def pad_ranges(
    values: npt.NDArray[np.int64], starts: Places, stops: Places, padding: int = PAD_FINGERPRINT
) -> npt.NDArray[np.int64]:
    """Returns ranges of fingerprints, or of other numbers, as rows, padded at the end.

    Args:
        values: int64 [n].
        starts: int64 [s], first place of each range.
        stops: int64 [s], place behind each range, never before its start.
        padding: what rows are padded with.

    Returns:
        int64 [s, length of the longest range].
    """
    width = np.arange(np.max(stops - starts, initial=0))
    places = starts[:, np.newaxis] + width
    inside = places < stops[:, np.newaxis]
    rows = np.full(inside.shape, padding, np.int64)
    rows[inside] = values[places[inside]]
    return rows
