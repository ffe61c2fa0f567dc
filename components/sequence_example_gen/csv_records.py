"""Records of CSV: which lines make a row, and which leave a quoted field open."""

import collections
import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from components.sequence_example_gen import line_blocks
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.csv_dialect import Dialect
from components.sequence_example_gen.line_blocks import LineBlock

_NO_LINES = np.empty(0, np.int64)


@dataclasses.dataclass(frozen=True)
class RecordBlock:
    """Lines that hold whole records.

    Attributes:
        lines: the lines.
        left_open: int64 [o], places of the lines that leave a quoted field open, where fields may not run over lines.
        continued: int64 [c], places of the lines that begin inside a quoted field, where fields may.
    """

    lines: LineBlock
    left_open: npt.NDArray[np.int64]
    continued: npt.NDArray[np.int64]


def find_records(blocks: Iterable[LineBlock], dialect: Dialect, path: str) -> Iterator[RecordBlock]:
    """Finds the records in the lines of a file.

    A quote is special where a field begins and, until the field is closed, doubled or alone; anywhere else it is text.

    Args:
        blocks: the file's lines, without a header.
        dialect: how they are written.
        path: the file, for errors.

    Raises:
        SourceError: if the file ends inside a quoted field as a reader of fields over lines sees it: then it is not
            known what the lines behind that quote were meant to be. Where fields may run over lines, also if a record
            is longer than `line_blocks.MAX_LINE_BYTES`.
    """
    if not dialect.quoting:
        yield from (RecordBlock(block, _NO_LINES, _NO_LINES) for block in blocks)
    elif dialect.newlines_in_fields:
        yield from _find_over_lines(blocks, _Quotes(dialect.delimiter), path)
    else:
        yield from _find_in_lines(blocks, _Quotes(dialect.delimiter), path)


def leaves_open(line: bytes, dialect: Dialect) -> bool:
    """Tells whether a line leaves a quoted field open."""
    return dialect.quoting and len(_Quotes(dialect.delimiter).find_open(line)) > 0


def _find_in_lines(blocks: Iterable[LineBlock], quotes: "_Quotes", path: str) -> Iterator[RecordBlock]:
    open_line: int | None = None
    for block in blocks:
        left_open = block.find_lines(quotes.find_open(block.text))
        if len(left_open) or open_line:
            # Only the last turn tells what is open behind the block.
            for place, closes in collections.deque(quotes.follow(block.text, is_open=open_line is not None), maxlen=1):
                open_line = None if closes else block.first_line + int(block.find_lines(np.array([place]))[0])
        yield RecordBlock(block, left_open, _NO_LINES)
    if open_line:
        raise SourceError(
            f"{path}, line {open_line:,}: a quote opens a field there and is never closed, so the lines "
            "behind it may or may not be part of that field. Mend that line: close the quote, or, where it is text, "
            "remove it or put the field in quotes and double the quote. If all quotes of the log are text, set "
            "source.quote: none."
        )


def _find_over_lines(blocks: Iterable[LineBlock], quotes: "_Quotes", path: str) -> Iterator[RecordBlock]:
    held = line_blocks.make_block(b"", 1)  # A record whose end has not come yet,
    open_line: int | None = None  # and the line of the quote that is open in it.
    for block in blocks:
        if block.too_long or len(held.text) > line_blocks.MAX_LINE_BYTES:
            line = block.first_line if block.too_long else held.first_line
            raise SourceError(
                f"{path}, line {line:,}: the row is longer than {line_blocks.MAX_LINE_BYTES >> 20} MiB. Is a quote "
                "open there that should be closed? Without source.newlines_in_fields a row is a line."
            )
        if held.text:
            block = line_blocks.make_block(held.text + block.text, held.first_line)
        turns = block.find_lines(np.fromiter((at for at, _ in quotes.follow(block.text, is_open=False)), np.int64))
        opened, closed = turns[::2], turns[1::2]
        size = len(block.ends)
        depth = np.zeros(size + 2, np.int64)
        np.add.at(depth, opened + 1, 1)
        np.add.at(depth, closed + 1, -1)
        is_continued = np.cumsum(depth)[:size] > 0
        whole, open_line = size, None
        if len(opened) > len(closed):
            open_line = block.first_line + int(opened[-1])
            whole = int(np.flatnonzero(~is_continued[: opened[-1] + 1])[-1])
        cut = int(block.ends[whole - 1]) if whole else 0
        held = LineBlock(block.text[cut:], block.ends[whole:] - cut, block.first_line + whole)
        block = LineBlock(block.text[:cut], block.ends[:whole], block.first_line)
        yield RecordBlock(block, _NO_LINES, np.flatnonzero(is_continued[:whole]))
    if open_line:
        raise SourceError(
            f"{path}, line {open_line:,}: a quote opens a field there and is never closed. Close it or, where it is "
            "text, remove it or put the field in quotes and double the quote."
        )


class _Quotes:
    """Finder of quoted fields that are still open at the end of their line; follows them over lines.

    Args:
        delimiter: the byte that separates the fields.
    """

    def __init__(self, delimiter: bytes):
        self._open, self._close = _compile(delimiter)

    def find_open(self, text: bytes) -> npt.NDArray[np.int64]:
        """Returns the position of each quote [q] of whole lines that opens a field which its line leaves open."""
        return np.fromiter(self._iterate_open(text), np.int64)

    def _iterate_open(self, text: bytes) -> Iterator[int]:
        if b'"' not in text:
            return  # Far sooner than the pattern finds none.
        end = 0
        while match := self._open.match(text, end):
            yield match.start(1)
            end = match.end()

    def follow(self, text: bytes, is_open: bool) -> Iterator[tuple[int, bool]]:
        """Follows quoted fields over whole lines.

        Args:
            text: the lines. Lines that close their fields may be left out while no field is open.
            is_open: whether they begin inside a quoted field.

        Yields:
            Position of each quote that opens a field which its line leaves open, or that closes such a field, and
            whether it closes it.
        """
        end = 0
        while match := (self._close if is_open else self._open).match(text, end):
            yield match.start(1), is_open
            is_open = not is_open
            end = match.end()


@functools.cache
def _compile(delimiter: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Returns the patterns up to a quote that opens a field over the line's end, and up to one that closes it."""
    # All repeats are possessive, so that a match takes time in proportion to the text whatever it holds.
    inside = rb'[^"\r\n]*+(?:""[^"\r\n]*+)*+'
    closed = rb'(?:(?<=[^%b\r\n])"|"%b")[^"]*+' % (re.escape(delimiter), inside)
    return re.compile(rb'[^"]*+(?:%b)*+(")%b' % (closed, inside)), re.compile(rb'[^"]*+(?:""[^"]*+)*+(")')
