"""Files of a log: which of those at a path belong to it, in which format they are, and their first rows."""

import codecs
import contextlib
import dataclasses
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from components.sequence_example_gen import file_kinds, files
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.hive_folders import read_folder_columns
from components.sequence_example_gen.line_blocks import MAX_SKIPPED_BYTES
from components.sequence_example_gen.sources import list_shards
from components.sequence_example_gen.text_input import check_compression, make_kind_error
from pipeline.proposal.dialect import (
    LONGEST_LINE,
    Dialect,
    detect_dialect,
    detect_encoding,
    read_rows,
)
from schemas.errors import UserError

HEAD_BYTES = 1 << 20
"""How much of a file is read, after decompression, to judge how it is written."""

SAMPLED_FILES = 3
SAMPLED_ROWS = 2000
"""Rows of each sampled file."""

_LINE_END = re.compile(r"\r\n|[\r\n]")
_EXPECTED = "CSV, JSON Lines or Parquet"


@dataclasses.dataclass(frozen=True)
class LogFiles:
    """The files of a log and what they begin with.

    Attributes:
        path: where they are, as `source.path` takes it.
        number: how many.
        size: bytes on disk, of all.
        format: ``csv``, ``jsonl`` or ``parquet``.
        dialect: how CSV is written; None for other formats.
        columns: text of the sampled rows by column, "" where there is none; columns of lists and structs are left out.
        typed_times: columns whose type is a date or a time.
        notes: what was a guess, or left out.
    """

    path: str
    number: int
    size: int
    format: str
    dialect: Dialect | None
    columns: Mapping[str, tuple[str, ...]]
    typed_times: tuple[str, ...]
    notes: tuple[str, ...]


def look_at_files(path: str) -> LogFiles:
    """Looks at the files of a log: at their names, and at the beginning of a few of them.

    Args:
        path: a file, a folder or a glob.

    Raises:
        UserError: if there is no file, or none that can be read as a log.
    """
    path = os.path.normpath(path) if os.path.exists(path) else path
    found = [shard.path for shard in list_shards(SourceConfig(path=path))]
    chosen, paths, notes = _choose_kind(path, found)
    sizes = {
        metadata.path: metadata.size_in_bytes
        for result in FileSystems.match(paths)
        for metadata in result.metadata_list
    }
    filled = [file for file in paths if sizes.get(file)]
    if not filled:
        raise UserError(f"{path} is empty; expected a log, a row an event.")
    sampled = _spread(filled, SAMPLED_FILES)
    if _is_parquet(sampled[0]):
        columns, typed_times = _sample_parquet(sampled)
        return _assemble(chosen, paths, sizes, "parquet", None, columns, typed_times, notes)
    head = _read_text_head(sampled[0])
    encoding, guesses = detect_encoding(head)
    text = head.decode(encoding, "replace").removeprefix("\ufeff").lstrip("\r\n")
    if text.startswith("{"):
        return _assemble(chosen, paths, sizes, "jsonl", None, _sample_json(sampled), (), notes)
    _refuse_other_texts(sampled[0], text)
    dialect = detect_dialect(_read_lines(sampled[0], encoding), encoding, guesses)
    rows = [*dialect.rows]
    for other in sampled[1:]:
        rows += read_rows(_read_lines(other, encoding), dialect)
    columns = dict(zip(dialect.names, map(tuple, zip(*rows, strict=True)), strict=True)) if rows else {}
    return _assemble(chosen, paths, sizes, "csv", dialect, columns, (), (*notes, *dialect.notes))


def _assemble(
    path: str,
    paths: list[str],
    sizes: Mapping[str, int],
    format: str,
    dialect: Dialect | None,
    columns: Mapping[str, tuple[str, ...]],
    typed_times: tuple[str, ...],
    notes: tuple[str, ...],
) -> LogFiles:
    if not columns:
        raise UserError(f"{path} has column names, but no rows.")
    columns = {**_read_partitions(paths, len(next(iter(columns.values())))), **columns}
    return LogFiles(path, len(paths), sum(sizes.values()), format, dialect, columns, typed_times, notes)


def _choose_kind(path: str, found: list[str]) -> tuple[str, list[str], tuple[str, ...]]:
    """Returns the path and the files of the kind (by ending) that most files of a folder are of."""
    endings = Counter(_get_ending(file) for file in found)
    if len(endings) == 1 or not os.path.isdir(path):
        return path, found, ()
    ending, number = endings.most_common(1)[0]
    if not ending:
        raise UserError(f"{path} holds files of several kinds. Name one, or write a glob, as in '{path}/*.csv'.")
    note = f"Of {len(found):,} files in the folder only the {number:,} that end with {ending} are read."
    return f"{path.rstrip('/')}/**{ending}", [file for file in found if _get_ending(file) == ending], (note,)


def _get_ending(path: str) -> str:
    """Returns the ending of a name, together with that of the compression: ``.csv.gz``."""
    stem, ending = os.path.splitext(os.path.basename(path))
    return os.path.splitext(stem)[1] + ending if files.find_codec(path) else ending


def _spread(paths: list[str], number: int) -> list[str]:
    """Returns at most `number` paths: the first, the last, and some evenly between them."""
    places = {round(place * (len(paths) - 1) / max(number - 1, 1)) for place in range(number)}
    return [paths[place] for place in sorted(places)]


def _is_parquet(path: str) -> bool:
    with files.open_stored(path) as file:
        return file_kinds.recognise(file.read(file_kinds.HEAD_BYTES)) is file_kinds.PARQUET


def _read_text_head(path: str) -> bytes:
    """Returns the beginning of a file of text.

    Raises:
        UserError: if it is no text, or not compressed as its name says.
    """
    check_compression(path, _EXPECTED)
    head = _read_head(path)
    first = head[: file_kinds.HEAD_BYTES]
    kind = file_kinds.recognise(first) or file_kinds.recognise_by_nulls(first)
    if kind and not kind.encoding:
        raise make_kind_error(path, kind, _EXPECTED)
    return head


def _read_head(path: str) -> bytes:
    pieces, size = [], 0
    with _open(path) as file:
        while size < HEAD_BYTES and (piece := file.read(HEAD_BYTES - size)):
            pieces.append(piece)
            size += len(piece)
    return b"".join(pieces)


def _read_lines(path: str, encoding: str) -> str:
    """Returns the first lines of a file, `HEAD_BYTES` characters or a little more of them, without overlong ones.

    Raises:
        UserError: if the file cannot be read, or one of its lines is too long even to be skipped.
    """
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    lines: list[str] = []
    held = ""  # the beginning of a line whose end has not come yet; of an overlong one, enough to tell that it is
    unbroken = 0
    with _open(path) as file:
        for piece in iter(lambda: file.read(HEAD_BYTES), b""):
            *whole, held = _LINE_END.split(held + decoder.decode(piece))
            held, unbroken = held[: LONGEST_LINE + 1], 0 if whole else unbroken + len(piece)
            if unbroken > MAX_SKIPPED_BYTES:
                raise UserError(f"{path}: a line is longer than {MAX_SKIPPED_BYTES >> 20} MiB, so the file is no log.")
            lines += [line for line in whole if len(line) <= LONGEST_LINE]
            if sum(map(len, lines)) >= HEAD_BYTES:
                break
        else:
            lines += [held] if len(held) <= LONGEST_LINE else []
    return "".join(f"{line}\n" for line in lines)


@contextlib.contextmanager
def _open(path: str) -> Iterator[pa.NativeFile]:
    try:
        with files.open_input(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}). Check that the file is complete.") from error


def _refuse_other_texts(path: str, text: str) -> None:
    if text.startswith("["):
        raise UserError(
            f"{path} begins with '[': a JSON array. Write one object a line (pandas: to_json(path, orient='records', "
            "lines=True); jq: jq -c '.[]')."
        )
    if text.startswith("<"):
        raise UserError(f"{path} begins with '<', as HTML and XML do. Expected CSV, JSON Lines or Parquet.")
    if re.match(r"user[ _]id *:[^\n]*\n *(history|future)[ _]", text):
        raise UserError(
            f"{path} looks like the paper's sequence files, which are already cut. They need no proposal: set "
            "source.format to fields, source.layout to sequences, and leave windows.cutoffs empty."
        )
    if len(_LINE_END.split(text, maxsplit=1)[0]) > LONGEST_LINE:
        raise UserError(
            f"{path}: the first line is longer than {LONGEST_LINE:,} characters, so this is no text with a row a line. "
            "Expected CSV, JSON Lines or Parquet."
        )


def _sample_json(paths: list[str]) -> dict[str, tuple[str, ...]]:
    records = []
    for path in paths:
        lines = _read_head(path).split(b"\n")
        for line in itertools.islice(lines[:-1] or lines, SAMPLED_ROWS):
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the ingest counts it
            if isinstance(record, dict):
                records.append(record)
    if not records:
        raise UserError(
            f"{paths[0]} begins with '{{', but none of its first lines is a JSON object. Expected JSON Lines: an "
            "object a line, without line breaks in it."
        )
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    return {name: tuple(map(_as_text, values)) for name, values in columns.items() if not any(map(_is_nested, values))}


def _sample_parquet(paths: list[str]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    samples, times = [], set()
    for path in paths:
        with files.open_input(path) as stream:
            try:
                file = pq.ParquetFile(stream)
                batch = next(file.iter_batches(SAMPLED_ROWS), None)
            except pa.ArrowException as error:
                raise UserError(f"{path} cannot be read as Parquet ({type(error).__name__}).") from error
            if batch is not None:
                samples.append(pa.Table.from_batches([batch]))
    if not samples:
        return {}, ()
    columns: dict[str, tuple[str, ...]] = {}
    for field in samples[0].schema:
        if pa.types.is_nested(field.type):
            continue
        if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
            times.add(field.name)
        columns[field.name] = tuple(
            text
            for table in samples
            if field.name in table.column_names
            for text in map(_as_text, table[field.name].to_pylist())
        )
    longest = max(map(len, columns.values()))
    return {name: values for name, values in columns.items() if len(values) == longest}, tuple(sorted(times))


def _read_partitions(paths: list[str], size: int) -> dict[str, tuple[str, ...]]:
    """Returns the columns that are named by folders ``key=value``, as Spark and Hive write them."""
    values: dict[str, list[str]] = {}
    for path in paths:
        for key, value in read_folder_columns(path).items():
            values.setdefault(key, []).append(value or "")
    return {key: tuple(itertools.islice(itertools.cycle(found), size)) for key, found in values.items()}


def _is_nested(value: object) -> bool:
    return isinstance(value, list | dict)


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value != value else str(value)
