"""Reads `sequences.parquet`: what was measured of each test sequence."""

import os
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from model.evaluation.pairing import MeasuredSequences
from reporting.console import short_path
from schemas.errors import UserError
from schemas.evaluation import GROUP_COLUMN, SEQUENCE_COLUMN, USER_COLUMN

_ABOUT_SEQUENCES = (USER_COLUMN, SEQUENCE_COLUMN, GROUP_COLUMN)


def read_sequences(
    path: str, expected: int, beside: str, advice: str, metrics: Collection[str] | None = None
) -> MeasuredSequences:
    """Reads the measured sequences of a run.

    Args:
        path: the file.
        expected: how many sequences it should hold.
        beside: name of the file beside it that says so, for errors.
        advice: what to do when it cannot be read, for errors.
        metrics: those to read, ``task/metric``, as far as they are there; None for all.

    Raises:
        UserError: if the file is missing, damaged, or about another number of sequences.
    """
    if not os.path.exists(path):
        raise UserError(
            f"{short_path(path)}: is not there, so runs cannot be compared sequence by sequence; an older version of "
            f"DSPnet wrote this evaluation. {advice}"
        )
    try:
        columns = {}
        with pq.ParquetFile(path) as file:
            for name in file.schema_arrow.names:  # one by one, so that none is held twice for long
                if metrics is None or name in metrics or name in _ABOUT_SEQUENCES:
                    column = file.read([name])[name]
                    columns[name] = _ids(column) if name in (USER_COLUMN, GROUP_COLUMN) else _numbers(column, name)
        users, sequences, groups = columns.pop(USER_COLUMN), columns.pop(SEQUENCE_COLUMN), columns.pop(GROUP_COLUMN)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise UserError(f"{short_path(path)}: is damaged: {error}. {advice}") from error
    if len(users) != expected:
        raise UserError(
            f"{short_path(path)}: holds {len(users):,} sequences, but {beside} beside it is about "
            f"{expected:,}: the two do not belong together. {advice}"
        )
    return MeasuredSequences(users, sequences, np.char.decode(groups, "utf-8"), columns)


def _ids(column: pa.ChunkedArray) -> npt.NDArray[np.bytes_]:
    """Returns text as bytes of fixed length, which take a quarter of the memory of NumPy's text."""
    if column.null_count:
        raise ValueError("an id is missing")
    chunks = [np.array(chunk.cast(pa.binary()).to_pylist(), np.bytes_) for chunk in column.chunks if len(chunk)]
    return np.concatenate(chunks) if chunks else np.empty(0, "S1")


def _numbers(column: pa.ChunkedArray, name: str) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    if name == SEQUENCE_COLUMN:
        if column.null_count:
            raise ValueError("a digest of a sequence is missing")
        return column.cast(pa.int64()).to_numpy()
    values = column.cast(pa.float32()).to_numpy()
    if np.isinf(values).any():
        raise ValueError(f"{name} is infinite for a sequence")
    return values
