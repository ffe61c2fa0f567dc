"""Coverage of targets: how many of the items to be predicted are in the catalogue, which the train split makes."""

import dataclasses
import os
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas import sequences

BATCH_SIZE = 4096

Int64s: TypeAlias = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class TargetCoverage:
    """How many future events of a split are about items of the catalogue.

    Attributes:
        targets: number of future events.
        outside: number of those whose item is in no train sequence, so that no model can recommend it.
    """

    targets: int
    outside: int

    @property
    def outside_share(self) -> float:
        """Share of the targets that are outside the catalogue; 0 without targets."""
        return self.outside / max(self.targets, 1)


def measure_coverage(examples: str) -> dict[str, TargetCoverage]:
    """Measures the coverage of validation and test by the train split.

    Memory grows with the number of items, not with that of sequences.

    Args:
        examples: folder of an ingest's examples.

    Returns:
        The coverage by split; all of it 0 for a split without sequences.
    """
    catalogue = np.empty(0, np.int64)
    for histories, futures in _read_items(examples, sequences.TRAIN):
        catalogue = np.union1d(catalogue, np.concatenate([histories, futures]))
    return {split: _measure_split(examples, split, catalogue) for split in (sequences.VALIDATION, sequences.TEST)}


def _measure_split(examples: str, split: str, catalogue: Int64s) -> TargetCoverage:
    targets = outside = 0
    for _, futures in _read_items(examples, split):
        targets += len(futures)
        outside += int(np.count_nonzero(~np.isin(futures, catalogue)))
    return TargetCoverage(targets, outside)


def _read_items(examples: str, split: str) -> Iterator[tuple[Int64s, Int64s]]:
    """Yields the items of the histories, and those of the futures, batch by batch, as fingerprints [events]."""
    names = sorted(tf.io.gfile.glob(os.path.join(examples, f"Split-{split}", "*")))
    records = tf.data.TFRecordDataset(names, compression_type="GZIP").batch(BATCH_SIZE)
    yield from records.map(_parse_items, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1).as_numpy_iterator()


def _parse_items(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    names = (sequences.HISTORY_ITEM_IDS, sequences.FUTURE_ITEM_IDS)
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
    parsed = tf.io.parse_example(records, features)
    return tuple(parsed[name].flat_values for name in names)
