"""Reads one unit of a log into raw record batches, by the format of the file."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.sequence_example_gen import csv_reader, files, line_readers, rejects, tfds_source
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import InputShard, RawBatch, check_columns, unreadable, wanted_columns

PARQUET_BATCH_ROWS = 1 << 20


def read_unit(unit: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads a unit of a log.

    Args:
        unit: what to read.
        source: format, columns and layout of the log.

    Yields:
        Batches in file order.

    Raises:
        SourceError: if the file cannot be read, lacks a column, or gives more or fewer rows than it holds.
    """
    readers: dict[str, Callable[[InputShard, SourceConfig], Iterator[RawBatch]]] = {
        "csv": csv_reader.read_csv,
        "parquet": _read_parquet,
        "jsonl": line_readers.read_jsonl,
        "fields": line_readers.read_fields,
        "tfds": tfds_source.read_tfds,
    }
    try:
        yield from readers[source.format](unit, source)
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        raise unreadable(unit.path, source.format, error) from error


def _read_parquet(unit: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads one row group; rows are counted from 1 over the whole file."""
    wanted = wanted_columns(source)
    with files.opened(unit.path) as stream:
        file = pq.ParquetFile(stream)
        check_columns(wanted, file.schema_arrow.names, unit.path)
        row = unit.first_row
        columns = list(wanted.values())
        for batch in file.iter_batches(PARQUET_BATCH_ROWS, row_groups=[unit.row_group], columns=columns):
            rows = np.arange(row, row + batch.num_rows)
            row += batch.num_rows
            fields = {field: batch.column(batch.schema.names.index(column)) for field, column in wanted.items()}
            yield RawBatch(fields, rows, rejects.no_rejects())
