"""Size of a model: widths, lengths and batches that suit a log, its catalogue and the memory of this machine."""

import dataclasses

import numpy as np

from pipeline.proposal.log_profile import LogProfile

MOST_FULL_CATALOGUE = 300_000
"""Items up to which each training step compares all of them; of more it compares a sample."""

EVENTS_A_PARTITION = 5_000_000
"""Events that one worker sorts at once."""

MEMORY_SHARE = 0.5
"""Share of the free memory that a training may take."""

BASE_BYTES = 1 << 30
"""What a training takes beside its tables of embeddings."""

_COPIES = 7
"""An embedding, its gradient, Adam's two moments and its average; and a copy for the best epoch and one for the export.
"""

_FEWEST_STEPS = 8
"""Steps an epoch, for which a batch is made smaller where the train split is small."""


@dataclasses.dataclass(frozen=True)
class ModelSize:
    """What is proposed for a model; all but the last are values of the configuration.

    Attributes:
        item_dim: `model.item_dim`.
        scene_dim: `model.scene_dim`.
        max_length: `model.max_length`.
        max_history: `windows.max_history`.
        batch_size: `training.batch_size`.
        epochs: `training.epochs`.
        samples_candidates: whether `training.candidates` is a sample of the items.
        partitions: `beam.partitions`.
        training_bytes: about how much memory a training takes.
        is_tight: whether the memory is why the model is no wider.
    """

    item_dim: int
    scene_dim: int
    max_length: int
    max_history: int
    batch_size: int
    epochs: int
    samples_candidates: bool
    partitions: int
    training_bytes: int
    is_tight: bool


def choose_size(profile: LogProfile, train_sequences: int, memory: int) -> ModelSize:
    """Chooses the size of a model.

    Args:
        profile: what the log holds.
        train_sequences: number of train sequences.
        memory: bytes that are free on this machine.
    """
    wanted = 64 if profile.items >= 5_000 else 32 if profile.items >= 200 else 16
    fitting = [width for width in (64, 48, 32, 16) if _estimate_bytes(profile.items, width) <= memory * MEMORY_SHARE]
    item_dim = min(wanted, fitting[0]) if fitting else 16
    typical = int(np.quantile(profile.users.events_per_user, 0.9))
    max_length = next(length for length in (10, 20, 50) if typical <= length or length == 50)
    return ModelSize(
        item_dim=item_dim,
        scene_dim=16 if item_dim > 16 else 8,
        max_length=max_length,
        max_history=max(max_length, min(500, _round_up(typical))),
        batch_size=_choose_batch_size(train_sequences),
        epochs=20 if train_sequences >= 10_000 else 100,
        samples_candidates=profile.items > MOST_FULL_CATALOGUE,
        partitions=max(8, -(-profile.events // EVENTS_A_PARTITION)),
        training_bytes=_estimate_bytes(profile.items, item_dim),
        is_tight=item_dim < wanted,
    )


def _estimate_bytes(items: int, width: int) -> int:
    return BASE_BYTES + items * width * 4 * _COPIES


def _choose_batch_size(train_sequences: int) -> int:
    """Returns the largest power of two up to 256 that makes an epoch of a few steps; one that fits in any case."""
    sizes = [256, 128, 64, 32, 16, 8, 4, 2]
    return next((size for size in sizes if train_sequences >= size * _FEWEST_STEPS), 1)


def _round_up(length: int) -> int:
    """Returns the first of 50, 100, 200, 500 that is not smaller; 500 beyond."""
    return next((step for step in (50, 100, 200) if length <= step), 500)
