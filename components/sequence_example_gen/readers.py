"""Reads one unit of a log into raw record batches, by the format of the file."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from components.sequence_example_gen import files, line_readers, rejects, tfds_source
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.settings import SourceConfig
from components.sequence_example_gen.sources import RawBatch, Unit, check_columns, unreadable, wanted_columns

CSV_BLOCK_BYTES = 16 << 20
"""Large enough that the users of a block repeat, small enough to stay quick in memory."""

PARQUET_BATCH_ROWS = 1 << 20

OnBadRow: TypeAlias = Callable[[pyarrow.csv.InvalidRow], str]


def read_unit(unit: Unit, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads a unit of a log.

    Args:
        unit: what to read.
        source: format, columns and layout of the log.

    Yields:
        Batches in file order.

    Raises:
        SourceError: if the file cannot be read or lacks a column.
    """
    readers: dict[str, Callable[[Unit, SourceConfig], Iterator[RawBatch]]] = {
        "csv": _read_csv,
        "parquet": _read_parquet,
        "jsonl": line_readers.read_jsonl,
        "fields": line_readers.read_fields,
        "tfds": tfds_source.read_tfds,
    }
    try:
        yield from readers[source.format](unit, source)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise unreadable(unit.path, source.format, error) from error


def _read_csv(unit: Unit, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads CSV with a header. Rows are counted from 1, the header; blank lines are skipped and not counted."""
    wanted = wanted_columns(source)
    _check_header(unit, source, wanted)
    bad_rows: list[int] = []

    def on_bad_row(row: pyarrow.csv.InvalidRow) -> str:
        bad_rows.append(row.number)
        return "skip"

    columns = list(wanted.values())
    with files.opened(unit.path) as file:
        reader = pyarrow.csv.open_csv(
            file,
            # One thread, for only then is the number of a bad row known.
            pyarrow.csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
            _parse_options(source, on_bad_row),
            # Binary, not text: then one invalid UTF-8 value costs its row, not the file.
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.binary()), include_columns=columns, strings_can_be_null=False
            ),
        )
        good, told = 0, 0
        for batch in reader:
            # The n-th bad row (from 0), numbered b, stands behind b - 2 - n good ones.
            before = np.array(bad_rows, np.int64) - 2 - np.arange(len(bad_rows))
            places = good + np.arange(batch.num_rows)
            good += batch.num_rows
            numbers = places + 2 + np.searchsorted(before, places, side="right")
            bad, told = _miscounted(bad_rows[told:]), len(bad_rows)
            yield RawBatch({field: batch.column(i) for i, field in enumerate(wanted)}, numbers, bad)
        if told < len(bad_rows):
            empty = {field: pa.array([], pa.binary()) for field in wanted}
            yield RawBatch(empty, np.empty(0, np.int64), _miscounted(bad_rows[told:]))


def _miscounted(rows: list[int]) -> pa.Table:
    return rejects.rejected(rows, rejects.WRONG_COLUMN_COUNT, "not as many columns as the header")


def _check_header(unit: Unit, source: SourceConfig, wanted: dict[str, str]) -> None:
    with files.opened(unit.path) as file:
        head = b""
        while b"\n" not in head and (more := file.read(1 << 16)):
            head += more
    if not head.strip():
        raise SourceError(
            f"{unit.path} is empty; expected CSV with a header line. Remove the file or write its header."
        )
    line = head.partition(b"\n")[0] + b"\n"
    names = pyarrow.csv.read_csv(pa.BufferReader(line), parse_options=_parse_options(source)).column_names
    check_columns(wanted, names, unit.path)


def _parse_options(source: SourceConfig, on_bad_row: OnBadRow | None = None) -> pyarrow.csv.ParseOptions:
    return pyarrow.csv.ParseOptions(delimiter=source.delimiter, newlines_in_values=True, invalid_row_handler=on_bad_row)


def _read_parquet(unit: Unit, source: SourceConfig) -> Iterator[RawBatch]:
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
