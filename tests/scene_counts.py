"""What the counts of targets say of items after each scene, by the formulas written down again."""

import dataclasses

import numpy as np

from model.data.target_counts import TargetCounts


def shares(counts: TargetCounts) -> np.ndarray:
    """p(k), add-one smoothed, float64 [N_v]."""
    total = sum(int(count) + 1 for count in counts.items)
    return np.array([(int(count) + 1) / total for count in counts.items])


def smoothed(counts: TargetCounts) -> np.ndarray:
    """p(k | s) = (n_sk + m p(k)) / (n_s + m), float64 [N_s, N_v]; p(k) itself where m is infinite."""
    share, cells = shares(counts), counts.by_scene.toarray().astype(np.float64)
    if counts.strength == np.inf:
        return np.tile(share, [len(cells), 1])
    return np.array([(row + counts.strength * share) / (row.sum() + counts.strength) for row in cells])


def gains(counts: TargetCounts) -> np.ndarray:
    """log p(k | s) - log p(k) by the index of scenes, float64 [N_s + 2, N_v]: nothing for padding and for unknown."""
    return np.pad(np.log(smoothed(counts)) - np.log(shares(counts)), [[1, 1], [0, 0]])


def scene_counts(counts: TargetCounts) -> TargetCounts:
    """The counts of scenes in the place of those of items."""
    return dataclasses.replace(
        counts, items=counts.scenes, by_scene=counts.scenes_by_scene, strength=counts.scene_strength
    )
