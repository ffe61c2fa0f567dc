"""Each user's latest events, cut from sorted events by array operations alone (pure NumPy)."""

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
BATCH_CELLS = 1 << 20
"""Most places of a batch, padding included: a few very long histories go in smaller batches."""


def before(events: Columns, as_of: int | None) -> Columns:
    """Returns the events [n] that lie before a time (unix microseconds; None: all); futures of sequence files never.

    Args:
        events: of `blocks.join_and_sort`; their order is kept.
        as_of: first time that is left out.
    """
    known = np.ones(len(events["time"]), bool) if as_of is None else events["time"] < as_of
    if "is_future" in events:
        known &= ~events["is_future"]
    return {name: column[known] for name, column in events.items()}


def latest(events: Columns, max_history: int, since: int = 0) -> Windows:
    """Finds each user's history: the last events.

    A user who has several records in a sequence file is taken at the one that ends last (the last of these in the log).

    Args:
        events: of `before`.
        max_history: the last this many events are read.
        since: first time (unix microseconds) of an event that is read; sequence files are cut already.

    Returns:
        One window a user that has any such event, in the order of the users' hashes.
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


def seen_items(events: Columns, histories: Windows) -> tuple[Places, npt.NDArray[np.int64]]:
    """Lists the items of all events of each user, those that are not read too, each once.

    Returns:
        Offsets int64 [users + 1] of each user in the list, and the list of fingerprints.
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
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), items[first]


def batches(lengths: Places) -> Iterator[Places]:
    """Cuts users into batches of similar length, so that little is padding.

    Args:
        lengths: int64 [users].

    Yields:
        Places of up to `BATCH_ROWS` users; each user once.
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = min(start + BATCH_ROWS, len(order))
        # Lengths rise, so the last user of a batch is its width.
        while stop - start > 1 and (stop - start) * lengths[order[stop - 1]] > BATCH_CELLS:
            stop = start + (stop - start) // 2
        yield order[start:stop]
        start = stop


def padded(values: npt.NDArray[np.int64], starts: Places, stops: Places) -> npt.NDArray[np.int64]:
    """Returns ranges of fingerprints as rows, padded at the end with `PAD_FINGERPRINT`.

    Args:
        values: int64 [n].
        starts: int64 [s].
        stops: int64 [s], none before its start.

    Returns:
        int64 [s, longest].
    """
    width = np.arange(np.max(stops - starts, initial=0))
    places = starts[:, np.newaxis] + width
    inside = places < stops[:, np.newaxis]
    rows = np.full(inside.shape, PAD_FINGERPRINT, np.int64)
    rows[inside] = values[places[inside]]
    return rows
