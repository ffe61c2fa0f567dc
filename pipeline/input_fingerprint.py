"""Digests of the files that a run reads, so that a changed file is never answered from the cache."""

import hashlib
from collections.abc import Sequence

from apache_beam.io.filesystems import FileSystems

from components.report.item_names import ItemNamesError, check_table
from components.report.settings import ItemNamesConfig
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.settings import SourceConfig
from components.sequence_example_gen.sources import list_units
from pipeline.config import ConfigError


def input_fingerprint(source: SourceConfig) -> str:
    """Returns a digest of path, size and time of last change of each file that the ingest will read.

    Contents are not read: at the size of real logs that would take as long as the ingest.

    Raises:
        ConfigError: if nothing is there.
    """
    if source.format == "tfds":  # the data set's name and split are among the settings already
        return ""
    try:
        paths = [unit.path for unit in list_units(source)]
    except SourceError as error:
        raise ConfigError(str(error)) from error
    return _digest(paths)


def names_fingerprint(items: ItemNamesConfig) -> str:
    """Returns a like digest of the table of item names, or "" when none is named.

    Raises:
        ConfigError: if it is not there or lacks a column; better now than when the model is trained.
    """
    if items.path is None:
        return ""
    try:
        check_table(items)
    except ItemNamesError as error:
        raise ConfigError(str(error)) from error
    return _digest([items.path])


def _digest(paths: Sequence[str]) -> str:
    files = [file for result in FileSystems.match(list(paths)) for file in result.metadata_list]
    lines = sorted(f"{file.path} {file.size_in_bytes} {file.last_updated_in_seconds}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
