"""What sequences look like: how long they are, in which scenes, and how often the scene changes."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from components.report.train_sample import SceneLists
from schemas.catalogue import Catalogue

OTHER = "(other)"
SCENES_WITH_SHARE = 10
SCENES_WITH_SWITCHES = 8
MOST_BINS = 25

Int64s: TypeAlias = npt.NDArray[np.int64]


def sequence_facts(batches: Iterable[SceneLists], scenes: Catalogue) -> dict[str, Any]:
    """Measures sequences, batch by batch.

    Args:
        batches: from `train_sample.read_scenes`.
        scenes: their catalogue; the first of it stand for themselves, the rest together for ``(other)``.

    Returns:
        ``lengths``: ``edges``, ``sequences`` (one fewer: how many in each bin [edge, next edge)) and ``sampled``.
        ``scene_shares``: ``scene`` and its ``share`` of all events, the most frequent first, ``(other)`` last.
        ``switches``: ``scenes``; ``share`` of each next scene (column) given the scene (row), 0 in the row of a scene
        that nothing follows; and ``switching``, the share of steps to a different scene. ``sampled_sequences``.
    """
    ranks = _Ranks(scenes.fingerprints)
    events = np.zeros(SCENES_WITH_SHARE + 1, np.int64)
    steps = np.zeros((SCENES_WITH_SWITCHES + 1,) * 2, np.int64)
    changes, lengths = 0, [np.empty(0, np.int64)]
    for batch in batches:
        rank = ranks(batch.fingerprints)
        lengths.append(batch.lengths)
        events += np.bincount(np.minimum(rank, SCENES_WITH_SHARE), minlength=len(events))
        before, after = _steps(rank, batch.lengths)
        changes += int(np.count_nonzero(before != after))
        cells = np.minimum(before, SCENES_WITH_SWITCHES) * len(steps) + np.minimum(after, SCENES_WITH_SWITCHES)
        steps += np.bincount(cells, minlength=steps.size).reshape(steps.shape)
    all_lengths = np.concatenate(lengths)
    return {
        "lengths": histogram(all_lengths),
        "scene_shares": _shares(events, _labels(scenes, SCENES_WITH_SHARE)),
        "switches": {
            "scenes": (labels := _labels(scenes, SCENES_WITH_SWITCHES)),
            "share": (steps / np.maximum(steps.sum(axis=1, keepdims=True), 1))[: len(labels), : len(labels)].tolist(),
            "switching": changes / max(int(steps.sum()), 1),
        },
        "sampled_sequences": len(all_lengths),
    }


def histogram(lengths: Int64s) -> dict[str, Any]:
    """Counts lengths, int64 [n], in at most `MOST_BINS` bins of one width, the lowest of 1, 2, 5, 10, 20, ... ."""
    longest = int(lengths.max(initial=1))
    width = next(w for power in range(19) for w in np.multiply((1, 2, 5), 10**power) if longest <= w * MOST_BINS)
    bins = (np.maximum(lengths, 1) - 1) // width
    counts = np.bincount(bins, minlength=1)
    edges = 1 + int(width) * np.arange(len(counts) + 1)
    return {"edges": edges.tolist(), "sequences": counts.tolist(), "sampled": len(lengths)}


def _steps(rank: Int64s, lengths: Int64s) -> tuple[Int64s, Int64s]:
    """Returns the scenes before and after each step within a sequence, int64 [steps] both."""
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    within = sequence[1:] == sequence[:-1]
    return rank[:-1][within], rank[1:][within]


def _labels(scenes: Catalogue, most: int) -> list[str]:
    return [*scenes.ids[:most].tolist(), *([OTHER] if len(scenes) > most else [])]


def _shares(events: Int64s, labels: list[str]) -> list[dict[str, Any]]:
    shares = (events / max(int(events.sum()), 1)).tolist()
    rows = [{"scene": label, "share": share} for label, share in zip(labels, shares, strict=False)]
    named = rows[:SCENES_WITH_SHARE]
    # The catalogue counts all train sequences, this a part of them, so their orders may differ a little.
    return [*sorted(named, key=lambda row: -row["share"]), *rows[SCENES_WITH_SHARE:]]


class _Ranks:
    """Finds the place of fingerprints in a catalogue, from 0; an unknown one's place is after the last.

    Args:
        fingerprints: int64 [N], those of the catalogue.
    """

    def __init__(self, fingerprints: Int64s):
        self._order = np.argsort(fingerprints)
        self._sorted = fingerprints[self._order]

    def __call__(self, wanted: Int64s) -> Int64s:
        place = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        return np.where(self._sorted[place] == wanted, self._order[place], len(self._sorted))
