"""Reads the scenes of some train sequences, as a stream of flat arrays."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas import sequences

MOST_SEQUENCES = 100_000
"""Enough for a share to be known to a thousandth, whatever the size of the data."""

BATCH_SIZE = 2048


class SceneLists(NamedTuple):
    """The scenes of a batch of sequences, histories and futures in one.

    Attributes:
        fingerprints: int64 [events], sequence after sequence, oldest event first.
        lengths: int64 [batch], events of each sequence.
    """

    fingerprints: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


def read_scenes(pattern: str, most: int = MOST_SEQUENCES) -> Iterator[SceneLists]:
    """Reads the first sequences of each shard, of each about as many; shards hold users by hash, so this is fair.

    Args:
        pattern: glob of gzipped TFRecords of sequence examples.
        most: how many sequences at most, or one a shard if there are more shards.

    Yields:
        Batches; memory does not grow with their number.
    """
    names = sorted(tf.io.gfile.glob(pattern))
    if not names:
        return
    each = max(most // len(names), 1)
    records = tf.data.Dataset.from_tensor_slices(names).flat_map(
        lambda name: tf.data.TFRecordDataset(name, compression_type="GZIP").take(each)
    )
    batches = records.batch(BATCH_SIZE).map(_parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)
    for fingerprints, lengths in batches.as_numpy_iterator():
        yield SceneLists(fingerprints, lengths)


def _parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    names = (sequences.HISTORY_SCENE_IDS, sequences.FUTURE_SCENE_IDS)
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
    parsed = tf.io.parse_example(records, features)
    events = tf.concat([parsed[name] for name in names], axis=1)
    return events.flat_values, events.row_lengths()
