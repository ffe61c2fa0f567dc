"""What was measured of each test sequence, as Parquet: by it runs are compared pair by pair."""

import types

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from model.evaluation.evaluate import SequenceValues
from schemas.evaluation import GROUP_COLUMN, SEQUENCE_COLUMN, USER_COLUMN


class SequencesFile:
    """Writes one row a sequence, batch by batch, so that memory does not grow with their number.

    Columns: those of `schemas.evaluation`, and one float32 column a metric, ``task/metric``, null where it is not
    measured.

    Args:
        path: the file; its folder exists.
    """

    def __init__(self, path: str):
        self._file = FileSystems.create(path)
        self._writer: pq.ParquetWriter | None = None

    def write(self, values: SequenceValues) -> None:
        """Writes a batch."""
        columns = {
            USER_COLUMN: pa.array(values.users),
            SEQUENCE_COLUMN: pa.array(values.sequences),
            GROUP_COLUMN: pa.array(values.groups),
            **{name: pa.array(column, from_pandas=True) for name, column in values.metrics.items()},
        }
        table = pa.table(columns)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def __enter__(self) -> "SequencesFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if self._writer:
            self._writer.close()
        self._file.close()
