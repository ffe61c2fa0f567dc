"""What counting takes to follow what: the training target, as the learned methods have it.

========== ===================================================================================
``next``   the last event of a history is followed by the first event of its future
``period`` the last event of a history is followed by every event of its future
``prefix`` every event of a history is followed by the next one, the last by the future's first
========== ===================================================================================

A target says more than it seems to: on news, that of the histories' own transitions (`prefix`) is worth a sixth of
`next`, because what was read before the cutoff is old by then.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.baselines.train_sequences import Events, SequenceBatch

NEXT, PERIOD, PREFIX = "next", "period", "prefix"


class Followed(NamedTuple):
    """Pairs of an event and one that follows it.

    Attributes:
        from_items: int32 [P], the item of each first event, an index of the catalogue.
        from_scenes: int32 [P], its scene.
        items: int32 [P], the item of the event that follows.
        scenes: int32 [P], its scene.
    """

    from_items: npt.NDArray[np.int32]
    from_scenes: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    scenes: npt.NDArray[np.int32]


def what_follows(batch: SequenceBatch, target: str) -> Followed:
    """Returns the pairs of a batch; a sequence without a history or without a future has none but within itself.

    Args:
        batch: sequences.
        target: ``next``, ``period`` or ``prefix``.

    Raises:
        ValueError: if the target is none of these.
    """
    if target not in (NEXT, PERIOD, PREFIX):
        raise ValueError(f"A target is next, period or prefix. Received: {target!r}")
    history = batch.history
    future = batch.future if target == PERIOD else first_events(batch.future)
    number = np.where(np.diff(history.starts) > 0, np.diff(future.starts), 0)
    following = np.flatnonzero(np.repeat(number > 0, np.diff(future.starts)))
    across = _pairs(history, np.repeat(history.starts[1:] - 1, number), future, following)
    if target != PREFIX:
        return across
    places = np.arange(len(history.items) - 1)
    places = np.setdiff1d(places, history.starts[1:] - 1, assume_unique=True)
    within = _pairs(history, places, history, places + 1)
    return Followed(*(np.concatenate(columns) for columns in zip(within, across, strict=True)))


def first_events(events: Events) -> Events:
    """Returns the first event of each sequence that has any."""
    filled = np.diff(events.starts) > 0
    first = events.starts[:-1][filled]
    starts = np.concatenate([[0], np.cumsum(filled)])
    return Events(events.items[first], events.scenes[first], events.timestamps[first], starts)


def _pairs(before: Events, places: npt.NDArray[np.int64], after: Events, following: npt.NDArray[np.int64]) -> Followed:
    return Followed(before.items[places], before.scenes[places], after.items[following], after.scenes[following])
