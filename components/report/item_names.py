"""Names of items, from a table that people keep beside the log, and the raw ids behind fingerprints."""

import contextlib
import csv
import io
from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from components.report.config import ItemNamesConfig
from components.sequence_example_gen.files import open_input
from schemas.catalogue import Catalogue


class ItemNamesError(ValueError):
    """A table of names that cannot be used; the message names the key of the configuration."""


def read_names(config: ItemNamesConfig, wanted: Collection[str]) -> dict[str, str]:
    """Reads the names of some items; memory does not grow with the table.

    Args:
        config: the table and its columns.
        wanted: raw ids of the items.

    Returns:
        The name of each wanted item that has one. Where an id stands in several rows, the first row with a name counts.

    Raises:
        ItemNamesError: if there is no such file or column, or it cannot be read.
    """
    if config.path is None:
        return {}
    check_table(config)
    ids = pa.array(list(wanted), pa.string())
    names: dict[str, str] = {}
    with _name_file_in_errors(config.path):
        for batch in _read_batches(config.path, [config.id, config.name]):
            rows = batch.filter(pc.is_in(batch.column(0), ids))
            for item, name in zip(rows.column(0).to_pylist(), rows.column(1).to_pylist(), strict=True):
                if name:
                    names.setdefault(item, name)
    return names


def check_table(config: ItemNamesConfig) -> None:
    """Checks the columns of the table, if there is one, without reading its rows.

    Raises:
        ItemNamesError: if there is no such file or column, or it cannot be read.
    """
    if config.path is None:
        return
    with _name_file_in_errors(config.path), open_input(config.path) as file:
        found = pq.read_schema(file).names if _is_parquet(config.path) else _read_header(file)
    for key, column in (("id", config.id), ("name", config.name)):
        if column not in found:
            raise ItemNamesError(
                f"report.items.{key}: {config.path} has no column {column!r}; it has: {', '.join(found)}"
            )


def _read_batches(path: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yields the columns of ids and names as text."""
    with open_input(path) as file:
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


def _read_header(file: BinaryIO) -> list[str]:
    return next(csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline="")), [])


def _is_parquet(path: str) -> bool:
    return path.endswith(".parquet")


@contextlib.contextmanager
def _name_file_in_errors(path: str) -> Iterator[None]:
    """Turns an error of reading into one that names the file."""
    try:
        yield
    except (OSError, UnicodeError, csv.Error, pa.ArrowException) as error:
        raise ItemNamesError(f"report.items.path: {path} cannot be read: {error}") from error


def read_raw_ids(wanted: Iterable[int], catalogue: Catalogue, id_map: str) -> dict[int, str]:
    """Finds the raw ids behind fingerprints: in the catalogue or, if no train sequence has the id, in the id map.

    Args:
        wanted: fingerprints.
        catalogue: the catalogue of their kind.
        id_map: glob of the id map's Parquet files; read in batches, and only when the catalogue lacks an id.

    Returns:
        The raw id of each fingerprint.

    Raises:
        ValueError: if a fingerprint is in neither.
    """
    fingerprints = np.unique(np.fromiter(wanted, np.int64))
    known = catalogue.index_of(fingerprints) != catalogue.unknown_index
    found = dict(zip(fingerprints[known].tolist(), catalogue.raw_ids(fingerprints[known]).tolist(), strict=True))
    if not known.all():
        found |= _read_id_map(fingerprints[~known].tolist(), id_map)
    missing = [fingerprint for fingerprint in fingerprints.tolist() if fingerprint not in found]
    if missing:
        raise ValueError(
            f"{id_map} has no raw id for {len(missing)} of the {len(fingerprints)} ids to show, such as the one with "
            f"fingerprint {missing[0]}. Examples and id map must come from one run of SequenceExampleGen: run that "
            "step again."
        )
    return found


def _read_id_map(wanted: list[int], pattern: str) -> dict[int, str]:
    fingerprints = pa.array(wanted, pa.int64())
    found: dict[int, str] = {}
    for match in FileSystems.match([pattern])[0].metadata_list:
        with FileSystems.open(match.path) as file:
            for batch in pq.ParquetFile(file).iter_batches(columns=["fingerprint", "id"]):
                batch = batch.filter(pc.is_in(batch.column(0), fingerprints))
                found |= dict(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))
    return found
