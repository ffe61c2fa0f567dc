"""The files of a log, cut into shards that are read independently."""

import dataclasses
import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from components.sequence_example_gen import files
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from schemas import events, sequences

ROW_BITS = 40
"""A place in the log is ``file << ROW_BITS | row``: file order by sorted path, then row in the file."""


@dataclasses.dataclass(frozen=True)
class InputShard:
    """Piece of a log that one worker reads: a file, or one row group of a Parquet file.

    Attributes:
        file: place of the file among the sorted paths.
        path: the file, or the name of a TensorFlow data set.
        row_group: row group of a Parquet file, else 0.
        first_row: number of the first row of the row group, else 1.
    """

    file: int
    path: str
    row_group: int = 0
    first_row: int = 1


@dataclasses.dataclass(frozen=True)
class RawBatch:
    """Columns as they were read, and the rows that could not even be read.

    Attributes:
        columns: the wanted fields by their names in `schemas`, each an Arrow array [n] of the file's own type.
        rows: int64 [n], number of each row in its file; where a row is a line, the number of the line.
        rejects: rows left out of the columns, as in `rejects.REJECTS`.
    """

    columns: dict[str, pa.Array]
    rows: npt.NDArray[np.int64]
    rejects: pa.Table


def select_columns(source: SourceConfig) -> dict[str, str]:
    """Returns which column of the log holds which field: ``{field: column}``."""
    if source.layout == "sequences":
        return {name: name for name in sequences.SEQUENCE_FEATURES}
    return {field: getattr(source.columns, field) for field in events.EVENT_COLUMNS}


def check_columns(wanted: dict[str, str], found: list[str], path: str) -> None:
    """Checks that a file has every wanted column.

    Raises:
        SourceError: names the missing columns and the file.
    """
    missing = [column for column in wanted.values() if column not in found]
    if missing:
        # Without any wanted name the first line may be data, and data may name a user.
        names = f"found {found}." if len(missing) < len(wanted) else "is the header missing?"
        raise SourceError(
            f"{path} has no column {', '.join(map(repr, missing))}; {names} Name the log's columns under "
            "source.columns (or check source.delimiter and source.format)."
        )


def check_rows(where: str, lines: int, rows: int) -> None:
    """Checks that nothing was lost between the lines of a file and the rows read from them.

    Args:
        where: the file, and the lines of it.
        lines: number of lines that should each be a row, counted from the bytes.
        rows: number of rows that came out, good or bad.

    Raises:
        SourceError: if the numbers differ.
    """
    if lines != rows:
        raise SourceError(
            f"{where}: {lines:,} lines should each be a row, but {rows:,} rows were read. This is a fault of the "
            "reader, not of the log: do not use the run, and report the numbers with the version of pyarrow."
        )


def list_shards(source: SourceConfig) -> list[InputShard]:
    """Lists the files of a log, sorted by path.

    `source.path` is a file, a folder (read with its subfolders) or a glob. Names that begin with ``.`` or ``_`` are
    left out, as Spark and Hadoop do.

    Raises:
        SourceError: if there is no file.
    """
    if source.format == "tfds":
        return [InputShard(0, source.path)]
    is_glob = any(character in source.path for character in "*?[")
    folder = [] if is_glob else _match(source.path.rstrip("/") + "/**")
    # A folder may match itself as well: its content wins.
    paths = folder or ([] if os.path.isdir(source.path) else _match(source.path))
    paths = sorted(path for path in paths if os.path.basename(path)[:1] not in (".", "_"))
    if not paths:
        what = "an empty folder" if os.path.isdir(source.path) else "no file"
        raise SourceError(
            f"source.path {source.path!r} is {what}; expected a {source.format} file, a folder of them, or a glob. "
            "Check the path, and that this machine may read it."
        )
    return [InputShard(index, path) for index, path in enumerate(paths)]


def split_shard(shard: InputShard, source: SourceConfig) -> Iterator[InputShard]:
    """Cuts a Parquet file into its row groups; other files stay whole (gzip and quotes allow no jumping in).

    Raises:
        SourceError: if the file is no Parquet.
    """
    if source.format != "parquet":
        yield shard
        return
    try:
        with files.open_input(shard.path) as file:
            metadata = pq.ParquetFile(file).metadata
    except (pa.ArrowException, OSError) as error:
        raise make_unreadable_error(shard.path, "parquet", error) from error
    first_row = 1
    for row_group in range(metadata.num_row_groups):
        yield dataclasses.replace(shard, row_group=row_group, first_row=first_row)
        first_row += metadata.row_group(row_group).num_rows


def make_unreadable_error(path: str, kind: str, error: Exception) -> SourceError:
    """Returns the error for a file that cannot be read as what it should be."""
    codec = files.find_codec(path)
    expected = f"{codec} compressed {kind}" if codec else kind
    # Only the kind of a parser's error is shown: its text may quote a line of the log, and with it a user's id.
    return SourceError(
        f"{path} cannot be read; expected {expected} ({type(error).__name__}). Check that the file "
        "is complete and that source.format and the ending of its name say what it is."
    )


def _match(pattern: str) -> list[str]:
    return [metadata.path for metadata in FileSystems.match([pattern])[0].metadata_list]
