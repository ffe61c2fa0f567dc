"""Examples: sequences as serialized `tf.train.Example`s in gzipped TFRecord files."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders import example_coder

from components.sequence_example_gen import files
from components.sequence_example_gen.blocks import Columns
from components.sequence_example_gen.timestamps import MICROSECONDS
from components.sequence_example_gen.windows import Windows, gather
from schemas import sequences
from schemas.identity import splitmix64

CHUNK = 1 << 13
"""Sequences encoded at once."""

_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), "S2")
# Level 1: on fingerprints, higher levels take longer and save little.
_OPTIONS = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


def shuffle(windows: Windows, events: Columns) -> Windows:
    """Orders sequences by a hash of user and cutoff, so that windows of one user are not neighbours in a batch."""
    key = splitmix64(events["user_high"][windows.first] ^ splitmix64(windows.cutoff.astype(np.uint64)))
    return windows.select(np.argsort(key, kind="stable"))


def encode(windows: Windows, events: Columns) -> Iterator[bytes]:
    """Encodes sequences.

    Args:
        windows: the sequences [s].
        events: the sorted events that they point into.

    Yields:
        One serialized example a sequence, in the given order.
    """
    encoder = example_coder.RecordBatchToExamplesEncoder()
    for start in range(0, len(windows), CHUNK):
        for example in encoder.encode(_record_batch(windows.select(slice(start, start + CHUNK)), events)):
            # The encoder writes features in an order that differs from run to run; sorted, equal runs are equal files.
            yield tf.train.Example.FromString(example).SerializeToString(deterministic=True)


def write_shard(path: str, staging: str, windows: Windows, events: Columns) -> None:
    """Writes sequences as one gzipped TFRecord file, on any Beam filesystem."""
    # TensorFlow's writer is fast but knows few filesystems: it writes locally, and Beam takes the file away.
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, "shard")
        with tf.io.TFRecordWriter(local, _OPTIONS) as writer:
            for example in encode(windows, events):
                writer.write(example)
        with open(local, "rb") as source, files.create_whole(path, staging) as target:
            shutil.copyfileobj(source, target)


def write_empty_shard(path: str, staging: str) -> None:
    """Writes a shard without records."""
    with files.create_whole(path, staging) as target:
        target.write(gzip.compress(b""))


def locate_shard(examples_uri: str, split: str, shard: int, shards: int) -> str:
    """Returns the name of a shard, as TFX's own example generators name them."""
    return os.path.join(examples_uri, f"Split-{split}", f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz")


def format_user_hashes(user_high: npt.NDArray[np.uint64], user_low: npt.NDArray[np.uint64]) -> npt.NDArray[np.bytes_]:
    """Returns users' hashes as 32 hexadecimal digits: S32 [n]."""
    raw = np.stack([user_high, user_low], axis=1).astype(">u8").view(np.uint8)
    return np.ascontiguousarray(_HEX[raw]).view("S32").ravel()


def _record_batch(windows: Windows, events: Columns) -> pa.RecordBatch:
    users = format_user_hashes(events["user_high"][windows.first], events["user_low"][windows.first])
    one_each = np.arange(len(windows) + 1)
    columns = {sequences.USER_ID: _lists(one_each, pa.array(users.tolist(), pa.binary()))}
    for names, starts, stops in (
        (sequences.HISTORY_FEATURES, windows.history_start, windows.history_stop),
        (sequences.FUTURE_FEATURES, windows.future_start, windows.future_stop),
    ):
        offsets, places = gather(starts, stops)
        values = (events["item"][places], events["scene"][places], events["time"][places] // MICROSECONDS)
        columns |= {name: _lists(offsets, pa.array(value)) for name, value in zip(names, values, strict=True)}
    columns[sequences.CUTOFF] = _lists(one_each, pa.array(_find_cutoffs(windows, events["time"])))
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _find_cutoffs(windows: Windows, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns when each question is asked, unix seconds, int64 [s].

    It is the cutoff of the window. Where windows are not cut by time, in files of sequences, it is the second after the
    last event of the history, which tells nothing of the future.
    """
    behind = times[windows.history_stop - 1] // MICROSECONDS + 1
    cutoff = windows.cutoff // MICROSECONDS
    by_time = (cutoff >= behind) & (windows.cutoff <= times[np.minimum(windows.future_start, len(times) - 1)])
    return np.where(by_time, cutoff, behind)


def _lists(offsets: npt.NDArray[np.int64], values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values)
