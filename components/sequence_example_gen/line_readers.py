"""Readers of formats made of lines: JSON Lines, and the `name: value` fields of the paper (appendix B)."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from components.sequence_example_gen import hive_folders, json_keys, rejects
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.json_keys import Record
from components.sequence_example_gen.line_blocks import MAX_LINE_BYTES, LineBlock, read_line_blocks
from components.sequence_example_gen.row_filter import find_kept_rows
from components.sequence_example_gen.sources import InputShard, RawBatch, check_rows, select_columns
from schemas import events, sequences

_LIST_FIELDS = (*sequences.HISTORY_FEATURES, *sequences.FUTURE_FEATURES)
_ID_FIELDS = (
    *(events.USER_ID, events.ITEM_ID, events.SCENE_ID),
    *(name for name in sequences.SEQUENCE_FEATURES if "timestamps" not in name),
)

_EXPECTED = ("text, true, false or a whole number (from 2^53 on as text)", "text, or a list of texts and whole numbers")
"""What a JSON value should be, and one of a list."""

MAX_EXACT_FLOAT = 2**53
"""From it on two whole numbers may have become one when they were written, or read, as floats."""

_WHY = {
    rejects.MALFORMED_RECORD: "the record cannot be parsed",
    rejects.INVALID_UTF8: "the record is not valid UTF-8",
    rejects.LINE_TOO_LONG: f"a line is longer than {MAX_LINE_BYTES >> 20} MiB",
}


def read_jsonl(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads JSON Lines, an object a line. Rows are lines, counted from 1; blank lines are skipped but counted.

    NaN and the infinities, which Python writes into JSON, are read though JSON does not know them.

    Raises:
        SourceError: if the file is one JSON document, no record of its first lines has a column that is read, or it
            gives more or fewer rows than it has lines.
    """
    blocks = read_line_blocks(shard.path, source)
    first = next(blocks, None)
    if first is None:
        return
    json_keys.check_lines(shard.path, first.text)
    is_checked, first_line = False, None
    for block in itertools.chain([first], blocks):
        rows: list[int] = []
        records: list[Record] = []
        blank = 0
        for row, line in _number_lines(block):
            if line is not None and (not line or line.isspace()):
                blank += 1
                continue
            rows.append(row)
            records.append(_load(line))
            first_line = first_line or line
        if records and not is_checked:
            json_keys.check_records(shard.path, rows, first_line or b"", records, source)
            is_checked = True
        batch = _batch(rows, records, source, shard.path)
        where = f"{shard.path}, lines {block.first_line:,} to {block.last_line:,}"
        check_rows(where, lines=len(block.ends) - blank, rows=len(batch.rows) + batch.rejects.num_rows)
        yield batch


def read_fields(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads sequences written as ``name: value`` lines; a record starts at each ``user_id`` line, which numbers it."""
    fields = _FieldRecords()
    for block in read_line_blocks(shard.path, source):
        for row, line in _number_lines(block):
            fields.add(row, line)
        yield _batch(*fields.take(), source, shard.path)
    yield _batch(*fields.take(last=True), source, shard.path)
    check_rows(shard.path, lines=fields.lines - fields.blank, rows=fields.lines_taken)


def _number_lines(block: LineBlock) -> Iterator[tuple[int, bytes | None]]:
    """Returns each line of a block with its number; None for one that is too long."""
    lines = [None] if block.too_long else block.split()
    return enumerate(lines, block.first_line)


def _load(line: bytes | None) -> Record:
    if line is None:
        return rejects.LINE_TOO_LONG
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _load_loosely(line)
    return record if isinstance(record, dict) else rejects.MALFORMED_RECORD


def _load_loosely(line: bytes) -> Record:
    """Parses a record that is no JSON to the letter: it may hold NaN, infinities, and numbers too large for floats."""
    try:
        record = json.loads(line.decode("utf-8"))
        json.dumps(record, ensure_ascii=False).encode("utf-8")  # An escape may stand for half a character.
    except UnicodeDecodeError:
        return rejects.INVALID_UTF8
    except (ValueError, RecursionError):
        return rejects.MALFORMED_RECORD
    return record if isinstance(record, dict) else rejects.MALFORMED_RECORD


class _FieldRecords:
    """Records made of ``name: value`` lines.

    Attributes:
        lines: number of lines that were added.
        blank: number of blank lines among them.
        lines_taken: number of lines in the records that were taken.
    """

    def __init__(self) -> None:
        self.lines = self.blank = self.lines_taken = 0
        self._rows: list[int] = []
        self._records: list[Record] = []
        self._sizes: list[int] = []

    def add(self, row: int, line: bytes | None) -> None:
        """Adds the next line of the file; None is one that is too long."""
        self.lines += 1
        if line is not None and not line.strip():
            self.blank += 1
            return
        name, colon, value = (line or b"").partition(b":")
        # The paper prints "user id" in its example and "user_id" in its text.
        name = name.strip().replace(b" ", b"_")
        if name == b"user_id" or not self._records:
            self._rows.append(row)
            self._records.append({})
            self._sizes.append(0)
        self._sizes[-1] += 1
        record = self._records[-1]
        if isinstance(record, str):
            return  # One bad line spoils the record; the first says why.
        known = name.decode("ascii", "replace")
        if line is None:
            self._records[-1] = rejects.LINE_TOO_LONG
        elif not colon or known not in sequences.SEQUENCE_FEATURES or known in record:
            self._records[-1] = rejects.MALFORMED_RECORD
        else:
            try:
                record[known] = value.strip().decode("utf-8")
            except UnicodeDecodeError:
                self._records[-1] = rejects.INVALID_UTF8

    def take(self, last: bool = False) -> tuple[list[int], list[Record]]:
        """Returns the finished records with the number of the first line of each, and forgets them.

        Args:
            last: whether the file has ended, so that the last record is finished, too.
        """
        kept = 0 if last else 1
        cut = max(len(self._records) - kept, 0)
        taken = self._rows[:cut], self._records[:cut]
        self.lines_taken += sum(self._sizes[:cut])
        self._rows, self._records, self._sizes = self._rows[cut:], self._records[cut:], self._sizes[cut:]
        return taken


def _batch(rows: list[int], records: list[Record], source: SourceConfig, path: str) -> RawBatch:
    """Turns records into columns of text (or lists of text); values of a wrong type reject their row.

    A record without a column takes that of the file's folders. A row that `source.keep` leaves out is not judged.
    """
    errors = rejects.RowErrors(len(records))
    for reason, detail in _WHY.items():
        errors.add(np.array([record == reason for record in records], bool), reason, detail)
    objects = [{} if isinstance(record, str) else record for record in records]
    folders = hive_folders.read_folder_columns(path)
    columns, wrong = {}, {}
    for field, column in select_columns(source).items():
        convert = _converter(field)
        values = [convert(record.get(column, folders.get(column))) for record in objects]
        wrong[column] = np.array([value is False for value in values], bool)
        kind = pa.list_(pa.string()) if field in _LIST_FIELDS else pa.string()
        columns[field] = pa.array([None if value is False else value for value in values], kind)
    kept = find_kept_rows(columns, source)
    for column, mask in wrong.items():
        detail = f"column {column}: not {_EXPECTED[field in _LIST_FIELDS]}"
        errors.add(mask & kept, rejects.WRONG_TYPE, detail)
    numbers = np.array(rows, np.int64)
    good = pa.array(errors.good)
    columns = {field: array.filter(good) for field, array in columns.items()}
    return RawBatch(columns, numbers[errors.good], errors.rejects(numbers))


def _converter(field: str) -> Callable[[Any], Any]:
    scalar = _id_text if field in _ID_FIELDS else _number_text
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


def _id_text(value: Any) -> Any:
    """Returns a JSON value as the text of an id: None stays None, and False says that the value is no id.

    >>> _id_text("5.0"), _id_text(5.0), _id_text(True), _id_text(5.5), _id_text([5])
    ('5.0', '5', 'true', False, False)
    """
    if isinstance(value, float):
        if value != value:  # By NaN pandas writes what is missing.
            return None
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else False
    return _number_text(value)


def _number_text(value: Any) -> Any:
    """Returns a JSON value as text, fractions and all; None and False as `_id_text`."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return None if value != value else repr(value)
    return str(value) if isinstance(value, int) else False
