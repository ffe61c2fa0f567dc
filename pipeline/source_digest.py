"""Digests of the project's own source, so that changed code is never answered from the cache."""

import hashlib
import pathlib

_SHARED = ("schemas", "components/artifacts.py")

SOURCES = {
    "SequenceExampleGen": (*_SHARED, "components/sequence_example_gen"),
    "StrictExampleValidator": (*_SHARED, "components/strict_example_validator"),
    "Catalogue": (*_SHARED, "components/catalogue"),
    "Trainer": (*_SHARED, "model", "components/trainer"),
    "RankingEvaluator": (*_SHARED, "model", "components/ranking_evaluator"),
    "InfraValidator": (*_SHARED, "model", "components/infra_validator"),
    "Report": (*_SHARED, "model", "components/report", "components/sequence_example_gen/files.py"),
}
"""Which files and folders each of our components runs, by component id."""

_SUFFIXES = (".py", ".pbtxt", ".j2", ".css")


def source_digests(root: str | None = None) -> dict[str, str]:
    """Returns a digest of the source of each of our components, by component id.

    Args:
        root: the folder that holds the packages; by default where this one is installed.
    """
    folder = pathlib.Path(root) if root else pathlib.Path(__file__).parents[1]
    return {name: digest_of(folder, sources) for name, sources in SOURCES.items()}


def digest_of(root: pathlib.Path, sources: tuple[str, ...]) -> str:
    """Returns the SHA-256 of the names and contents of the source files below some folders of `root`."""
    digest = hashlib.sha256()
    for path in sorted({path for source in sources for path in _files(root / source)}):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(source: pathlib.Path) -> list[pathlib.Path]:
    if source.is_file():
        return [source]
    return [path for path in source.rglob("*") if path.suffix in _SUFFIXES]
