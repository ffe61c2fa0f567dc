"""Reads CSV line by line: a row is a line, so a quote that is never closed costs its own row and no other."""

import codecs
import itertools
import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from components.sequence_example_gen import files, rejects
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import InputShard, RawBatch, check_columns, check_rows, select_columns

CSV_BLOCK_BYTES = 16 << 20
"""Large enough that the users of a block repeat, small enough to stay quick in memory."""

_FIRST_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\r|\n)?+")
_LF, _CR = b"\n\r"


def read_csv(shard: InputShard, source: SourceConfig) -> Iterator[RawBatch]:
    r"""Reads CSV whose first line is its header.

    A line ends with ``\n``, ``\r\n`` or ``\r``, also inside quotes. A quote is special where a field begins and, until
    the field is closed, doubled or alone; anywhere else it is text. A line that leaves a quoted field open is one bad
    row, and the lines behind it are rows of their own.

    Args:
        shard: the file to read.
        source: columns and delimiter.

    Yields:
        Batches in file order. Rows are lines, counted from 1, the header; blank lines are skipped but counted.

    Raises:
        SourceError: if the file is empty, lacks a column, gives more or fewer rows than it has lines, or ends inside a
            quoted field as other readers of CSV would see it: then it is not known what the lines behind that quote
            were meant to be.
    """
    wanted = select_columns(source)
    quotes = _Quotes(source.delimiter)
    with files.open_input(shard.path) as file:
        blocks = _read_blocks(file)
        first = next(blocks, b"").removeprefix(codecs.BOM_UTF8)
        header = _FIRST_LINE.match(first)[0]  # type: ignore[index]  # It matches anything.
        names = _read_header(shard.path, source, header, bool(first.strip()), quotes)
        wanted = check_columns(wanted, names, shard.path)
        line = 2
        for block in itertools.chain([first[len(header) :]], blocks):
            ends = _line_ends(block)
            open_lines = _lines_of(quotes.find_open(block), ends)
            if len(open_lines) or quotes.open_line:
                quotes.follow(block, ends, line)
            numbers = line + np.delete(np.arange(len(ends)), np.append(_blank_lines(block, ends), open_lines))
            table, bad = _parse(_without(block, ends, open_lines), source.delimiter, names, list(wanted.values()))
            where = f"{shard.path}, lines {line:,} to {line + len(ends) - 1:,}"
            check_rows(where, lines=len(numbers), rows=table.num_rows + len(bad))
            yield RawBatch(
                {field: table.column(column).chunk(0) for field, column in wanted.items()},
                np.delete(numbers, bad),
                pa.concat_tables([_miscounted(numbers[bad]), _left_open(line + open_lines)]),
            )
            line += len(ends)
    if quotes.open_line:
        raise SourceError(
            f"{shard.path}, line {quotes.open_line:,}: a quote opens a field there and is never closed, so the lines "
            "behind it may or may not be part of that field. Mend that line: close the quote, or, where it is text, "
            "remove it or put the field in quotes and double the quote."
        )


class _Quotes:
    """Finder of quoted fields that are still open at the end of their line; follows them over lines.

    Args:
        delimiter: what separates the fields.

    Attributes:
        open_line: number of the line whose quote is still open for a reader that lets fields run over lines, after
            the blocks that were followed so far; None if there is none.
    """

    def __init__(self, delimiter: str):
        # All repeats are possessive, so that a match takes time in proportion to the block whatever it holds.
        inside = rb'[^"\r\n]*+(?:""[^"\r\n]*+)*+'
        closed = rb'(?:(?<=[^%b\r\n])"|"%b")[^"]*+' % (re.escape(delimiter.encode()), inside)
        self._open = re.compile(rb'[^"]*+(?:%b)*+(")%b' % (closed, inside))
        self._close = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
        self.open_line: int | None = None

    def find_open(self, block: bytes) -> list[int]:
        """Returns the position of each quote of a block of lines that opens a field which its line leaves open."""
        found: list[int] = []
        if b'"' not in block:
            return found
        end = 0
        while match := self._open.match(block, end):
            found.append(match.start(1))
            end = match.end()
        return found

    def follow(self, block: bytes, ends: npt.NDArray[np.int64], first_line: int) -> None:
        """Brings `open_line` to the end of a block.

        Args:
            block: whole lines. A block in which every line closes its fields may be left out while no field is open.
            ends: int64 [l], as `_line_ends` finds them.
            first_line: number of the first line.
        """
        end = 0
        while match := (self._close if self.open_line else self._open).match(block, end):
            closes = self.open_line is not None
            self.open_line = None if closes else first_line + int(_lines_of([match.start(1)], ends)[0])
            end = match.end()


def _read_blocks(file: pa.NativeFile) -> Iterator[bytes]:
    """Yields the file as blocks of whole lines; a line longer than a block makes its block longer."""
    pieces: list[bytes] = []
    while piece := file.read(CSV_BLOCK_BYTES):
        # A \r at the very end may be half of a \r\n.
        cut = max(piece.rfind(b"\n"), piece.rfind(b"\r", 0, -1)) + 1
        if cut:
            yield b"".join([*pieces, memoryview(piece)[:cut]])
            pieces = []
        pieces.append(piece[cut:])
    if last := b"".join(pieces):
        yield last


def _read_header(path: str, source: SourceConfig, header: bytes, has_text: bool, quotes: _Quotes) -> list[str]:
    if not has_text:
        raise SourceError(f"{path} is empty; expected CSV with a header line. Remove the file or write its header.")
    if not header.strip():
        raise SourceError(f"{path} begins with a blank line; expected CSV with its header in line 1. Remove the line.")
    if quotes.find_open(header):
        raise SourceError(
            f"{path}, line 1: a quote opens the name of a column and is not closed in the line. Close it, and write "
            "the header in one line."
        )
    options = pyarrow.csv.ParseOptions(delimiter=source.delimiter)
    # Arrow wants a line end behind the header.
    return pyarrow.csv.read_csv(pa.BufferReader(header + b"\n"), parse_options=options).column_names


def _line_ends(block: bytes) -> npt.NDArray[np.int64]:
    r"""Returns where each line of a block ends, behind its line end: int64 [l]; a ``\r\n`` is one."""
    values = np.frombuffer(block, np.uint8)
    is_end = values == _LF
    if b"\r" in block:
        is_return = values == _CR
        is_return[:-1] &= ~is_end[1:]
        is_end |= is_return
    if block:
        is_end[-1] = True  # The last line of a file may lack its line end.
    return np.flatnonzero(is_end) + 1


def _blank_lines(block: bytes, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the places of the lines [l] that hold nothing, not even a blank."""
    first = np.frombuffer(block, np.uint8)[np.append(0, ends)[:-1]]
    return np.flatnonzero((first == _LF) | (first == _CR))


def _lines_of(positions: list[int], ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the place of the line [l] that each position [p] lies in: int64 [p]."""
    return np.searchsorted(ends, np.array(positions, np.int64), side="right")


def _without(block: bytes, ends: npt.NDArray[np.int64], lines: npt.NDArray[np.int64]) -> bytes:
    """Returns a block without some of its lines."""
    if not len(lines):
        return block
    view = memoryview(block)
    starts = np.append(0, ends)
    kept = zip([0, *ends[lines].tolist()], [*starts[lines].tolist(), len(block)], strict=True)
    return b"".join(view[start:end] for start, end in kept)


def _parse(lines: bytes, delimiter: str, names: list[str], wanted: list[str]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Parses lines, each by itself.

    Args:
        lines: whole lines, none of which leaves a field open.
        delimiter: what separates the fields.
        names: all columns.
        wanted: the columns to return.

    Returns:
        The good rows, binary columns in one chunk; and the places, int64, of the bad rows among the lines that are not
        blank.
    """
    bad: list[int] = []

    def on_bad_row(row: pyarrow.csv.InvalidRow) -> str:
        bad.append(row.number - 1)
        return "skip"

    # Arrow refuses an empty input, and would drop a byte order mark, which belongs to the file's header alone.
    if not lines or lines.startswith(codecs.BOM_UTF8):
        lines = b"\n" + lines
    table = pyarrow.csv.read_csv(
        pa.BufferReader(lines),
        # One thread, for only then is the number of a bad row known.
        pyarrow.csv.ReadOptions(use_threads=False, block_size=len(lines), column_names=names),
        pyarrow.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=on_bad_row),
        # Binary, not text: then one invalid UTF-8 value costs its row, not the file.
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.binary()), include_columns=wanted, strings_can_be_null=False
        ),
    )
    return table, np.array(bad, np.int64)


def _miscounted(rows: npt.NDArray[np.int64]) -> pa.Table:
    return rejects.list_rejects(rows, rejects.WRONG_COLUMN_COUNT, "not as many columns as the header")


def _left_open(rows: npt.NDArray[np.int64]) -> pa.Table:
    detail = "a quote opens a field that is not closed in this line: close it or, where it is text, remove it"
    return rejects.list_rejects(rows, rejects.LINE_BREAK_IN_FIELD, detail)
