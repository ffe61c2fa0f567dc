"""The histories that a candidate is asked about: those of the test split, some at once, some alone."""

import dataclasses
import os
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from components.infra_validator.ids import Ids
from model.data.batches import HISTORY_ITEMS, HISTORY_SCENES, fingerprint_batches
from schemas.identity import PAD_FINGERPRINT

MOST = 64
"""How many sequences of the test split are asked about."""

POPULAR_LENGTHS = (1, 2, 4, 8)
"""Lengths of the histories that stand in for those of an empty test split."""

Prints: TypeAlias = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Histories:
    """Histories that are asked about at once.

    Attributes:
        names: what to call each row.
        items: int64 [batch, time], fingerprints, oldest first, padded with `PAD_FINGERPRINT`.
        scenes: int64 [batch, time], likewise.
        item_ids: bytes [batch, time], the same as raw ids, padded with ``b""``.
        scene_ids: bytes [batch, time], likewise.
    """

    names: tuple[str, ...]
    items: Prints
    scenes: Prints
    item_ids: npt.NDArray[np.object_]
    scene_ids: npt.NDArray[np.object_]


def read_histories(folder: str, items: Ids, scenes: Ids) -> tuple[list[Histories], str]:
    """Reads the first sequences of the test split; half of them are asked about at once, half alone.

    Args:
        folder: of the test split.
        items: the item catalogue.
        scenes: the scene catalogue.

    Returns:
        The histories and a user's without any, and where they come from: when the split is empty, histories of
        popular ids stand in for it.
    """
    rows = _read(folder)
    name, source = "test sequence", "of the test split,"
    if not rows:
        rows = [_popular(items, scenes, length) for length in POPULAR_LENGTHS]
        name, source = "popular history", "with popular ids, for the test split is empty,"
    names = [f"{name} {number}" for number in range(1, len(rows) + 1)]
    half = (len(rows) + 1) // 2
    together = [f"{name} in a batch of {half}" for name in names[:half]]
    empty = np.empty(0, np.int64), np.empty(0, np.int64)
    return [
        _histories(together, rows[:half], items, scenes),
        *(_histories([name], [row], items, scenes) for name, row in zip(names[half:], rows[half:], strict=True)),
        _histories(["empty history"], [empty], items, scenes),
    ], source


def _read(folder: str) -> list[tuple[Prints, Prints]]:
    try:
        batches = fingerprint_batches([os.path.join(folder, "*.gz")], MOST)
    except FileNotFoundError:
        return []
    return [
        (items[items != PAD_FINGERPRINT], scenes[scenes != PAD_FINGERPRINT])
        for batch in batches.take(1).as_numpy_iterator()
        for items, scenes in zip(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], strict=True)
    ]


def _popular(items: Ids, scenes: Ids, length: int) -> tuple[Prints, Prints]:
    return (
        np.resize(items.catalogue.fingerprints[:length], length),
        np.resize(scenes.catalogue.fingerprints[:length], length),
    )


def _histories(names: Sequence[str], rows: Sequence[tuple[Prints, Prints]], items: Ids, scenes: Ids) -> Histories:
    item_prints, scene_prints = (_padded(column) for column in zip(*rows, strict=True))
    return Histories(tuple(names), item_prints, scene_prints, items.raw(item_prints), scenes.raw(scene_prints))


def _padded(rows: Sequence[Prints]) -> Prints:
    padded = np.full([len(rows), max(map(len, rows))], PAD_FINGERPRINT)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded
