"""Slices: parts of the test split that are measured by themselves.

Two kinds. Slices of sequences: by the length of the history, in the three groups of the paper's Figure 3, and by the
scene in which the user was seen last. Slices of targets: by the item's popularity, in tenths of all train events, and
those that are cold; there only the targets in the slice are asked for, in the ranking of all.
"""

import collections
import dataclasses

import numpy as np
import numpy.typing as npt

from model.evaluation.tasks import COLD, DECILES, GROUPS
from schemas.catalogue import Catalogue
from schemas.identity import PAD_FINGERPRINT


class TrainCounts:
    """Looks up the events of items (or scenes) in the train split.

    Args:
        catalogue: what the train split has.
    """

    def __init__(self, catalogue: Catalogue):
        order = np.argsort(catalogue.fingerprints)
        self._fingerprints, self._counts = catalogue.fingerprints[order], catalogue.counts[order]

    def __call__(self, fingerprints: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the events of each, same shape; 0 for what the train split does not have."""
        place = np.minimum(np.searchsorted(self._fingerprints, fingerprints), len(self._fingerprints) - 1)
        return np.where(self._fingerprints[place] == fingerprints, self._counts[place], 0)

    def self_information(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Returns -log2 of the share of events, float32 in bits; add-one smoothed, so that 0 events are finite."""
        total = self._counts.sum() + len(self._counts) + 1
        return -np.log2((counts + 1) / total).astype(np.float32)


COLD_EVENTS = 5
"""An item with fewer events than this in the train split is cold."""
MOST_SCENES = 10
"""So many scenes are slices of their own, those with most test sequences; the others are one slice."""
OTHER_SCENE = "scene=(other)"


class SliceStatistics:
    """What has to be known of all test sequences before the first is put into a slice; small whatever their number."""

    def __init__(self) -> None:
        self._lengths: collections.Counter[int] = collections.Counter()
        self._scenes: collections.Counter[int] = collections.Counter()

    def add(self, history_items: npt.NDArray[np.int64], history_scenes: npt.NDArray[np.int64]) -> None:
        """Takes note of a batch of histories, fingerprints [batch, time], padded at the end."""
        self._lengths.update(history_lengths(history_items).tolist())
        self._scenes.update(last_of(history_scenes).tolist())

    @property
    def sequences(self) -> int:
        """How many have been seen."""
        return self._lengths.total()

    def groups(self) -> tuple[int, int]:
        """Returns the longest history of the low and of the medium group, so that groups are about thirds."""
        lengths = sorted(self._lengths)
        below = np.cumsum([self._lengths[length] for length in lengths])
        low, medium = (lengths[int(np.argmin(np.abs(below - share * below[-1])))] for share in (1 / 3, 2 / 3))
        return low, medium

    def scenes(self) -> list[int]:
        """Returns the most frequent scenes, most frequent first; of equals the smaller fingerprint first."""
        ranked = sorted(self._scenes.items(), key=lambda entry: (-entry[1], entry[0]))
        return [scene for scene, _ in ranked if scene != PAD_FINGERPRINT][:MOST_SCENES]


@dataclasses.dataclass(frozen=True)
class Slicer:
    """Tells the slices of sequences and of targets.

    Attributes:
        longest: the longest history of the low and of the medium group.
        scenes: fingerprints of the scenes that are slices of their own.
        scene_names: their raw ids.
        counts: of the items of the train split.
        rarest: int64 [9], the events of the least popular item of each tenth but the last, falling.
    """

    longest: tuple[int, int]
    scenes: npt.NDArray[np.int64]
    scene_names: tuple[str, ...]
    counts: TrainCounts
    rarest: npt.NDArray[np.int64]

    @property
    def of_sequences(self) -> dict[str, str]:
        """Names of the slices of sequences, with what they are in words."""
        low, medium = self.longest
        # Where many histories are equally long, the medium group may be empty.
        middle = f"{low + 1:,} to {medium:,}" if medium > low else "no number of"
        lengths = (f"at most {low:,}", middle, f"more than {medium:,}")
        names = {f"group={g}": f"histories of {words} events" for g, words in zip(GROUPS, lengths, strict=True)}
        names |= {f"scene={name}": f"last seen in scene {name}" for name in self.scene_names}
        return names | {OTHER_SCENE: "last seen in another scene"}

    @property
    def of_targets(self) -> dict[str, str]:
        """Names of the slices of item targets, with what they are in words."""
        names = {"popularity=1": "targets among the most popular items, which make up a tenth of the train events"}
        for decile in range(2, DECILES + 1):
            names[f"popularity={decile}"] = f"targets among the next popular, tenth {decile} of the train events"
        return names | {COLD: f"targets with fewer than {COLD_EVENTS} events in the train split, or none"}

    def groups(self, history_items: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the place in `GROUPS` of each history, int64 [batch]."""
        return np.searchsorted(self.longest, history_lengths(history_items), side="left")

    def sequences(
        self, history_items: npt.NDArray[np.int64], history_scenes: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Tells which sequences are in which slice, bool [slices, batch], in the order of `of_sequences`."""
        groups = self.groups(history_items) == np.arange(len(GROUPS))[:, np.newaxis]
        scenes = last_of(history_scenes) == self.scenes[:, np.newaxis]
        return np.concatenate([groups, scenes, ~scenes.any(axis=0, keepdims=True)])

    def targets(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tells which targets are in which slice, bool [slices, batch, T], in the order of `of_targets`."""
        counts = self.counts(items)
        # Of equal popularity, equal slice, so that no order among them matters.
        deciles = np.where(counts > 0, 1 + np.searchsorted(-self.rarest, -counts, side="left"), 0)
        cold = (counts < COLD_EVENTS) & (items != PAD_FINGERPRINT)
        tenths = deciles == np.arange(1, DECILES + 1)[:, np.newaxis, np.newaxis]
        return np.concatenate([tenths, cold[np.newaxis]])


def slicer(survey: SliceStatistics, items: Catalogue, scenes: Catalogue) -> Slicer:
    """Returns the slices for the surveyed sequences, with the catalogues of the train split."""
    names = dict(zip(scenes.fingerprints.tolist(), scenes.ids.tolist(), strict=True))
    # A scene that is called like the slice of all others is one of them.
    own = [scene for scene in survey.scenes() if scene in names and f"scene={names[scene]}" != OTHER_SCENE]
    counts = np.sort(items.counts)[::-1]
    # The item with which a tenth of all events is full is the last of that tenth.
    last = np.searchsorted(np.cumsum(counts), np.arange(1, DECILES) * counts.sum() / DECILES)
    return Slicer(
        longest=survey.groups(),
        scenes=np.array(own, np.int64),
        scene_names=tuple(names[scene] for scene in own),
        counts=TrainCounts(items),
        rarest=counts[last],
    )


def history_lengths(history: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the number of events of each history, int64 [batch]."""
    return np.count_nonzero(history != PAD_FINGERPRINT, axis=1)


def last_of(history: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the last event of each history, int64 [batch]; `PAD_FINGERPRINT` where there is none."""
    padded = np.concatenate([np.full([len(history), 1], PAD_FINGERPRINT), history], axis=1)
    time = padded.shape[1] - 1 - np.argmax(padded[:, ::-1] != PAD_FINGERPRINT, axis=1)
    return padded[np.arange(len(history)), np.where((padded != PAD_FINGERPRINT).any(axis=1), time, 0)]
