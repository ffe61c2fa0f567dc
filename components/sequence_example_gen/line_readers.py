"""Readers of formats made of lines: JSON Lines, and the `name: value` fields of the paper (appendix B)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from components.sequence_example_gen import files, rejects
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import FILTER_PREFIX, InputShard, RawBatch, check_rows, select_columns
from schemas import events, sequences

READ_BYTES = 16 << 20
BATCH_RECORDS = 1 << 17

_LIST_FIELDS = (*sequences.HISTORY_FEATURES, *sequences.FUTURE_FEATURES)
_TIME_FIELDS = (events.TIMESTAMP, sequences.HISTORY_TIMESTAMPS, sequences.FUTURE_TIMESTAMPS)

Record = dict[str, Any] | str
"""A record, or the reason why its lines hold none."""


def read_jsonl(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads JSON Lines, an object a line. Rows are lines, counted from 1; blank lines are skipped but counted."""
    lines = _Lines(shard.path)
    rows = 0
    for batch in _batches(((row, _load(line)) for row, line in lines), select_columns(source)):
        rows += len(batch.rows) + batch.rejects.num_rows
        yield batch
    check_rows(shard.path, lines=lines.count - lines.blank, rows=rows)


def read_fields(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads sequences written as ``name: value`` lines; a record starts at each ``user_id`` line, which numbers it."""
    yield from _batches(_field_records(shard.path), select_columns(source))


class _Lines:
    """Lines of a file that are not blank, each with its number from 1.

    Args:
        path: the file.

    Attributes:
        count: number of lines read so far, blank lines included, counted from the bytes.
        blank: number of blank lines among them.
    """

    def __init__(self, path: str):
        self._path = path
        self.count = 0
        self.blank = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        row, rest = 1, b""
        with files.open_input(self._path) as file:
            while block := file.read(READ_BYTES):
                self.count += block.count(b"\n")
                *lines, rest = (rest + block).split(b"\n")
                for number, line in enumerate(lines, row):
                    if line and not line.isspace():
                        yield number, line
                    else:
                        self.blank += 1
                row += len(lines)
        if rest.strip():
            self.count += 1
            yield row, rest


def _load(line: bytes) -> Record:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _why(line)
    return record if isinstance(record, dict) else rejects.MALFORMED_RECORD


def _why(line: bytes) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return rejects.INVALID_UTF8
    return rejects.MALFORMED_RECORD


def _field_records(path: str) -> Iterator[tuple[int, Record]]:
    start = 0
    record: Record = {}
    for row, line in _Lines(path):
        name, colon, value = line.partition(b":")
        # The paper prints "user id" in its example and "user_id" in its text.
        name = name.strip().replace(b" ", b"_")
        if name == b"user_id" or not start:
            if start:
                yield start, record
            start, record = row, {}
        known = name.decode("ascii", "replace")
        if isinstance(record, str):
            continue  # One bad line spoils the record; the first says why.
        if not colon or known not in sequences.SEQUENCE_FEATURES or known in record:
            record = rejects.MALFORMED_RECORD
            continue
        try:
            record[known] = value.strip().decode("utf-8")
        except UnicodeDecodeError:
            record = rejects.INVALID_UTF8
    if start:
        yield start, record


def _batches(records: Iterable[tuple[int, Record]], wanted: dict[str, str]) -> Iterator[RawBatch]:
    rows: list[int] = []
    batch: list[Record] = []
    for row, record in records:
        rows.append(row)
        batch.append(record)
        if len(batch) == BATCH_RECORDS:
            yield _batch(rows, batch, wanted)
            rows, batch = [], []
    if batch:
        yield _batch(rows, batch, wanted)


def _batch(rows: list[int], records: list[Record], wanted: dict[str, str]) -> RawBatch:
    """Turns records into columns of text (or lists of text); values of a wrong type reject their row."""
    errors = rejects.RowErrors(len(records))
    for reason in (rejects.MALFORMED_RECORD, rejects.INVALID_UTF8):
        errors.add(np.array([record == reason for record in records]), reason, "the record cannot be parsed")
    objects = [{} if isinstance(record, str) else record for record in records]
    columns = {}
    for field, column in wanted.items():
        convert = _converter(field)
        values = [convert(record.get(column)) for record in objects]
        wrong = np.array([value is False for value in values])
        errors.add(wrong, rejects.WRONG_TYPE, f"column {column}: neither text nor a whole number, nor a list of these")
        kind = pa.list_(pa.string()) if field in _LIST_FIELDS else pa.string()
        columns[field] = pa.array([None if value is False else value for value in values], kind)
    numbers = np.array(rows, np.int64)
    good = pa.array(errors.good)
    columns = {field: array.filter(good) for field, array in columns.items()}
    return RawBatch(columns, numbers[errors.good], errors.rejects(numbers))


def _converter(field: str) -> Callable[[Any], Any]:
    if field.startswith(FILTER_PREFIX):
        return _filter_text
    scalar = _time_text if field in _TIME_FIELDS else _text
    if field not in _LIST_FIELDS:
        return scalar

    def convert(value: Any) -> Any:
        if isinstance(value, str):
            return value.split(",") if value.strip() else []
        if not isinstance(value, list):
            value = [] if value is None else [value]
        texts = [scalar(element) for element in value]
        return False if False in texts else texts

    return convert


def _text(value: Any) -> Any:
    """Returns a JSON value as text: None stays None, and False says that the type is wrong (no id is a boolean)."""
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else False


def _filter_text(value: Any) -> str | None:
    """Returns a value of a column that only `source.keep` looks at: what it cannot compare is not kept."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def _time_text(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else _text(value)
