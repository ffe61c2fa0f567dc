"""The files of a log, cut into shards that are read independently."""

import dataclasses
import os
import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems

from components.sequence_example_gen import files, hive_folders
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from schemas import events, sequences

ROW_BITS = 40
"""A place in the log is ``file << ROW_BITS | row``: file order by sorted path, then row in the file."""

_NAME = re.compile(r"[^\W\d][\w .-]{0,63}")

FILTER_PREFIX = "keep:"
"""Begins the fields of columns that are read for `source.keep` alone."""


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

    def filter(self, mask: npt.NDArray[np.bool_]) -> "RawBatch":
        """Returns the rows of a mask [n], and all rejects."""
        columns = {field: array.filter(pa.array(mask)) for field, array in self.columns.items()}
        return RawBatch(columns, self.rows[mask], self.rejects)


def select_columns(source: SourceConfig) -> dict[str, str]:
    """Returns which column of the log holds which field: ``{field: column}``.

    The columns of `source.keep` that hold no field stand behind the fields, see `name_filter_field`. Without a column
    for the scene there is no field of it.
    """
    if source.layout == "sequences":
        return {name: name for name in sequences.SEQUENCE_FEATURES}
    columns = {field: getattr(source.columns, field) for field in events.EVENT_COLUMNS}
    columns = {field: column for field, column in columns.items() if column is not None}
    return columns | {name_filter_field(source, column): column for column in source.keep}


def name_filter_field(source: SourceConfig, column: str) -> str:
    """Returns the field under which a column of `source.keep` is read."""
    fields = (field for field in events.EVENT_COLUMNS if getattr(source.columns, field) == column)
    return next(fields, FILTER_PREFIX + column)


def check_columns(wanted: dict[str, str], found: list[str], path: str) -> dict[str, str]:
    """Checks that a file has every wanted column, or that its folders hold it.

    Args:
        wanted: ``{field: column}``.
        found: the file's columns.
        path: the file.

    Returns:
        The wanted columns that are in the file itself. What its folders hold, `readers.read_shard` adds.

    Raises:
        SourceError: names the missing or repeated columns and the file.
    """
    folders = hive_folders.read_folder_columns(path)
    twice = [column for column in wanted.values() if found.count(column) > 1]
    if twice:
        number = found.count(twice[0])
        raise SourceError(f"{path} has {number} columns named {twice[0]!r}; rename all but one of them.")
    missing = [column for column in wanted.values() if column not in found and column not in folders]
    if missing:
        # Without any wanted name the first line may be data, and data may name a user.
        names = f"found {show_names([*found, *folders])}." if len(missing) < len(wanted) else "is the header missing?"
        only_scene = missing == [wanted.get(events.SCENE_ID)]
        scene = " A log without scenes is read with source.columns.scene_id: null." if only_scene else ""
        raise SourceError(
            f"{path} has no column {', '.join(map(repr, missing))}; {names} Name the log's columns under "
            f"source.columns (or check source.delimiter and source.format).{scene}"
        )
    return {field: column for field, column in wanted.items() if column in found}


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

    `source.path` is a file, a folder (read with its subfolders) or a glob. Files and folders below it whose names begin
    with ``.`` or ``_`` are left out, as Spark and Hadoop do.

    Raises:
        SourceError: if there is no file, or names of folders are ids of users.
    """
    if source.format == "tfds":
        return [InputShard(0, source.path)]
    is_glob = any(character in source.path for character in "*?[")
    root = re.split(r"[^/]*[*?[]", source.path, maxsplit=1)[0] if is_glob else source.path.rstrip("/") + "/"
    # A folder may match itself as well: its content wins.
    paths = [path for path in _match(source.path if is_glob else f"{root}**") if path != source.path]
    paths = [path for path in paths if not hive_folders.is_hidden(path.removeprefix(root))]
    if not paths and not is_glob and not os.path.isdir(source.path):
        paths = _match(source.path)
    if not paths:
        what = "an empty folder" if os.path.isdir(source.path) else "no file"
        raise SourceError(
            f"source.path {source.path!r} is {what}; expected a {source.format} file, a folder of them, or a glob. "
            "Check the path, and that this machine may read it."
        )
    if source.layout == "events" and any(_names_users(path, source) for path in paths):
        raise SourceError(
            f"source.columns.user_id: users stand in the names of folders ({source.columns.user_id}=...), and names of "
            "files are written into messages and lists of rejected rows. Write the users into the files."
        )
    return [InputShard(index, path) for index, path in enumerate(sorted(paths))]


def _names_users(path: str, source: SourceConfig) -> bool:
    return source.columns.user_id in hive_folders.read_folder_columns(path)


def make_unreadable_error(path: str, kind: str, error: Exception) -> SourceError:
    """Returns the error for a file that cannot be read as what it should be."""
    codec = files.find_codec(path)
    expected = f"{codec} compressed {kind}" if codec else kind
    # Only the kind of a parser's error is shown: its text may quote a line of the log, and with it a user's id.
    return SourceError(
        f"{path} cannot be read; expected {expected} ({type(error).__name__}). Check that the file "
        "is complete and that source.format and the ending of its name say what it is."
    )


def show_names(names: list[str]) -> list[str]:
    """Returns names of columns for a message: what is no name may be a user, of a row that was taken for the header."""
    return [name if _NAME.fullmatch(name) else "..." for name in names]


def _match(pattern: str) -> list[str]:
    return [metadata.path for metadata in FileSystems.match([pattern])[0].metadata_list]
