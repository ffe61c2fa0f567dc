"""Counting ids with array operations: per batch, per partition, and put in the order of a catalogue."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.catalogue import Catalogue

Int64s = npt.NDArray[np.int64]


class Counts(NamedTuple):
    """How often ids occur. All three are int64 [n]; each fingerprint stands once, rising."""

    fingerprints: Int64s
    counts: Int64s
    future_counts: Int64s


def count(history: pa.Array, future: pa.Array) -> Counts:
    """Counts the ids of a batch of sequences.

    Args:
        history: lists of int64 fingerprints [batch], one list a sequence.
        future: likewise; what is here counts as `future_counts` too.
    """
    past, coming = (lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64) for lists in (history, future))
    fingerprints, inverse = np.unique(np.concatenate([past, coming]), return_inverse=True)
    size = len(fingerprints)
    future_counts = np.bincount(inverse[len(past) :], minlength=size)
    return Counts(fingerprints, np.bincount(inverse, minlength=size), future_counts)


def partition_of(fingerprints: Int64s, partitions: int) -> Int64s:
    """Returns the partition of each fingerprint, in ``[0, partitions)``: hashes, so their shares are about equal."""
    return fingerprints % partitions


def split(counts: Counts, partitions: int) -> Iterator[tuple[int, Counts]]:
    """Yields the partitions that occur, with their share of the counts."""
    parts = partition_of(counts.fingerprints, partitions)
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


def with_raw_ids(counts: Counts, id_map: pa.Table, kind: str) -> Catalogue:
    """Joins counts with the raw ids.

    Args:
        counts: of some ids.
        id_map: `schemas.catalogue.ID_MAP_COLUMNS`, at least of those ids, in any order.
        kind: what is counted, for the error.

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


def in_order(parts: Iterable[Catalogue]) -> Catalogue:
    """Joins partitions of a catalogue, by falling count, ties by rising fingerprint."""
    parts = list(parts)
    fingerprints = np.concatenate([part.fingerprints for part in parts])
    ids = np.concatenate([part.ids for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    future_counts = np.concatenate([part.future_counts for part in parts])
    order = np.lexsort((fingerprints, -counts))
    return Catalogue(fingerprints[order], ids[order], counts[order], future_counts[order])
