"""Writes `sequences.parquet`: what was measured of each test sequence, by which runs are compared pair by pair."""

import types
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from model.evaluation.evaluate import SequenceValues
from schemas.evaluation import GROUP_COLUMN, SEQUENCE_COLUMN, USER_COLUMN

GROUP_ROWS = 50_000
"""Number of rows that are written together, at least."""


class SequencesFile:
    """Writes one row a sequence, batch by batch, so that memory does not grow with their number.

    Columns: those of `schemas.evaluation`, and one float32 column a metric, ``task/metric``, null where it is not
    measured.

    Args:
        path: name of the file, on any filesystem that Beam knows; its folder exists.
    """

    def __init__(self, path: str):
        self._file = _create(path)
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def write(self, values: SequenceValues) -> None:
        """Adds a batch; many rows are written together, because a Parquet file has metadata of each group of rows."""
        columns = {
            USER_COLUMN: pa.array(values.users),
            SEQUENCE_COLUMN: pa.array(values.sequences),
            GROUP_COLUMN: pa.array(values.groups),
            **{name: pa.array(column, from_pandas=True) for name, column in values.metrics.items()},
        }
        self._waiting.append(pa.table(columns))
        if sum(table.num_rows for table in self._waiting) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._waiting = []
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._file, table.schema)
            self._writer.write_table(table)

    def __enter__(self) -> "SequencesFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._flush()
        if self._writer:
            self._writer.close()
        self._file.close()


def _create(path: str) -> BinaryIO:
    if "://" not in path:
        return open(path, "wb")
    # Imported here, because Beam takes long to import and is not needed to write to this machine.
    from apache_beam.io.filesystems import FileSystems

    return FileSystems.create(path)
