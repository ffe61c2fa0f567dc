"""What the cache of steps depends on beside their settings: digests of our code, of the log, of salt and item names.

A step whose code or files have changed is then never answered from the cache.
"""

import hashlib
import pathlib
from collections.abc import Sequence

from components.report.config import ItemNamesConfig
from components.sequence_example_gen.config import SourceConfig
from schemas.errors import UserError
from schemas.identity import digest_salt, read_salt

_SHARED = ("schemas", "components/artifacts.py")
_ITEM_NAMES = (
    "components/report/config.py",
    "components/report/item_names.py",
    "components/sequence_example_gen/files.py",
)
_LOADER = ("serving/saved_model.py", "serving/error_text.py")
_TABLE = ("reporting/numbers.py", "reporting/table.py", "reporting/titles.py")

SOURCES = {
    "SequenceExampleGen": (*_SHARED, "components/sequence_example_gen"),
    "StrictExampleValidator": (*_SHARED, "components/strict_example_validator"),
    "Catalogue": (*_SHARED, "components/catalogue"),
    "Trainer": (*_SHARED, "model", "components/trainer"),
    "RankingEvaluator": (*_SHARED, "model", *_LOADER, *_TABLE, "components/ranking_evaluator"),
    "InfraValidator": (*_SHARED, "model", *_LOADER, "components/infra_validator"),
    "Pusher": (*_SHARED, "components/pusher", *_ITEM_NAMES),
    "Report": (
        *_SHARED,
        "model",
        *_LOADER,
        "reporting",
        "components/report",
        "components/sequence_example_gen/files.py",
    ),
}
"""The files and folders that each of our components runs, by component id."""

_SUFFIXES = (".py", ".pbtxt", ".j2", ".css")


def compute_source_digests(root: str | None = None) -> dict[str, str]:
    """Returns a digest of the source of each of our components, by component id.

    Args:
        root: the folder that holds the packages; by default where this one is installed.
    """
    folder = pathlib.Path(root) if root else pathlib.Path(__file__).parents[1]
    return {name: compute_digest(folder, sources) for name, sources in SOURCES.items()}


def compute_digest(root: pathlib.Path, sources: tuple[str, ...]) -> str:
    """Returns the SHA-256 of the names and contents of the source files in some files and folders below `root`."""
    digest = hashlib.sha256()
    for path in sorted({path for source in sources for path in _list_files(root / source)}):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def fingerprint_log(source: SourceConfig) -> str:
    """Returns a digest of path, size and time of last change of each file that the ingest will read.

    Contents are not read: at the size of real logs that would take as long as the ingest.

    Raises:
        UserError: if nothing is there.
    """
    # Imported here: runs of experiments need the digests of sources alone, and Beam takes long to import.
    from components.sequence_example_gen.casting import SourceError
    from components.sequence_example_gen.sources import list_shards

    if source.format == "tfds":  # the data set's name and split are among the settings already
        return ""
    try:
        paths = [unit.path for unit in list_shards(source)]
    except SourceError as error:
        raise UserError(str(error)) from error
    return _fingerprint_files(paths)


def fingerprint_salt(demo: bool) -> str:
    """Returns a digest of the salt that users are hashed with: with another salt they are other users.

    Raises:
        UserError: if the salt is missing or too short; better now than when the log is read.
    """
    return digest_salt(read_salt(demo))


def fingerprint_item_names(items: ItemNamesConfig) -> str:
    """Returns a digest of path, size and time of last change of the table of item names, or "" if none is configured.

    Raises:
        UserError: if the table is not there or lacks a column; better now than when the model is trained.
    """
    if items.path is None:
        return ""
    from components.report.item_names import ItemNamesError, check_table

    try:
        check_table(items)
    except ItemNamesError as error:
        raise UserError(str(error)) from error
    return _fingerprint_files([items.path])


def _list_files(source: pathlib.Path) -> list[pathlib.Path]:
    if source.is_file():
        return [source]
    return [path for path in source.rglob("*") if path.suffix in _SUFFIXES]


def _fingerprint_files(paths: Sequence[str]) -> str:
    from apache_beam.io.filesystems import FileSystems

    files = [file for result in FileSystems.match(list(paths)) for file in result.metadata_list]
    lines = sorted(f"{file.path} {file.size_in_bytes} {file.last_updated_in_seconds}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
