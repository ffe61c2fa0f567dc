"""Header of CSV: the names of its columns, and what may be wrong with line 1."""

import pyarrow as pa
import pyarrow.csv

from components.sequence_example_gen import csv_records
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.csv_dialect import Dialect, make_dialect
from components.sequence_example_gen.line_blocks import LineBlock

MAX_HEADER_BYTES = 1 << 20
"""Longest header: a longer line is no list of names."""

MAX_COLUMNS = 10_000
"""Most columns: beyond, the columns that nobody reads would take gigabytes."""

_DELIMITERS = (",", "\t", ";", "|", "::", " ")
"""Usual delimiters, from the most usual to the least."""


def read_header(path: str, source: SourceConfig, first: LineBlock | None, wanted: list[str]) -> list[str | None]:
    """Returns the names of the columns of a file; None where a name cannot be decoded.

    Args:
        path: the file, for errors.
        source: how the file is written.
        first: the first lines of the file, if it has any.
        wanted: the columns that will be read; the names of others may be undecodable or alike.

    Raises:
        SourceError: if line 1 is no header, or one that another configuration would read.
    """
    text = b"" if first is None else first.text
    if not (text.strip() or (first and first.too_long)):
        raise SourceError(f"{path} is empty; expected CSV with a header line. Remove the file or write its header.")
    assert first is not None
    line = text[: first.ends[0]]
    if first.too_long or len(line) > MAX_HEADER_BYTES:
        raise SourceError(
            f"{path}: line 1 is longer than {MAX_HEADER_BYTES >> 20} MiB; expected CSV with a header line and a row a "
            "line. Write the log with a line break behind each row."
        )
    if not line.strip():
        raise SourceError(f"{path} begins with a blank line; expected CSV with its header in line 1. Remove the line.")
    if csv_records.leaves_open(line, make_dialect(source)):
        raise SourceError(
            f"{path}, line 1: a quote opens the name of a column and is not closed in the line. Close it, and write "
            "the header in one line; where quotes are text, set source.quote: none."
        )
    names = _split(line, make_dialect(source))
    if len(names) > MAX_COLUMNS:
        raise SourceError(
            f"{path}: line 1 has {len(names):,} columns; expected at most {MAX_COLUMNS:,}. Check source.delimiter, or "
            "write the log with the columns that are read."
        )
    for column in wanted:
        if names.count(column) > 1:
            raise SourceError(f"{path} has {names.count(column)} columns named {column!r}; rename all but one of them.")
    missing = [column for column in wanted if column not in names]
    second = text[first.ends[0] : first.ends[1]] if len(first.ends) > 1 else b""
    if missing and (advice := _find_advice(line, second, source, names, wanted)):
        raise SourceError(f"{path} has no column {', '.join(map(repr, missing))}: {advice}")
    return names


def _find_advice(
    line: bytes, second: bytes, source: SourceConfig, names: list[str | None], wanted: list[str]
) -> str | None:
    """Returns what to do about a header that lacks columns, if line 1 or the second line tells."""
    if None in names:
        return (
            f"its header is not {source.encoding} text. Set source.encoding to what it is, such as cp1252 or latin-1, "
            "or convert the file: iconv -f latin1 -t utf-8 FILE > NEW_FILE."
        )
    found = len(set(wanted) & set(names))
    written = make_dialect(source).restore_text(line)
    for delimiter in _DELIMITERS:
        other = make_dialect(source.model_copy(update={"delimiter": delimiter}))
        if len(set(wanted) & set(_split(other.prepare(written), other))) > found:
            return (
                f"its header is separated otherwise than by {source.delimiter!r}. Set source.delimiter: "
                f"{show_delimiter(delimiter)}."
            )
    if found:
        dialect = make_dialect(source)
        if second.strip() and len(_split(second, dialect)) == len(names):
            return None  # What is there can be named: see `sources.check_columns`.
        # Where the line break behind the header is lost, names of columns hold the user of the first row.
        return (
            f"its header has {len(names)} columns, and the line behind it has not. Check the line break behind the "
            "header, and source.columns."
        )
    if line.lstrip().startswith((b"{", b"[")):
        return "line 1 looks like JSON. Set source.format: jsonl."
    # Without any wanted name the first line may be data, and data may name a user.
    return (
        "is the header missing? Name the columns of a file without one in source.header, as in "
        f"[{', '.join(wanted)}], or the columns of its header under source.columns (or check source.delimiter and "
        "source.format)."
    )


def guess_header(line: bytes, source: SourceConfig) -> tuple[str, list[str | None]] | None:
    """Returns the usual delimiter that gives a line the most fields, and the fields; None of a line that has none."""
    if not line.strip() or len(line) > MAX_HEADER_BYTES:
        return None
    # Words of a text are separated by blanks, too.
    dialects = {other: make_dialect(source.model_copy(update={"delimiter": other})) for other in _DELIMITERS[:-1]}
    fields = {other: _split(dialect.prepare(line), dialect) for other, dialect in dialects.items()}
    best = max(fields, key=lambda other: len(fields[other]))
    return (best, fields[best]) if len(fields[best]) > 1 else None


def show_delimiter(delimiter: str) -> str:
    """Returns a delimiter as it is written in a configuration."""
    return "tab" if delimiter == "\t" else f'"{delimiter}"'


def _split(line: bytes, dialect: Dialect) -> list[str | None]:
    """Returns the fields of one line of prepared text; None where one cannot be decoded, and none of a broken line."""
    if csv_records.leaves_open(line, dialect):
        return []
    line = line.rstrip(b"\r\n") + b"\n"
    columns = {f"f{place}": pa.binary() for place in range(line.count(dialect.delimiter) + 1)}
    table = pyarrow.csv.read_csv(
        pa.BufferReader(line),
        pyarrow.csv.ReadOptions(use_threads=False, autogenerate_column_names=True, block_size=len(line)),
        dialect.make_parse_options(),
        pyarrow.csv.ConvertOptions(column_types=columns, strings_can_be_null=False),
    )
    return [_decode(dialect.restore(column.chunk(0))[0].as_py()) for column in table.columns]


def _decode(name: bytes) -> str | None:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return None
