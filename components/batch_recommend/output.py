"""The folder of the results: filled only when the whole job has succeeded, and never overwritten."""

import os
import shutil

import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from components.batch_recommend.rows import RECOMMENDATIONS, shard_name
from components.sequence_example_gen import files

INCOMPLETE = "_incomplete"
COMPLETE = "_SUCCESS"
"""Written last, as Hadoop and Spark do: without it a job was killed while its results were moved into place."""

REJECTS = "_rejects"
"""Names that begin with an underscore, as all of these, are passed over by whatever reads a folder of Parquet files."""


class Output:
    """A folder of results on any Beam filesystem.

    Args:
        folder: where the results shall lie.

    Attributes:
        staging: folder for what is not yet a result.
        rejects: folder for the files of bad rows.
    """

    def __init__(self, folder: str):
        self._is_local = "://" not in folder
        self.folder = os.path.abspath(folder) if self._is_local else folder.rstrip("/")
        self.staging = f"{self.folder}/{INCOMPLETE}"
        self.rejects = f"{self.folder}/{REJECTS}"

    def create(self) -> None:
        """Creates the folder and what belongs in it.

        Raises:
            FileExistsError: if something is there already.
            OSError: if it cannot be created.
        """
        found = self._found()
        if found:
            names = ", ".join(map(repr, found[:3])) + (", ..." if len(found) > 3 else "")
            raise FileExistsError(
                f"--out: {self.folder} is not empty ({names}), and results are never overwritten. Name another folder, "
                f"or remove this one{' (a job that was killed left it)' if INCOMPLETE in found else ''}."
            )
        for path in (self.staging, self.rejects):
            if not FileSystems.exists(path):
                FileSystems.mkdirs(path)

    def staged(self, shard: int, shards: int) -> str:
        """Returns where a shard lies until `publish`."""
        return f"{self.staging}/{shard_name(shard, shards)}"

    def publish(self, shards: int) -> None:
        """Moves all shards to their place; one that nobody wrote is written, without rows."""
        staged = [self.staged(shard, shards) for shard in range(shards)]
        for path in staged:
            if not FileSystems.exists(path):
                with files.created(path, self.staging) as file:
                    pq.write_table(RECOMMENDATIONS.empty_table(), file)
        published = [f"{self.folder}/{shard_name(shard, shards)}" for shard in range(shards)]
        try:
            FileSystems.rename(staged, published)
        except BaseException:
            # A part of the results would pass for the whole.
            FileSystems.delete([path for path in published if FileSystems.exists(path)])
            raise
        with files.created(f"{self.folder}/{COMPLETE}", self.staging) as file:
            file.write(b"")

    def clean(self) -> None:
        """Removes what is no result, and the folder itself if nothing is left in it."""
        if not self._is_local:
            if FileSystems.match([f"{self.staging}/**"])[0].metadata_list:
                FileSystems.delete([f"{self.staging}/"])
            return
        shutil.rmtree(self.staging, ignore_errors=True)
        for folder in (self.rejects, self.folder):
            if os.path.isdir(folder) and not os.listdir(folder):
                os.rmdir(folder)

    def _found(self) -> list[str]:
        if self._is_local:
            if os.path.isdir(self.folder):
                return sorted(os.listdir(self.folder))
            return [os.path.basename(self.folder)] if os.path.lexists(self.folder) else []
        matches = FileSystems.match([self.folder, f"{self.folder}/**"])
        return sorted({found.path for match in matches for found in match.metadata_list})
