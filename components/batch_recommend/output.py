"""The results: their columns, and their folder, which is filled only when the whole job has succeeded."""

import os
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from components.sequence_example_gen import files
from schemas.served_model import RANKINGS

RECOMMENDATIONS = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("history_length", pa.int32(), nullable=False),
        *(
            pa.field(f"{kind}_{part}", pa.list_(values), nullable=False)
            for kind in RANKINGS
            for part, values in (("ids", pa.string()), ("scores", pa.float32()))
        ),
    ]
)
"""Columns of the results: the user's keyed hash as 32 hexadecimal digits, the number of events that were read, then for
each of `schemas.served_model.RANKINGS` raw ids and scores, best first."""

NO_ID = b""
"""The id at a place of the model's answer that nothing fills."""

INCOMPLETE = "_incomplete"
COMPLETE = "_SUCCESS"
"""Written last, as by Hadoop and Spark: without it a job was killed while its results were moved into place."""

REJECTS = "_rejects"
"""A name that begins with an underscore, as these three do, is passed over by readers of a folder of Parquet files."""


class Output:
    """A folder of results on any Beam filesystem; results that lie there are never overwritten.

    Args:
        folder: path of the folder.

    Attributes:
        staging: path of the folder for what is not yet a result.
        rejects: path of the folder for the files of bad rows.
    """

    def __init__(self, folder: str):
        self._is_local = "://" not in folder
        self.folder = os.path.abspath(folder) if self._is_local else folder.rstrip("/")
        self.staging = f"{self.folder}/{INCOMPLETE}"
        self.rejects = f"{self.folder}/{REJECTS}"

    def create(self) -> None:
        """Creates the folder, and the folders `staging` and `rejects` in it.

        Bad rows that a failed job listed in it are removed: they are no results, and this job lists its own.

        Raises:
            FileExistsError: if something is there already.
            OSError: if it cannot be created.
        """
        found = self._list_contents()
        if found and all(name == REJECTS or name.startswith(f"{self.rejects}/") for name in found):
            FileSystems.delete([f"{self.rejects}/"])
        elif found:
            names = ", ".join(map(repr, found[:3])) + (", ..." if len(found) > 3 else "")
            raise FileExistsError(
                f"--out: {self.folder} is not empty ({names}), and results are never overwritten. Name another folder, "
                f"or remove this one{' (a job that was killed left it)' if INCOMPLETE in found else ''}."
            )
        for path in (self.staging, self.rejects):
            if not FileSystems.exists(path):
                FileSystems.mkdirs(path)

    def locate_staged(self, shard: int, shards: int) -> str:
        """Returns the path at which a shard lies until `publish`."""
        return f"{self.staging}/{name_shard(shard, shards)}"

    def publish(self, shards: int) -> None:
        """Moves all shards to their place; a shard that no worker wrote is written without rows."""
        staged = [self.locate_staged(shard, shards) for shard in range(shards)]
        for path in staged:
            if not FileSystems.exists(path):
                with files.create_whole(path, self.staging) as file:
                    pq.write_table(RECOMMENDATIONS.empty_table(), file)
        published = [f"{self.folder}/{name_shard(shard, shards)}" for shard in range(shards)]
        try:
            FileSystems.rename(staged, published)
        except BaseException:
            # A part of the results would pass for the whole.
            FileSystems.delete([path for path in published if FileSystems.exists(path)])
            raise
        with files.create_whole(f"{self.folder}/{COMPLETE}", self.staging) as file:
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

    def _list_contents(self) -> list[str]:
        if self._is_local:
            if os.path.isdir(self.folder):
                return sorted(os.listdir(self.folder))
            return [os.path.basename(self.folder)] if os.path.lexists(self.folder) else []
        matches = FileSystems.match([self.folder, f"{self.folder}/**"])
        return sorted({found.path for match in matches for found in match.metadata_list})


def to_rows(
    users: npt.NDArray[np.bytes_], lengths: npt.NDArray[np.int64], answer: Mapping[str, npt.NDArray[Any]], top: int
) -> pa.Table:
    """Returns one row a user, with the columns `RECOMMENDATIONS`.

    Args:
        users: S32 [batch], keyed hashes.
        lengths: int64 [batch], number of events that were read.
        answer: of each of `schemas.served_model.RANKINGS` the ids, bytes [batch, k], and the scores, float32
            [batch, k], best first.
        top: number of places of each ranking to keep.
    """
    columns = [pa.array(users.tolist(), pa.binary()).cast(pa.string()), pa.array(lengths, pa.int32())]
    for kind in RANKINGS:
        ids, scores = answer[f"{kind}_ids"][:, :top], answer[f"{kind}_scores"][:, :top]
        filled = ids != NO_ID
        offsets = pa.array(np.concatenate([[0], np.cumsum(filled.sum(axis=1))]), pa.int32())
        # Through binary, because only the cast checks that ids are UTF-8.
        text = pa.array(ids[filled], pa.binary()).cast(pa.string())
        columns += [pa.ListArray.from_arrays(offsets, values) for values in (text, pa.array(scores[filled]))]
    return pa.Table.from_arrays(columns, schema=RECOMMENDATIONS)


def name_shard(shard: int, shards: int) -> str:
    """Returns the name of the file that holds the users of a partition."""
    return f"recommendations-{shard:05d}-of-{shards:05d}.parquet"
