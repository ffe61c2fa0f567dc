"""Slices: parts of the test split that are measured by themselves.

Two kinds. Slices of sequences: by the length of the history, in the three groups of the paper's Figure 3, and by the
scene in which the user was seen last. Slices of targets: by the popularity of the item, in tenths of all train events,
and those that are cold; in such a slice only the targets that belong to it are asked for, among all candidates.
"""

import collections
import dataclasses

import numpy as np
import numpy.typing as npt

from model.evaluation.tasks import COLD, DECILES, GROUPS
from schemas.catalogue import Catalogue
from schemas.identity import PAD_FINGERPRINT

COLD_EVENTS = 5
"""An item with fewer events than this in the train split is cold."""
MOST_SCENES = 10
"""Number of scenes that are slices of their own, those with most test sequences; all others are one slice."""
OTHER_SCENE = "scene=(other)"


class TrainCounts:
    """Number of events of each item (or scene) in the train split.

    Args:
        catalogue: items (or scenes) of the train split.
    """

    def __init__(self, catalogue: Catalogue):
        self._catalogue = catalogue
        self._counts = np.concatenate([[0], catalogue.counts, [0]])

    def count_events(self, fingerprints: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the events of each fingerprint, int64 of the same shape; 0 where padded or not in the train split."""
        return self._counts[self._catalogue.index_of(fingerprints)]

    def compute_self_information(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Returns -log2 of the share of events, float32 in bits; add-one smoothed, so that 0 events give a number."""
        total = self._counts.sum() + len(self._catalogue) + 1
        return -np.log2((counts + 1) / total).astype(np.float32)


class SliceStatistics:
    """What has to be known of all test sequences before the first one is put into a slice.

    Memory grows with the number of distinct lengths and scenes, not with the number of sequences.
    """

    def __init__(self) -> None:
        self._lengths: collections.Counter[int] = collections.Counter()
        self._scenes: collections.Counter[int] = collections.Counter()

    def add(self, history_items: npt.NDArray[np.int64], history_scenes: npt.NDArray[np.int64]) -> None:
        """Adds a batch of histories, fingerprints int64 [batch, time], padded at either end."""
        self._lengths.update(history_lengths(history_items).tolist())
        self._scenes.update(last_events(history_scenes).tolist())

    @property
    def sequences(self) -> int:
        """Number of sequences added so far."""
        return self._lengths.total()

    def longest_histories(self) -> tuple[int, int]:
        """Returns the longest history of the low and of the medium group, so that groups are about thirds."""
        lengths = sorted(self._lengths)
        below = np.cumsum([self._lengths[length] for length in lengths])
        low, medium = (lengths[int(np.argmin(np.abs(below - share * below[-1])))] for share in (1 / 3, 2 / 3))
        return low, medium

    def frequent_scenes(self) -> list[int]:
        """Returns the most frequent last scenes, most frequent first, equally frequent ones by rising fingerprint."""
        ranked = sorted(self._scenes.items(), key=lambda entry: (-entry[1], entry[0]))
        return [scene for scene, _ in ranked if scene != PAD_FINGERPRINT][:MOST_SCENES]


@dataclasses.dataclass(frozen=True)
class Slicer:
    """Puts sequences and targets into slices.

    Attributes:
        longest: length of the longest history of the low and of the medium group.
        scenes: fingerprints of the scenes that are slices of their own, int64 [scenes].
        scene_names: raw ids of these scenes.
        counts: events of the items in the train split.
        rarest: number of events of the least popular item of each tenth but the last, falling, int64 [9].
    """

    longest: tuple[int, int]
    scenes: npt.NDArray[np.int64]
    scene_names: tuple[str, ...]
    counts: TrainCounts
    rarest: npt.NDArray[np.int64]

    @property
    def sequence_slices(self) -> dict[str, str]:
        """Titles of the slices of sequences, by name."""
        low, medium = self.longest
        # Where many histories are equally long, the medium group may be empty.
        middle = f"{low + 1:,} to {medium:,}" if medium > low else "no number of"
        lengths = (f"at most {low:,}", middle, f"more than {medium:,}")
        names = {f"group={g}": f"histories of {words} events" for g, words in zip(GROUPS, lengths, strict=True)}
        names |= {f"scene={name}": f"last seen in scene {name}" for name in self.scene_names}
        return names | {OTHER_SCENE: "last seen in another scene"}

    @property
    def target_slices(self) -> dict[str, str]:
        """Titles of the slices of item targets, by name."""
        names = {"popularity=1": "targets among the most popular items, which make up a tenth of the train events"}
        for decile in range(2, DECILES + 1):
            names[f"popularity={decile}"] = f"targets among the next popular, tenth {decile} of the train events"
        return names | {COLD: f"targets with fewer than {COLD_EVENTS} events in the train split, or none"}

    def find_groups(self, history_items: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the place in `GROUPS` of each history, int64 [batch]."""
        return np.searchsorted(self.longest, history_lengths(history_items), side="left")

    def slice_sequences(
        self, history_items: npt.NDArray[np.int64], history_scenes: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Returns which sequences are in which slice, bool [slices, batch], in the order of `sequence_slices`."""
        groups = self.find_groups(history_items) == np.arange(len(GROUPS))[:, np.newaxis]
        scenes = last_events(history_scenes) == self.scenes[:, np.newaxis]
        return np.concatenate([groups, scenes, ~scenes.any(axis=0, keepdims=True)])

    def slice_targets(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Returns which targets are in which slice, bool [slices, batch, T], in the order of `target_slices`."""
        counts = self.counts.count_events(items)
        # Items of equal popularity are in the same slice, so the order among them does not matter.
        deciles = np.where(counts > 0, 1 + np.searchsorted(-self.rarest, -counts, side="left"), 0)
        cold = (counts < COLD_EVENTS) & (items != PAD_FINGERPRINT)
        tenths = deciles == np.arange(1, DECILES + 1)[:, np.newaxis, np.newaxis]
        return np.concatenate([tenths, cold[np.newaxis]])


def make_slicer(statistics: SliceStatistics, items: Catalogue, scenes: Catalogue) -> Slicer:
    """Returns the slicer of a test split.

    Args:
        statistics: statistics of all test sequences.
        items: items of the train split.
        scenes: scenes of the train split.
    """
    names = dict(zip(scenes.fingerprints.tolist(), scenes.ids.tolist(), strict=True))
    # A scene that has the name of the slice of all other scenes belongs to that slice.
    own = [scene for scene in statistics.frequent_scenes() if scene in names and f"scene={names[scene]}" != OTHER_SCENE]
    counts = np.sort(items.counts)[::-1]
    # The item with which a tenth of all events is full is the last of that tenth.
    last = np.searchsorted(np.cumsum(counts), np.arange(1, DECILES) * counts.sum() / DECILES)
    return Slicer(
        longest=statistics.longest_histories(),
        scenes=np.array(own, np.int64),
        scene_names=tuple(names[scene] for scene in own),
        counts=TrainCounts(items),
        rarest=counts[last],
    )


def history_lengths(history: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the number of events of each history, int64 [batch]."""
    return np.count_nonzero(history != PAD_FINGERPRINT, axis=1)


def last_events(history: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the last event of each history, int64 [batch]; `PAD_FINGERPRINT` where there is none."""
    padded = np.concatenate([np.full([len(history), 1], PAD_FINGERPRINT), history], axis=1)
    time = padded.shape[1] - 1 - np.argmax(padded[:, ::-1] != PAD_FINGERPRINT, axis=1)
    return padded[np.arange(len(history)), np.where((padded != PAD_FINGERPRINT).any(axis=1), time, 0)]
