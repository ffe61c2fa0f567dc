"""Dialect of text files: their encoding, separator, quotes and header, judged by the first lines."""

import codecs
import csv
import dataclasses
import io
import re
from collections.abc import Sequence

from components.sequence_example_gen import file_kinds
from schemas.errors import UserError

DELIMITERS = ("::", "\t", ",", ";", "|", " ")
"""Separators that are tried; of those that fit equally well the first is taken."""

FEWEST_COLUMNS = 3
"""A log has a user, an item and a time at least."""

FEWEST_FITTING = 0.9
"""Share of the lines that must have the same number of columns."""

MOST_LINES = 2000

LONGEST_LINE = 100_000
"""Characters of the longest line that is judged; Python's `csv` reads fields of 131,072 at most."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WINDOWS_ONLY = re.compile(rb"[\x80-\x9f]")


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a text file is written.

    Attributes:
        encoding: name of the codec.
        delimiter: what separates the fields.
        quote: ``"``, or ``none`` where quotes are text.
        newlines_in_fields: whether quoted fields run over several lines.
        has_header: whether the first line holds names.
        names: of the columns, from the header or, without one, ``column_1`` and so on.
        rows: fields of the first rows [rows][columns], header left out.
        notes: what was a guess.
    """

    encoding: str
    delimiter: str
    quote: str
    newlines_in_fields: bool
    has_header: bool
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def detect_encoding(head: bytes) -> tuple[str, tuple[str, ...]]:
    """Returns the encoding of a text that begins so, as a codec of Python, and what was a guess."""
    kind = file_kinds.recognise(head) or file_kinds.recognise_by_nulls(head)
    if kind and kind.encoding:
        return kind.encoding, ()
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last letter may be cut
    except UnicodeDecodeError:
        # No text says which of the one-byte encodings it is in.
        name = "cp1252" if _WINDOWS_ONLY.search(head) else "latin-1"
        return name, (f"The text is not UTF-8; {name} (Western European) is a guess: look at the names of items.",)
    return "utf-8", ()


def detect_dialect(text: str, encoding: str, notes: Sequence[str] = ()) -> Dialect:
    """Judges how a text with separated columns is written.

    Args:
        text: the first lines, the last of them possibly cut; those longer than `LONGEST_LINE` are left out.
        encoding: the text's, handed on.
        notes: handed on, before those that are added.

    Raises:
        UserError: if no separator gives three columns or more.
    """
    lines = _split_lines(text)
    if not lines:
        raise UserError("The log is empty.")
    delimiter, width = _choose_delimiter(lines)
    quote, in_fields = _choose_quote(text, lines, delimiter, width)
    rows = _parse(text, lines, delimiter, quote, in_fields)
    has_header = _has_header(rows)
    names = rows[0] if has_header else [f"column_{place}" for place in range(1, width + 1)]
    fitting = [tuple(row) for row in rows[1 if has_header else 0 :] if len(row) == len(names)]
    if quote == "none":
        notes = [*notes, "Some quotes open a field and do not close it, so quotes are read as text."]
    return Dialect(
        encoding, delimiter, quote, in_fields, has_header, tuple(names), tuple(fitting[:MOST_LINES]), tuple(notes)
    )


def read_rows(text: str, dialect: Dialect) -> list[tuple[str, ...]]:
    """Returns the fields of the first rows of another file in a dialect; rows of another width are left out."""
    lines = _split_lines(text)
    if not lines:
        return []
    rows = _parse(text, lines, dialect.delimiter, dialect.quote, dialect.newlines_in_fields)
    return [tuple(row) for row in rows[1 if dialect.has_header else 0 :] if len(row) == len(dialect.names)]


def looks_like_number(text: str) -> bool:
    """Tells whether a field is written as a number."""
    return _NUMBER.fullmatch(text.strip()) is not None


def _split_lines(text: str) -> list[str]:
    """Returns the whole lines of a text that are not blank and not too long."""
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    whole = lines[:-1] or lines  # the last one may be cut, or is what follows the last line end
    return [line for line in whole if len(line) <= LONGEST_LINE and line.strip()][:MOST_LINES]


def _choose_delimiter(lines: list[str]) -> tuple[str, int]:
    """Returns the separator by which nearly all lines have the number of columns of the first, and that number."""
    best: tuple[float, int, str] = (0.0, 0, "")
    for delimiter in DELIMITERS:
        if delimiter == " " and best[1]:
            break  # names and times hold blanks
        for quote in ('"', "none"):
            widths = [len(row) for row in _parse_lines(lines, delimiter, quote)]
            share = round(widths.count(widths[0]) / len(lines), 2)
            if widths[0] >= FEWEST_COLUMNS and share >= FEWEST_FITTING and (share, widths[0]) > best[:2]:
                best = (share, widths[0], delimiter)
    if not best[1]:
        tried = ", ".join({"\t": "tab", " ": "blank"}.get(text, text) for text in DELIMITERS)
        raise UserError(
            f"No separator gives {FEWEST_COLUMNS} columns or more (user, item, time) in nearly every line; tried "
            f"{tried}. Expected CSV, JSON Lines or Parquet: check that the file is an event log, a row an event."
        )
    return best[2], best[1]


def _choose_quote(text: str, lines: list[str], delimiter: str, width: int) -> tuple[str, bool]:
    """Returns how quotes are meant: as ``"`` or ``none``, and whether fields run over lines."""
    if len(delimiter) > 1 or '"' not in text:
        return '"', False
    by_line = _share_of(width, _parse_lines(lines, delimiter, '"'))
    open_lines = any(_leaves_open(line, delimiter) for line in lines)
    if not open_lines and by_line == 1.0:
        return '"', False
    if _share_of(width, _parse_lines(lines, delimiter, "none")) >= max(by_line, 0.999):
        return "none", False
    whole = _parse_whole(text, delimiter)[:-1]
    if open_lines and _share_of(width, whole) >= max(by_line, 0.999):
        return '"', True
    return '"', False


def _share_of(width: int, rows: list[list[str]]) -> float:
    return sum(len(row) == width for row in rows) / max(len(rows), 1)


def _leaves_open(line: str, delimiter: str) -> bool:
    """Tells whether a line ends inside a quoted field."""
    rows = list(csv.reader([line + "\n", '"\n'], delimiter=delimiter))
    return len(rows) == 1


def _parse(text: str, lines: list[str], delimiter: str, quote: str, newlines_in_fields: bool) -> list[list[str]]:
    return _parse_whole(text, delimiter) if newlines_in_fields else _parse_lines(lines, delimiter, quote)


def _parse_lines(lines: list[str], delimiter: str, quote: str) -> list[list[str]]:
    if len(delimiter) > 1 or quote == "none":
        return [line.split(delimiter) for line in lines]
    return [next(csv.reader([line], delimiter=delimiter)) for line in lines]


def _parse_whole(text: str, delimiter: str) -> list[list[str]]:
    """Returns the rows of a text whose fields may run over lines; none if a field is too long to be one."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    try:
        return [row for row in reader if row][:MOST_LINES]
    except csv.Error:
        return []


def _has_header(rows: list[list[str]]) -> bool:
    """Tells whether the first row names the columns: it has no number, and the rows below have a column of them."""
    first, below = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if any(looks_like_number(field) for field in first) or len(set(first)) < len(first) or not all(first):
        return False
    if not below:
        return True
    digits = [all(any(c.isdigit() for c in row[place]) for row in below if row[place]) for place in range(len(first))]
    # Every time has digits, and hardly any name of a column has.
    return any(column and not any(c.isdigit() for c in name) for column, name in zip(digits, first, strict=True))
