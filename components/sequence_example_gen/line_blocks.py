r"""Lines of a text file, in blocks. A line ends with ``\n``, ``\r\n`` or ``\r``, as editors number them."""

import codecs
import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.sequence_example_gen import rejects, text_input
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig

MAX_LINE_BYTES = 16 << 20
"""Longest line that is read, its end included; not less than `text_input.READ_BYTES`. A longer one is a bad row."""

MAX_SKIPPED_BYTES = 1 << 30
"""Longest line that is skipped as a bad row; a file with a longer one is no log."""

MAX_BLOCK_LINES = 1 << 19
"""Most lines of a block: each may become a rejected row, whose reason is many times longer than the shortest line."""

_LF, _CR = b"\n\r"
_LINE_END = re.compile(rb"\r\n|[\r\n]")


@dataclasses.dataclass(frozen=True)
class LineBlock:
    """Lines that follow each other in a file.

    Attributes:
        text: the lines with their ends.
        ends: int64 [l], where each line ends in the text, behind its line end.
        first_line: number of the first line, from 1.
        too_long: whether the block stands for one line longer than `MAX_LINE_BYTES`, which is not held: the text is
            empty.
    """

    text: bytes
    ends: npt.NDArray[np.int64]
    first_line: int
    too_long: bool = False

    @property
    def last_line(self) -> int:
        """Number of the last line."""
        return self.first_line + len(self.ends) - 1

    def find_blank(self) -> npt.NDArray[np.bool_]:
        """Returns which lines hold nothing, not even a blank: bool [l]."""
        if self.too_long:
            return np.zeros(1, bool)
        values = np.frombuffer(self.text, np.uint8)
        first = np.concatenate([values[:1], values[self.ends[:-1]]])  # byte of each line
        return (first == _LF) | (first == _CR)

    def find_lines(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the place of the line that each position [p] of the text lies in: int64 [p]."""
        return np.searchsorted(self.ends, positions, side="right")

    def split(self) -> list[bytes]:
        """Returns each line [l], with its end."""
        ends = self.ends.tolist()
        return [self.text[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def remove(self, is_out: npt.NDArray[np.bool_]) -> bytes:
        """Returns the text without some lines: bool [l]."""
        if not is_out.any():
            return self.text
        is_kept = np.repeat(~is_out, np.diff(self.ends, prepend=0))
        return np.frombuffer(self.text, np.uint8)[is_kept].tobytes()

    def skip_first(self) -> "LineBlock":
        """Returns the block without its first line."""
        start = int(self.ends[0])
        return LineBlock(self.text[start:], self.ends[1:] - start, self.first_line + 1)

    def cut(self, most: int) -> Iterator["LineBlock"]:
        """Yields the lines in blocks of at most so many."""
        if len(self.ends) <= most:
            yield self
            return
        for first in range(0, len(self.ends), most):
            start = int(self.ends[first - 1]) if first else 0
            ends = self.ends[first : first + most]
            yield LineBlock(self.text[start : ends[-1]], ends - start, self.first_line + first)


def make_block(text: bytes, first_line: int) -> LineBlock:
    """Returns the block of a text of whole lines."""
    values = np.frombuffer(text, np.uint8)
    is_end = values == _LF
    if b"\r" in text:
        is_return = values == _CR
        is_return[:-1] &= ~is_end[1:]  # A \r\n is one line end.
        is_end |= is_return
    ends = np.flatnonzero(is_end)
    ends += 1  # In place: a text that is all line ends makes them its largest part.
    return LineBlock(text, ends, first_line)


def read_line_blocks(path: str, source: SourceConfig, prepare: Callable[[bytes], bytes] = bytes) -> Iterator[LineBlock]:
    """Reads a text file as blocks of lines; a byte order mark at its beginning is left out.

    Args:
        path: the file.
        source: format and encoding of the log.
        prepare: change of the text of each block, which keeps the number of lines.

    Raises:
        SourceError: if the file is no text, or a line is longer than `MAX_SKIPPED_BYTES`.
    """
    line = 1
    for text in _gather_lines(_end_lines(text_input.read_text(path, source)), path):
        if text is None:
            block = LineBlock(b"", np.zeros(1, np.int64), line, too_long=True)
        else:
            block = make_block(prepare(text.removeprefix(codecs.BOM_UTF8) if line == 1 else text), line)
        yield from block.cut(MAX_BLOCK_LINES)
        line += len(block.ends)


def list_too_long(line: int) -> pa.Table:
    """Returns the rejected row of a line that is longer than `MAX_LINE_BYTES`."""
    detail = f"the line is longer than {MAX_LINE_BYTES >> 20} MiB"
    return rejects.list_rejects([line], rejects.LINE_TOO_LONG, detail)


def _end_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yields a text in pieces that never part a ``\r\n``; the last one ends with a line end, if need be a new one."""
    held = carried = b""
    for piece in pieces:
        if held:
            yield held
        piece = carried + piece
        carried = b"\r" if piece.endswith(b"\r") else b""
        held = piece.removesuffix(b"\r")
    if last := held + carried:
        yield last if last.endswith((b"\n", b"\r")) else last + b"\n"


def _gather_lines(pieces: Iterable[bytes], path: str) -> Iterator[bytes | None]:
    """Yields a text, whose last piece ends its line, as whole lines; None stands for a line that is too long."""
    held: list[bytes] = []  # The beginning of a line whose end has not come yet, unless it is too long,
    size = 0  # and how much has come of it.
    for piece in pieces:
        cut = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if not cut:
            size += len(piece)
            held.append(piece)
            if size > MAX_LINE_BYTES:
                held.clear()
            if size > MAX_SKIPPED_BYTES:
                raise SourceError(
                    f"{path} holds a line longer than {MAX_SKIPPED_BYTES >> 30} GiB; expected a row a line. Write the "
                    "log with a line break behind each row."
                )
            continue
        start = 0
        if size:
            start = _LINE_END.search(piece).end()  # type: ignore[union-attr]  # There is one at the cut.
            if size + start > MAX_LINE_BYTES:
                yield None
                held.clear()
            else:
                start = 0
        if text := b"".join([*held, memoryview(piece)[start:cut]]):
            yield text
        held, size = [piece[cut:]], len(piece) - cut
