"""Rejected rows: the reasons, and the file that lists them."""

import contextlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from components.sequence_example_gen import files

MISSING_FIELD = "missing_field"
BAD_TIMESTAMP = "bad_timestamp"
TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
WRONG_COLUMN_COUNT = "wrong_column_count"
LINE_BREAK_IN_FIELD = "line_break_in_field"
LINE_BREAK_IN_ID = "line_break_in_id"
NUL_IN_ID = "nul_in_id"
ID_TOO_LONG = "id_too_long"
LINE_TOO_LONG = "line_too_long"
INVALID_UTF8 = "invalid_utf8"
WRONG_TYPE = "wrong_type"
MALFORMED_RECORD = "malformed_record"
MISALIGNED_LISTS = "misaligned_lists"

REJECTS = pa.schema([("row", pa.int64()), ("reason", pa.string()), ("detail", pa.string())])
"""Columns of rejected rows inside one file; the written file adds the file's name in front.

The detail names columns and formats, never values: a value might be a user's id.
"""


def list_rejects(rows: npt.ArrayLike, reason: str, details: str | pa.StringArray) -> pa.Table:
    """Returns rejected rows [n] that share one reason, and one detail unless there is one for each [n]."""
    rows = np.asarray(rows, np.int64)
    texts = [_repeat(text, len(rows)) if isinstance(text, str) else text for text in (reason, details)]
    return pa.table([pa.array(rows), *texts], schema=REJECTS)


def _repeat(text: str, number: int) -> pa.StringArray:
    return pa.array([text], pa.string()).take(pa.array(np.zeros(number, np.int64)))


def make_empty_rejects() -> pa.Table:
    """Returns a table of no rejected rows."""
    return REJECTS.empty_table()


class RowErrors:
    """Errors of the rows of a batch; the first error found in a row names its reason.

    Args:
        size: number of rows in the batch.
    """

    def __init__(self, size: int):
        self._codes = np.zeros(size, np.int64)
        self._kinds = [("", "")]

    def add(self, mask: npt.NDArray[np.bool_], reason: str, detail: str) -> None:
        """Marks the rows of a mask [size] as bad."""
        if mask.any():
            self._kinds.append((reason, detail))
            self._codes[mask & (self._codes == 0)] = len(self._kinds) - 1

    def add_all(self, errors: Iterable[tuple[npt.NDArray[np.bool_], str, str]]) -> None:
        """Marks the rows of several masks as bad, each with its reason and detail."""
        for mask, reason, detail in errors:
            self.add(mask, reason, detail)

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Rows without an error: bool [size]."""
        return self._codes == 0

    def rejects(self, rows: npt.NDArray[np.int64]) -> pa.Table:
        """Returns the bad rows; `rows` [size] are their numbers in the file."""
        bad = np.flatnonzero(self._codes)
        reasons, details = (pa.array(texts, pa.string()) for texts in zip(*self._kinds, strict=True))
        codes = pa.array(self._codes[bad])
        return pa.table([pa.array(rows[bad]), reasons.take(codes), details.take(codes)], schema=REJECTS)


class RejectsWriter:
    """Writes the rejected rows of one file as CSV, batch by batch; opens its file at the first rejected row.

    Args:
        file: name of the log's file, repeated in each line.
        opening: context manager that creates the CSV file.
    """

    def __init__(self, file: str, opening: contextlib.AbstractContextManager):
        self._file = file
        self._opening = opening
        self._stack = contextlib.ExitStack()
        self._writer: pyarrow.csv.CSVWriter | None = None

    def __enter__(self) -> "RejectsWriter":
        return self

    def __exit__(self, *exception: Any) -> bool | None:
        return self._stack.__exit__(*exception)

    def open(self) -> pyarrow.csv.CSVWriter:
        """Creates the file, with its header, if it is not there yet."""
        if self._writer is None:
            sink = self._stack.enter_context(self._opening)
            self._writer = self._stack.enter_context(pyarrow.csv.CSVWriter(sink, make_rejects_file_schema()))
        return self._writer

    def write(self, rejects: pa.Table) -> None:
        """Appends rejected rows."""
        if not rejects.num_rows:
            return
        writer = self.open()
        table = pa.table([_repeat(self._file, rejects.num_rows), *rejects.columns], schema=make_rejects_file_schema())
        # One chunk: Arrow's CSV writer repeats its last lines when it meets an empty chunk.
        writer.write_table(table.combine_chunks())


def write_empty_rejects(path: str, staging: str) -> None:
    """Writes a rejects file that lists no row, so that readers need no special case."""
    with RejectsWriter("", files.create_whole(path, staging)) as writer:
        writer.open()


def make_rejects_file_schema() -> pa.Schema:
    """Returns the columns of a rejects file."""
    return REJECTS.insert(0, pa.field("file", pa.string()))


def count_details(rejects: pa.Table) -> dict[tuple[str, str], int]:
    """Returns the number of rejected rows of each reason and detail."""
    counts = rejects.group_by(["reason", "detail"]).aggregate([("row", "count")])
    pairs = zip(counts["reason"].to_pylist(), counts["detail"].to_pylist(), strict=True)
    return dict(zip(pairs, counts["row_count"].to_pylist(), strict=True))
