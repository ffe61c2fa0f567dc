"""Names of items, from a table that people keep beside the log."""

import contextlib
import csv
import io
from collections.abc import Collection, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from components.report.config import ItemNamesConfig
from components.sequence_example_gen.files import opened


class ItemNamesError(ValueError):
    """A table of names that cannot be used; the message names the key of the configuration."""


def read_names(config: ItemNamesConfig, wanted: Collection[str]) -> dict[str, str]:
    """Reads the names of some items; memory does not grow with the table.

    Args:
        config: which table, and which of its columns.
        wanted: raw ids.

    Returns:
        The name of each wanted item that has one. Where an id stands in several rows, the first with a name counts.

    Raises:
        ItemNamesError: if there is no such file or column, or it cannot be read.
    """
    if config.path is None:
        return {}
    check_table(config)
    ids = pa.array(list(wanted), pa.string())
    names: dict[str, str] = {}
    with _told(config.path):
        for batch in _batches(config.path, [config.id, config.name]):
            rows = batch.filter(pc.is_in(batch.column(0), ids))
            for item, name in zip(rows.column(0).to_pylist(), rows.column(1).to_pylist(), strict=True):
                if name:
                    names.setdefault(item, name)
    return names


def check_table(config: ItemNamesConfig) -> None:
    """Looks at the columns of the table, if there is one, and at no row of it.

    Raises:
        ItemNamesError: if there is no such file or column, or it cannot be read.
    """
    if config.path is None:
        return
    with _told(config.path), opened(config.path) as file:
        found = pq.read_schema(file).names if _is_parquet(config.path) else _header(file)
    for key, column in (("id", config.id), ("name", config.name)):
        if column not in found:
            raise ItemNamesError(
                f"report.items.{key}: {config.path} has no column {column!r}; it has: {', '.join(found)}"
            )


def _batches(path: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yields the columns of ids and names as text."""
    with opened(path) as file:
        if _is_parquet(path):
            for batch in pq.ParquetFile(file).iter_batches(columns=columns):
                texts = [pc.cast(batch.column(batch.schema.get_field_index(name)), pa.string()) for name in columns]
                yield pa.RecordBatch.from_arrays(texts, ["id", "name"])
        else:
            # As text, or the id 007 would be the number 7.
            options = pa_csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string()))
            # Closed before the file is: a reader goes on reading ahead.
            with pa_csv.open_csv(file, convert_options=options) as reader:
                yield from reader


def _header(file: BinaryIO) -> list[str]:
    return next(csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline="")), [])


def _is_parquet(path: str) -> bool:
    return path.endswith(".parquet")


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Says of which file it was that an error speaks."""
    try:
        yield
    except (OSError, UnicodeError, csv.Error, pa.ArrowException) as error:
        raise ItemNamesError(f"report.items.path: {path} cannot be read: {error}") from error
