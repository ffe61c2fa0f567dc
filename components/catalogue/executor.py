"""Executor of Catalogue: counts over the train split with Beam, in record batches."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.tfxio import tf_example_record

from components.artifacts import Artifacts
from schemas import catalogue, sequences
from schemas.catalogue import Catalogue

Int64s: TypeAlias = npt.NDArray[np.int64]

PARTITIONS = 16
"""Each holds its share of the ids, with their names, in one worker's memory."""

BATCH_SIZE = 4096
"""Sequences counted at a time: the more, the fewer arrays are shuffled."""

ITEMS, SCENES = "items", "scenes"

FEATURES = {
    ITEMS: (sequences.HISTORY_ITEM_IDS, sequences.FUTURE_ITEM_IDS),
    SCENES: (sequences.HISTORY_SCENE_IDS, sequences.FUTURE_SCENE_IDS),
}
ID_MAP_PREFIXES = {ITEMS: catalogue.ID_MAP_ITEMS_PREFIX, SCENES: catalogue.ID_MAP_SCENES_PREFIX}
FILES = {ITEMS: catalogue.ITEMS_FILE, SCENES: catalogue.SCENES_FILE}

Key = tuple[str, int]
"""``(kind, partition)``: what is grouped together."""


class Counts(NamedTuple):
    """Numbers of occurrences of ids. All three are int64 [n]; each fingerprint stands once, rising."""

    fingerprints: Int64s
    counts: Int64s
    future_counts: Int64s


def count(history: pa.Array, future: pa.Array) -> Counts:
    """Counts the ids of a batch of sequences.

    Args:
        history: lists of int64 fingerprints [batch], one list a sequence.
        future: lists of int64 fingerprints [batch]; these count as `future_counts` too.
    """
    past, coming = (lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64) for lists in (history, future))
    fingerprints, inverse = np.unique(np.concatenate([past, coming]), return_inverse=True)
    size = len(fingerprints)
    future_counts = np.bincount(inverse[len(past) :], minlength=size)
    return Counts(fingerprints, np.bincount(inverse, minlength=size), future_counts)


def find_partitions(fingerprints: Int64s, partitions: int) -> Int64s:
    """Returns the partition of each fingerprint, in ``[0, partitions)``: hashes, so their shares are about equal."""
    return fingerprints % partitions


def split(counts: Counts, partitions: int) -> Iterator[tuple[int, Counts]]:
    """Yields the partitions that occur, with their share of the counts."""
    parts = find_partitions(counts.fingerprints, partitions)
    for part in np.unique(parts):
        yield int(part), Counts(*(column[parts == part] for column in counts))


def merge(parts: Iterable[Counts]) -> Counts:
    """Adds up the counts of several batches."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    fingerprints, inverse = np.unique(columns[0], return_inverse=True)
    totals = np.zeros((2, len(fingerprints)), dtype=np.int64)
    for total, column in zip(totals, columns[1:], strict=True):
        np.add.at(total, inverse, column)
    return Counts(fingerprints, *totals)


def join_raw_ids(counts: Counts, id_map: pa.Table, kind: str) -> Catalogue:
    """Joins counts with the raw ids.

    Args:
        counts: numbers of some ids.
        id_map: columns of `schemas.catalogue.ID_MAP_COLUMNS`, with at least these ids, in any order.
        kind: "items" or "scenes", for the error.

    Returns:
        The counted ids in the order of `counts`.

    Raises:
        ValueError: if the id map lacks a counted fingerprint.
    """
    known, first_row = np.unique(id_map["fingerprint"].to_numpy(), return_index=True)
    position = np.searchsorted(known, counts.fingerprints)
    found = np.isin(counts.fingerprints, known, assume_unique=True)
    if not found.all():
        missing = counts.fingerprints[~found]
        raise ValueError(
            f"The id map has no raw id for at least {len(missing)} of the {kind} in the train split, such as the one "
            f"with fingerprint {missing[0]}. "
            "Examples and id map must come from one run of SequenceExampleGen: run that step again"
        )
    ids = id_map["id"].take(pa.array(first_row[position])).to_numpy()
    return Catalogue(counts.fingerprints, ids, counts.counts, counts.future_counts)


def join_in_order(parts: Iterable[Catalogue]) -> Catalogue:
    """Joins partitions of a catalogue, by falling count, ties by rising fingerprint."""
    parts = list(parts)
    fingerprints = np.concatenate([part.fingerprints for part in parts])
    ids = np.concatenate([part.ids for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    future_counts = np.concatenate([part.future_counts for part in parts])
    order = np.lexsort((fingerprints, -counts))
    return Catalogue(fingerprints[order], ids[order], counts[order], future_counts[order])


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the catalogues of items and scenes."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Counts the train split and joins the counts with the raw ids.

        Args:
            input_dict: ``examples`` and ``id_map`` of one SequenceExampleGen run.
            output_dict: ``catalogue``; gets the custom properties ``items`` and ``scenes``, their numbers.
            exec_properties: none are used.

        Raises:
            ValueError: if the train split is empty, or an id of it is not in the id map. The latter is found by a
                worker, so a distributed runner wraps it in an error of its own.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        train = io_utils.all_files_pattern(artifact_utils.get_split_uri(input_dict["examples"], sequences.TRAIN))
        id_map = artifact_utils.get_single_uri(input_dict["id_map"])
        output = artifact_utils.get_single_instance(output_dict["catalogue"])

        if FileSystems.match([train])[0].metadata_list:
            with self._make_beam_pipeline() as pipeline:
                counts = pipeline | "CountTrainSplit" >> CountTrainSplit(train)
                ids = pipeline | "ReadIdMap" >> ReadIdMap(id_map)
                _ = (
                    {"counts": counts, "ids": ids}
                    | "GroupByPartition" >> beam.CoGroupByKey()
                    | "JoinRawIds" >> beam.FlatMapTuple(_catalogue_part)
                    | "GroupByKind" >> beam.GroupByKey()
                    | "Write" >> beam.Map(_write, folder=output.uri)
                )
        for kind, name in FILES.items():
            output.set_int_custom_property(kind, _size(FileSystems.join(output.uri, name), train))


class CountTrainSplit(beam.PTransform):
    """Reads a glob of sequence examples and yields ``(Key, Counts)``, several a key."""

    def __init__(self, pattern: str):
        super().__init__()
        self._pattern = pattern

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """See the class."""
        source = tf_example_record.TFExampleRecord(
            self._pattern, schema=_counted_features(), telemetry_descriptors=["Catalogue"]
        )
        return pipeline | source.BeamSource(BATCH_SIZE) | "Count" >> beam.FlatMap(_count)


class ReadIdMap(beam.PTransform):
    """Reads the id map of items and scenes and yields ``(Key, pa.Table)``, several a key."""

    def __init__(self, folder: str):
        super().__init__()
        self._folder = folder

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """See the class."""
        return [
            pipeline
            | f"Read {kind}" >> beam.io.ReadFromParquetBatched(FileSystems.join(self._folder, f"{prefix}-*.parquet"))
            | f"Split {kind}" >> beam.FlatMap(_split_ids, kind=kind)
            for kind, prefix in ID_MAP_PREFIXES.items()
        ] | beam.Flatten()


def _counted_features() -> schema_pb2.Schema:
    """Returns the schema of the four features that are counted: the others are not even decoded."""
    with open(sequences.SCHEMA_FILE, encoding="utf-8") as file:
        schema = text_format.Parse(file.read(), schema_pb2.Schema())
    counted = {name for names in FEATURES.values() for name in names}
    return schema_pb2.Schema(feature=[feature for feature in schema.feature if feature.name in counted])


def _count(batch: pa.RecordBatch) -> Iterator[tuple[Key, Counts]]:
    for kind, (history, future) in FEATURES.items():
        counts = count(batch[history], batch[future])
        for part, share in split(counts, PARTITIONS):
            yield (kind, part), share


def _split_ids(id_map: pa.Table, kind: str) -> Iterator[tuple[Key, pa.Table]]:
    id_map = id_map.cast(catalogue.ID_MAP_COLUMNS)
    parts = find_partitions(id_map["fingerprint"].to_numpy(), PARTITIONS)
    for part in pc.unique(pa.array(parts)).to_pylist():
        yield (kind, part), id_map.filter(pa.array(parts == part))


def _catalogue_part(key: Key, grouped: dict[str, Iterable[Any]]) -> Iterator[tuple[str, catalogue.Catalogue]]:
    kind, _ = key
    counts, ids = list(grouped["counts"]), list(grouped["ids"])
    if counts:
        id_map = pa.concat_tables([catalogue.ID_MAP_COLUMNS.empty_table(), *ids])
        yield kind, join_raw_ids(merge(counts), id_map, kind)


def _write(kind_and_parts: tuple[str, Iterable[catalogue.Catalogue]], folder: str) -> None:
    kind, parts = kind_and_parts
    with FileSystems.create(FileSystems.join(folder, FILES[kind])) as file:
        catalogue.write_catalogue(join_in_order(parts), file)


def _size(path: str, train: str) -> int:
    if not FileSystems.exists(path):
        raise ValueError(
            f"The train split {train} holds no sequences, so there is nothing to recommend. See what "
            "SequenceExampleGen rejected and filtered: check windows.cutoffs against the dates of the log, and "
            "windows.min_history and min_future"
        )
    with FileSystems.open(path) as file:
        return pq.read_metadata(file).num_rows
