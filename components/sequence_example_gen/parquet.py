"""Parquet: its schema is checked once a file, and each row group is read by itself."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.sequence_example_gen import files, rejects
from components.sequence_example_gen.column_types import check_types
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import (
    InputShard,
    RawBatch,
    check_columns,
    make_unreadable_error,
    select_columns,
)

PARQUET_BATCH_ROWS = 1 << 20

_MAGIC, _LENGTH_BYTES = b"PAR1", 4
"""What a Parquet file ends with: its footer, the footer's length, and these four bytes."""


def split_parquet(shard: InputShard, source: SourceConfig) -> tuple[list[InputShard], dict[str, str]]:
    """Cuts a Parquet file into its row groups.

    Returns:
        A shard for each row group that has rows, and what each column of ids holds, ``{column: type}``.

    Raises:
        SourceError: if the file is no Parquet, lacks a column, or has one of a type that cannot hold what it should.
    """
    try:
        with files.open_input(shard.path) as stream:
            file = _open_parquet(stream)
            schema, metadata = file.schema_arrow, file.metadata
    except (pa.ArrowException, OSError) as error:
        raise make_unreadable_error(shard.path, "parquet", error) from error
    columns = check_columns(select_columns(source), schema.names, shard.path)
    id_types = check_types(schema, columns, shard.path)
    shards, first_row = [], 1
    for row_group in range(metadata.num_row_groups):
        rows = metadata.row_group(row_group).num_rows
        if rows:
            shards.append(dataclasses.replace(shard, row_group=row_group, first_row=first_row))
        first_row += rows
    return shards, id_types if shards else {}


def read_parquet(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads one row group; rows are counted from 1 over the whole file."""
    with files.open_input(shard.path) as stream:
        file = _open_parquet(stream)
        wanted = check_columns(select_columns(source), file.schema_arrow.names, shard.path)
        row = shard.first_row
        for batch in file.iter_batches(
            PARQUET_BATCH_ROWS, row_groups=[shard.row_group], columns=sorted(set(wanted.values()))
        ):
            rows = np.arange(row, row + batch.num_rows)
            row += batch.num_rows
            fields = {field: batch.column(batch.schema.names.index(column)) for field, column in wanted.items()}
            yield RawBatch(fields, rows, rejects.make_empty_rejects())


def _open_parquet(stream: pa.NativeFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream)
    except pa.ArrowInvalid:
        return pq.ParquetFile(stream, metadata=_read_footer(stream))


def _read_footer(stream: pa.NativeFile) -> pq.FileMetaData:
    """Returns the footer without the Arrow schema in it, which may name types newer than this Arrow: string_view.

    Parquet's own schema is enough to read the columns.
    """
    end = stream.size() - len(_MAGIC) - _LENGTH_BYTES
    stream.seek(end)
    length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    stream.seek(max(end - length, 0))
    footer = stream.read().replace(b"ARROW:schema", b"ARROW:unread")
    return pq.read_metadata(pa.BufferReader(_MAGIC + footer))
