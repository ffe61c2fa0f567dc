"""The histories that a candidate is asked about: those of the test split, some of them in a batch, some alone."""

import dataclasses
import os
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from model.data.batches import CUTOFF, HISTORY_ITEMS, HISTORY_SCENES, HISTORY_TIMES, fingerprint_batches
from schemas.catalogue import Catalogue
from schemas.identity import PAD_FINGERPRINT, fingerprints, pad_rows

MOST = 64
"""Number of sequences of the test split that are asked about."""

POPULAR = 3
"""Number of the most popular items in the lists that `recommend_unseen` leaves out, and `rank_allowed` ranks."""

POPULAR_LENGTHS = (1, 2, 4, 8)
"""Lengths of the histories that stand in for those of an empty test split."""

Fingerprints: TypeAlias = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Histories:
    """The histories of one request.

    Attributes:
        names: what a refusal calls each row.
        items: int64 [batch, time], item fingerprints, oldest first, padded with `PAD_FINGERPRINT`.
        scenes: int64 [batch, time], scene fingerprints, oldest first, padded with `PAD_FINGERPRINT`.
        item_ids: bytes [batch, time], the raw ids of `items`, padded with ``b""``.
        scene_ids: bytes [batch, time], the raw ids of `scenes`, padded with ``b""``.
        times: int64 [batch, time], unix seconds of the events, padded with 0; all 0 where nobody knows.
        now: int64 [batch], unix seconds of the request, or 0.
        listed: int64 [batch, n], fingerprints of items for signatures that take a list: the most popular, the user's
            latest one twice, an unknown one and padding.
        listed_ids: bytes [batch, n], the raw ids of `listed`, padded with ``b""``.
    """

    names: tuple[str, ...]
    items: Fingerprints
    scenes: Fingerprints
    item_ids: npt.NDArray[np.object_]
    scene_ids: npt.NDArray[np.object_]
    times: npt.NDArray[np.int64]
    now: npt.NDArray[np.int64]
    listed: Fingerprints
    listed_ids: npt.NDArray[np.object_]


def read_histories(folder: str, items: Catalogue, scenes: Catalogue) -> tuple[list[Histories], str]:
    """Reads the first sequences of the test split; half of them make one batch, and each of the others stands alone.

    Args:
        folder: folder of the test split.
        items: the item catalogue.
        scenes: the scene catalogue.

    Returns:
        The histories, the last of which is empty, and words for where they come from: when the split is empty,
        histories of popular ids stand in for it.
    """
    rows = _read_rows(folder)
    name, source = "test sequence", "of the test split,"
    if not rows:
        rows = [_popular_row(items, scenes, length) for length in POPULAR_LENGTHS]
        name, source = "popular history", "with popular ids, for the test split is empty,"
    names = [f"{name} {number}" for number in range(1, len(rows) + 1)]
    half = (len(rows) + 1) // 2
    in_batch = [f"{name} in a batch of {half}" for name in names[:half]]
    nothing = np.empty(0, np.int64)
    empty = _Row(nothing, nothing, nothing, 0)
    return [
        _make_histories(in_batch, rows[:half], items, scenes),
        *(_make_histories([name], [row], items, scenes) for name, row in zip(names[half:], rows[half:], strict=True)),
        _make_histories(["empty history"], [empty], items, scenes),
    ], source


def encode_ids(catalogue: Catalogue, wanted: Fingerprints) -> npt.NDArray[np.object_]:
    """Returns the raw id of each fingerprint as bytes, in the same shape.

    Padding becomes ``b""``, and a fingerprint that is not in the catalogue becomes `find_unknown_id`.
    """
    names = catalogue.raw_ids(wanted, find_unknown_id(catalogue))
    return np.array([name.encode() for name in names.ravel()], object).reshape(names.shape)


def find_unknown_id(catalogue: Catalogue) -> str:
    """Returns a raw id whose fingerprint is not in the catalogue."""
    name = "not in the catalogue"
    while catalogue.index_of(fingerprints([name]))[0] != catalogue.unknown_index:
        name += "?"
    return name


class _Row(NamedTuple):
    """One history: items, scenes and times of its events, and when it is asked about, both times 0 where unknown."""

    items: Fingerprints
    scenes: Fingerprints
    times: npt.NDArray[np.int64]
    now: int


def _read_rows(folder: str) -> list[_Row]:
    try:
        batches = fingerprint_batches([os.path.join(folder, "*.gz")], MOST)
    except FileNotFoundError:
        return []
    return [
        _Row(items[items != PAD_FINGERPRINT], scenes[scenes != PAD_FINGERPRINT], times[times > 0] - 1, int(now) - 1)
        for batch in batches.take(1).as_numpy_iterator()
        for items, scenes, times, now in zip(
            *(batch[name] for name in (HISTORY_ITEMS, HISTORY_SCENES, HISTORY_TIMES, CUTOFF)), strict=True
        )
    ]


def _popular_row(items: Catalogue, scenes: Catalogue, length: int) -> _Row:
    popular, where = (np.resize(catalogue.fingerprints[:length], length) for catalogue in (items, scenes))
    return _Row(popular, where, np.empty(0, np.int64), 0)


def _make_histories(names: Sequence[str], rows: Sequence[_Row], items: Catalogue, scenes: Catalogue) -> Histories:
    item_rows, scene_rows = pad_rows([row.items for row in rows]), pad_rows([row.scenes for row in rows])
    unknown = fingerprints([find_unknown_id(items)])[0]
    latest = [row.items[-1] if len(row.items) else PAD_FINGERPRINT for row in rows]
    listed = np.array([[*items.fingerprints[:POPULAR], one, unknown, PAD_FINGERPRINT, one] for one in latest], np.int64)
    return Histories(
        tuple(names),
        item_rows,
        scene_rows,
        encode_ids(items, item_rows),
        encode_ids(scenes, scene_rows),
        times=pad_rows([row.times for row in rows], 0),
        now=np.array([row.now for row in rows], np.int64),
        listed=listed,
        listed_ids=encode_ids(items, listed),
    )
