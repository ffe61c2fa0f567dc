"""Readers of a log's shards: one by the format of each, and that of TensorFlow data sets."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from components.sequence_example_gen import csv_reader, hive_folders, line_readers, parquet, rejects
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import (
    InputShard,
    RawBatch,
    check_columns,
    make_unreadable_error,
    select_columns,
)

TFDS_BATCH_ROWS = 1 << 16


def read_shard(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads a shard of a log.

    Args:
        shard: the file, or the part of one, to read.
        source: format, columns and layout of the log.

    Yields:
        Batches in file order.

    Raises:
        SourceError: if the file cannot be read, lacks a column, or gives more or fewer rows than it holds.
    """
    readers: dict[str, Callable[[InputShard, SourceConfig], Iterator[RawBatch]]] = {
        "csv": csv_reader.read_csv,
        "parquet": parquet.read_parquet,
        "jsonl": line_readers.read_jsonl,
        "fields": line_readers.read_fields,
        "tfds": read_tfds,
    }
    try:
        for raw in readers[source.format](shard, source):
            yield _add_folder_columns(raw, shard, source)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise make_unreadable_error(shard.path, source.format, error) from error


def _add_folder_columns(raw: RawBatch, shard: InputShard, source: SourceConfig) -> RawBatch:
    """Returns a batch with the columns that the file lacks and its folders hold."""
    folders = hive_folders.read_folder_columns(shard.path)
    columns = dict(raw.columns)
    for field, column in select_columns(source).items():
        if column in folders and field not in columns:
            value = pa.array([folders[column]], pa.string())
            columns[field] = pa.DictionaryArray.from_arrays(np.zeros(len(raw.rows), np.int32), value)
    return dataclasses.replace(raw, columns=columns)


def read_tfds(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads one split of a data set in its own order; it is downloaded and prepared first when it is not there.

    Args:
        shard: its `path` is the data set's name, as in ``movielens/100k-ratings``.
        source: the split, and the features that hold the fields.

    Yields:
        Batches; rows are counted from 1.

    Raises:
        SourceError: if there is no such data set or split, or a feature is missing or no scalar.
    """
    import tensorflow_datasets as tfds  # Slow to import, and needed by this format alone.

    wanted = select_columns(source)
    try:
        data_set = tfds.load(shard.path, split=source.tfds_split, shuffle_files=False)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise SourceError(
            f"No TensorFlow data set {shard.path!r} with split {source.tfds_split!r}: {error}. Check source.path and "
            "source.tfds_split."
        ) from error
    check_columns(wanted, list(data_set.element_spec), f"TensorFlow data set {shard.path!r}")
    for column in wanted.values():
        if data_set.element_spec[column].shape.rank != 0:
            raise SourceError(f"Feature {column!r} of TensorFlow data set {shard.path!r} is no scalar.")
    features = data_set.map(lambda row: {column: row[column] for column in wanted.values()})
    row = 1
    for batch in features.batch(TFDS_BATCH_ROWS).as_numpy_iterator():
        columns = {field: _arrow(batch[column]) for field, column in wanted.items()}
        rows = np.arange(row, row + len(columns[next(iter(wanted))]))
        row += len(rows)
        yield RawBatch(columns, rows, rejects.make_empty_rejects())


def _arrow(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.binary()) if values.dtype == object else pa.array(values)
