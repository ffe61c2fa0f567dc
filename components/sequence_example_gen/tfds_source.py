"""A TensorFlow data set by name, read as an event log."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from components.sequence_example_gen import rejects
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import InputShard, RawBatch, check_columns, wanted_columns

BATCH_ROWS = 1 << 16


def read_tfds(unit: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads one split of a data set in its own order; it is downloaded and prepared first when it is not there.

    Args:
        unit: `path` is the data set's name, as in ``movielens/100k-ratings``.
        source: the split, and the features that hold the fields.

    Yields:
        Batches; rows are counted from 1.

    Raises:
        SourceError: if there is no such data set or split, or a feature is missing or no scalar.
    """
    import tensorflow_datasets as tfds  # Slow to import, and needed by this format alone.

    wanted = wanted_columns(source)
    try:
        data_set = tfds.load(unit.path, split=source.tfds_split, shuffle_files=False)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise SourceError(
            f"No TensorFlow data set {unit.path!r} with split {source.tfds_split!r}: {error}. Check source.path and "
            "source.tfds_split."
        ) from error
    check_columns(wanted, list(data_set.element_spec), f"TensorFlow data set {unit.path!r}")
    for column in wanted.values():
        if data_set.element_spec[column].shape.rank != 0:
            raise SourceError(f"Feature {column!r} of TensorFlow data set {unit.path!r} is no scalar.")
    features = data_set.map(lambda row: {column: row[column] for column in wanted.values()})
    row = 1
    for batch in features.batch(BATCH_ROWS).as_numpy_iterator():
        columns = {field: _arrow(batch[column]) for field, column in wanted.items()}
        rows = np.arange(row, row + len(columns[next(iter(wanted))]))
        row += len(rows)
        yield RawBatch(columns, rows, rejects.no_rejects())


def _arrow(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.binary()) if values.dtype == object else pa.array(values)
