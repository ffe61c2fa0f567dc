"""The catalogue: the items (or scenes) that can be predicted, as one Parquet file each.

Row ``i`` of the file has index ``i + 1``; index 0 is padding and index ``N + 1`` stands for both unknown
ids and [MASK], so an embedding table over a catalogue of ``N`` rows has ``N + 2`` rows. Everything in it
comes from the train split alone.

==================  =======  ================================================================
column              type     content
==================  =======  ================================================================
``index``           int32    1..N, by falling ``count`` (ties by rising fingerprint)
``fingerprint``     int64    see `schemas.identity`
``id``              string   the raw id, as the endpoint returns it
``count``           int64    occurrences in the histories and futures of train sequences
``future_count``    int64    occurrences in the futures alone: the popularity prior
==================  =======  ================================================================
"""

import dataclasses
import functools

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.identity import PAD_FINGERPRINT

ITEMS_FILE = "items.parquet"
SCENES_FILE = "scenes.parquet"

PAD_INDEX = 0

COLUMNS = pa.schema(
    [
        pa.field("index", pa.int32(), nullable=False),
        pa.field("fingerprint", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("future_count", pa.int64(), nullable=False),
    ]
)

ID_MAP_COLUMNS = pa.schema(
    [
        pa.field("fingerprint", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
    ]
)
"""Columns of the id map that SequenceExampleGen writes: every id of the log, each once."""

ID_MAP_ITEMS_PREFIX = "items"
ID_MAP_SCENES_PREFIX = "scenes"


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """One catalogue in memory, ordered by index.

    Attributes:
        fingerprints: int64 [N].
        ids: raw ids, object array of str [N].
        counts: int64 [N].
        future_counts: int64 [N].
    """

    fingerprints: npt.NDArray[np.int64]
    ids: npt.NDArray[np.object_]
    counts: npt.NDArray[np.int64]
    future_counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        sizes = {len(column) for column in (self.fingerprints, self.ids, self.counts, self.future_counts)}
        if len(sizes) != 1:
            raise ValueError(f"The columns of a catalogue must have one length. Received lengths: {sorted(sizes)}")
        if len(np.unique(self.fingerprints)) != len(self.fingerprints):
            raise ValueError("A catalogue holds each fingerprint once, but some appear twice.")

    def __len__(self) -> int:
        return len(self.fingerprints)

    @property
    def unknown_index(self) -> int:
        """Index of ids that are not in the catalogue, and of [MASK]."""
        return len(self) + 1

    def index_of(self, fingerprints: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the index of each fingerprint, int64 of the same shape: 0 where padded, N + 1 where unknown."""
        order, ordered = self._by_fingerprint
        if not len(ordered):
            return np.where(fingerprints == PAD_FINGERPRINT, PAD_INDEX, self.unknown_index)
        place = np.minimum(np.searchsorted(ordered, fingerprints), len(ordered) - 1)
        index = np.where(ordered[place] == fingerprints, order[place] + 1, self.unknown_index)
        return np.where(fingerprints == PAD_FINGERPRINT, PAD_INDEX, index)

    def raw_ids(self, fingerprints: npt.NDArray[np.int64], unknown: str = "") -> npt.NDArray[np.object_]:
        """Returns each fingerprint's raw id, str of the same shape: empty where padded, `unknown` where unknown."""
        index = self.index_of(fingerprints)
        names = np.full(index.shape, unknown, object)
        names[index == PAD_INDEX] = ""
        known = (index != PAD_INDEX) & (index != self.unknown_index)
        names[known] = self.ids[index[known] - 1]
        return names

    @functools.cached_property
    def _by_fingerprint(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows in the order of their fingerprints, and these fingerprints, rising; int64 [N] each."""
        order = np.argsort(self.fingerprints, kind="stable")
        return order, self.fingerprints[order]


def write_catalogue(catalogue: Catalogue, file: pa.NativeFile | str) -> None:
    """Writes a catalogue as Parquet with the columns of this module."""
    index = np.arange(1, len(catalogue) + 1, dtype=np.int32)
    columns = [index, catalogue.fingerprints, catalogue.ids, catalogue.counts, catalogue.future_counts]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, COLUMNS, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=COLUMNS), file)


def read_catalogue(file: pa.NativeFile | str) -> Catalogue:
    """Reads a catalogue written by `write_catalogue`.

    Raises:
        ValueError: if the columns are not those of a catalogue, or the index is not 1..N.
    """
    table = pq.read_table(file)
    if table.schema.names != COLUMNS.names:
        raise ValueError(f"{file} is no catalogue: expected columns {COLUMNS.names}, found {table.schema.names}")
    if not np.array_equal(table["index"].to_numpy(), np.arange(1, table.num_rows + 1)):
        raise ValueError(f"{file} is no catalogue: its index must run from 1 to {table.num_rows} in order")
    return Catalogue(
        fingerprints=table["fingerprint"].to_numpy(),
        ids=table["id"].to_numpy(),
        counts=table["count"].to_numpy(),
        future_counts=table["future_count"].to_numpy(),
    )
