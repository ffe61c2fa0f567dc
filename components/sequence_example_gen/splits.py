"""Splits: which one a sequence belongs to, and how far its future may reach."""

import dataclasses

import numpy as np
import numpy.typing as npt

from components.sequence_example_gen.config import SplitConfig, WindowsConfig
from components.sequence_example_gen.timestamps import to_microseconds
from schemas import sequences

TRAIN, VALIDATION, TEST = (
    sequences.SPLITS.index(name) for name in (sequences.TRAIN, sequences.VALIDATION, sequences.TEST)
)
"""Splits by number: their places in `schemas.sequences.SPLITS`."""

FOREVER = np.iinfo(np.int64).max
_DAY = 86_400 * 1_000_000


@dataclasses.dataclass(frozen=True)
class Cut:
    """One cutoff with its windows, all in unix microseconds.

    Attributes:
        history_start: first time of the history window.
        cutoff: end of the history, beginning of the future.
        future_end: end of the future window (exclusive).
        split: the split that the cutoff belongs to, or None if the user decides.
        is_last: whether validation and test users use it.
    """

    history_start: int
    cutoff: int
    future_end: int
    split: int | None
    is_last: bool


def plan_cuts(windows: WindowsConfig, split: SplitConfig) -> list[Cut]:
    """Lists the cutoffs with their windows.

    Split by time, the last cutoff is for test, the one before it for validation, the others for training; a training
    future ends at the validation cutoff at the latest, a validation future at the test cutoff.

    Raises:
        ValueError: if there is no cutoff, or a split by time has fewer than three.
    """
    cutoffs = [to_microseconds(cutoff) for cutoff in windows.cutoffs]
    if not cutoffs or (split.by == "time" and len(cutoffs) < 3):
        need = "at least 3 cutoffs to split by time" if split.by == "time" else "at least one cutoff"
        raise ValueError(f"windows.cutoffs needs {need}. Received: {len(cutoffs)}")
    cuts = []
    for place, cutoff in enumerate(cutoffs):
        from_end = len(cutoffs) - place
        part = {1: TEST, 2: VALIDATION}.get(from_end, TRAIN) if split.by == "time" else None
        # What a later split must predict is no part of an earlier split's future.
        limit = {TRAIN: cutoffs[-2], VALIDATION: cutoffs[-1]}.get(part, FOREVER) if part is not None else FOREVER
        start = cutoff - windows.history_days * _DAY if windows.history_days else 0
        end = cutoff + windows.future_days * _DAY if windows.future_days else FOREVER
        cuts.append(Cut(max(start, 0), cutoff, min(end, limit), part, from_end == 1))
    return cuts


def split_users(user_high: npt.NDArray[np.uint64], split: SplitConfig) -> npt.NDArray[np.int64]:
    """Chooses each user's split from the first half of its hash.

    Args:
        user_high: uint64 [users].
        split: the weights.

    Returns:
        int64 [users], places in `schemas.sequences.SPLITS`.
    """
    weights = {str(name): weight for name, weight in split.weights.items()}
    bounds = np.cumsum([weights[name] for name in sequences.SPLITS])
    return np.searchsorted(bounds, (user_high % np.uint64(bounds[-1])).astype(np.int64), side="right")
