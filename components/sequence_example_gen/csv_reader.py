"""Reads CSV: a row is a line, unless fields may run over lines; each row is read, or is one bad row."""

import codecs
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from components.sequence_example_gen import csv_header, csv_records, hive_folders, line_blocks, rejects
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.csv_dialect import Dialect, make_dialect
from components.sequence_example_gen.csv_records import RecordBlock
from components.sequence_example_gen.sources import InputShard, RawBatch, check_columns, check_rows, select_columns

SPARE_FIELDS = 1024
"""How many fields more than the header a row may have to be shown to Arrow; it is a bad row in either case."""

_ASCII = bytes(range(128)) + b"?" * 128
"""Table that replaces what is not ASCII."""


def read_csv(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    """Reads CSV whose first line is its header, unless `source.header` names its columns.

    A line that leaves a quoted field open is one bad row, and the lines behind it are rows of their own.

    Args:
        shard: the file to read.
        source: columns and dialect.

    Yields:
        Batches in file order. A row has the number of its first line, the header being line 1; blank lines are skipped
        but counted.

    Raises:
        SourceError: if the file is no CSV, lacks a column, ends inside a quoted field, or gives more or fewer rows than
            it has lines.
    """
    wanted = select_columns(source)
    dialect = make_dialect(source)
    lines = line_blocks.read_line_blocks(shard.path, source, dialect.prepare)
    names: list[str | None]
    if source.header is None:
        first = next(lines, None)
        folders = hive_folders.read_folder_columns(shard.path)
        expected = [column for column in wanted.values() if column not in folders]
        names = csv_header.read_header(shard.path, source, first, expected)
        assert first is not None
        lines = itertools.chain([first.skip_first()], lines)
    else:
        names = [*source.header]
    wanted = check_columns(wanted, [name for name in names if name is not None], shard.path)
    places = {field: names.index(column) for field, column in wanted.items()}
    origin = "the header" if source.header is None else "source.header"
    parser = _Parser(dialect, len(names), origin, sorted(set(places.values())))
    for records in csv_records.find_records(lines, dialect, shard.path):
        table, rows, bad = _parse(parser, records, shard.path)
        yield RawBatch({field: table.column(str(place)).chunk(0) for field, place in places.items()}, rows, bad)


class _Parser:
    """Parser of whole records.

    Args:
        dialect: how they are written.
        width: number of columns.
        origin: what names them, for people.
        places: the columns to return.
    """

    def __init__(self, dialect: Dialect, width: int, origin: str, places: list[int]):
        self.dialect = dialect
        self.width = width
        self.origin = origin
        self._names = [str(place) for place in range(width)]
        self._wanted = [str(place) for place in places]

    def parse(self, text: bytes, on_bad_row: Callable[[pyarrow.csv.InvalidRow], str] | None = None) -> pa.Table:
        """Returns the wanted columns by their places, binary and in one chunk.

        Raises:
            pa.ArrowInvalid: if a row has not as many columns as the header, and nothing says what to do about it.
        """
        # Arrow refuses an empty input, and would drop a byte order mark, which belongs to the file's header alone.
        if not text or text.startswith(codecs.BOM_UTF8):
            text = b"\n" + text
        table = pyarrow.csv.read_csv(
            pa.BufferReader(text),
            # One thread, for only then is the number of a bad row known.
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(text), column_names=self._names),
            self.dialect.make_parse_options(invalid_row_handler=on_bad_row),
            # Binary, not text: then one invalid UTF-8 value costs its row, not the file.
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(self._wanted, pa.binary()),
                include_columns=self._wanted,
                strings_can_be_null=False,
            ),
        )
        if b'"' in text:
            columns = [self.dialect.restore(column.chunk(0)) for column in table.columns]
            table = pa.table(columns, names=table.column_names)
        return table

    @property
    def most_fields(self) -> int:
        """How many fields a row may have to be shown to Arrow."""
        return self.width + SPARE_FIELDS

    def parse_good(self, text: bytes) -> tuple[pa.Table, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Returns the rows that have as many columns as the header, and places and numbers of columns of the others."""
        bad: list[int] = []
        widths: list[int] = []

        def on_bad_row(row: pyarrow.csv.InvalidRow) -> str:
            bad.append(row.number - 1)
            widths.append(row.actual_columns)
            return "skip"

        return self.parse(text, on_bad_row), np.array(bad, np.int64), np.array(widths, np.int64)


def _parse(parser: _Parser, records: RecordBlock, path: str) -> tuple[pa.Table, npt.NDArray[np.int64], pa.Table]:
    """Returns the good rows, the number of each, and the bad rows.

    Raises:
        SourceError: if there are more or fewer of them than records.
    """
    lines = records.lines
    if lines.too_long:
        return parser.parse(b""), np.empty(0, np.int64), line_blocks.list_too_long(lines.first_line)
    is_row = ~lines.find_blank()
    is_row[records.left_open] = is_row[records.continued] = False
    starts = np.flatnonzero(is_row)
    table, widths = _parse_any(parser, records, starts)
    bad = np.flatnonzero(widths)
    where = f"{path}, lines {lines.first_line:,} to {lines.last_line:,}"
    check_rows(where, lines=len(starts), rows=table.num_rows + len(bad))
    numbers = lines.first_line + starts
    left_open = _left_open(lines.first_line + records.left_open)
    rejected = pa.concat_tables([_miscounted(numbers[bad], widths[bad], parser), left_open])
    return table, np.delete(numbers, bad), rejected


def _parse_any(
    parser: _Parser, records: RecordBlock, starts: npt.NDArray[np.int64]
) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Parses records that need not be UTF-8.

    Arrow decodes a row before it asks what to do about its number of columns, and fails where it is not UTF-8. In that
    case such rows are found in a copy of the text that is all ASCII, and taken out of the text.

    Args:
        parser: their parser.
        records: the records.
        starts: int64 [r], the place of the first line of each row.

    Returns:
        The good rows, and int64 [r]: how many fields a bad row has, 0 for a good row.
    """
    widths = _find_too_wide(parser, records, starts)
    shown = np.flatnonzero(widths == 0)
    text = _remove(records, starts, np.flatnonzero(widths))
    if _is_utf_8(text):
        table, bad, found = parser.parse_good(text)
        widths[shown[bad]] = found
        return table, widths
    try:
        return parser.parse(text), widths
    except pa.ArrowInvalid:
        _, bad, found = parser.parse_good(text.translate(_ASCII))
    widths[shown[bad]] = found
    return parser.parse(_remove(records, starts, np.flatnonzero(widths))), widths


def _find_too_wide(parser: _Parser, records: RecordBlock, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Finds the rows with many more fields than the header.

    Arrow keeps room for the values of good rows alone and checks it nowhere: a row of 150,000 fields among rows of four
    was seen to overwrite its neighbours, one of a million to end the process. A few fields more fit into what an
    allocation has to spare.

    Args:
        parser: the parser of the rows.
        records: the records.
        starts: int64 [r], the place of the first line of each row.

    Returns:
        int64 [r], how many fields such a row has at least, 0 for any other row.
    """
    lines = records.lines
    most = parser.most_fields
    begins = np.append(0, lines.ends)[np.append(starts, len(lines.ends))]
    widths = np.zeros(len(starts), np.int64)
    # A field takes a byte at least, so short rows need no look.
    for row in np.flatnonzero(np.diff(begins) > most):
        end = begins[row + 1] if parser.dialect.newlines_in_fields else lines.ends[starts[row]]
        if parser.dialect.count_fields(lines.text[begins[row] : end]) > most:
            widths[row] = most + 1
    return widths


def _remove(records: RecordBlock, starts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> bytes:
    """Returns the text without some rows, and without the lines that leave a field open."""
    lines = records.lines
    is_out = np.zeros(len(lines.ends), bool)
    for start, stop in zip(starts[rows], np.append(starts, len(is_out))[rows + 1], strict=True):
        is_out[start:stop] = True
    is_out[records.left_open] = True
    return lines.remove(is_out)


def _is_utf_8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        pa.array([text], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _miscounted(rows: npt.NDArray[np.int64], widths: npt.NDArray[np.int64], parser: _Parser) -> pa.Table:
    kinds, codes = np.unique(widths, return_inverse=True)
    held = [f"{width:,}" if width <= parser.most_fields else f"more than {parser.most_fields:,}" for width in kinds]
    expected = f"{parser.origin} names {parser.width:,} columns"
    details = pa.array([f"{expected}, and the line holds {width}" for width in held], pa.string())
    return rejects.list_rejects(rows, rejects.WRONG_COLUMN_COUNT, details.take(pa.array(codes.ravel())))


def _left_open(rows: npt.NDArray[np.int64]) -> pa.Table:
    detail = "a quote opens a field that is not closed in this line: close it or, where it is text, remove it"
    return rejects.list_rejects(rows, rejects.LINE_BREAK_IN_FIELD, detail)
