"""Pairs the test sequences of two evaluations."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class MeasuredSequences:
    """What was measured of each test sequence of one run.

    Attributes:
        users: ids of the users, bytes [n]; a user may have several sequences.
        sequences: digests of user and future, int64 [n].
        groups: one of `model.evaluation.tasks.GROUPS` for each sequence, str [n].
        metrics: values by ``task/metric``, float32 [n]; NaN where not measured.
    """

    users: npt.NDArray[np.bytes_]
    sequences: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]
    metrics: Mapping[str, npt.NDArray[np.float32]]


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How much two test sets share.

    Attributes:
        sequences: number of sequences of each of the two.
        common_sequences: number of sequences that have the same user and the same future in both.
        users: number of users of each of the two.
        common_users: number of users who are in both.
    """

    sequences: tuple[int, int]
    common_sequences: int
    users: tuple[int, int]
    common_users: int


class UnequalTestSetsError(ValueError):
    """Two runs were not measured on the same users and futures.

    Attributes:
        overlap: what the two test sets share.
    """

    def __init__(self, overlap: Overlap):
        super().__init__(
            f"The test sets differ: {overlap.sequences[0]:,} and {overlap.sequences[1]:,} sequences, "
            f"of which {overlap.common_sequences:,} are the same user with the same future."
        )
        self.overlap = overlap


def pair(reference: MeasuredSequences, other: MeasuredSequences) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Finds the rows that are about the same sequence.

    Args:
        reference: measured sequences of one run.
        other: measured sequences of another run.

    Returns:
        Places in `reference` and in `other`, int64 [n] each, sorted by user and sequence. Sequences of the same user
        with the same future, but with different histories, are paired in the order in which they come; which of them
        are paired does not change means, intervals and p-values, because those are over users.

    Raises:
        UnequalTestSetsError: if either has a sequence that the other has not.
    """
    ours, theirs = _sort(reference), _sort(other)
    if (
        len(ours) != len(theirs)
        or (reference.sequences[ours] != other.sequences[theirs]).any()
        or (reference.users[ours] != other.users[theirs]).any()
    ):
        raise UnequalTestSetsError(overlap(reference, other))
    return ours, theirs


def overlap(reference: MeasuredSequences, other: MeasuredSequences) -> Overlap:
    """Counts what two test sets share."""
    users = np.unique(reference.users), np.unique(other.users)
    return Overlap(
        sequences=(len(reference.sequences), len(other.sequences)),
        common_sequences=_count_common(reference.sequences, other.sequences),
        users=(len(users[0]), len(users[1])),
        common_users=len(np.intersect1d(*users, assume_unique=True)),
    )


def _sort(measured: MeasuredSequences) -> npt.NDArray[np.int64]:
    return np.lexsort((measured.sequences, measured.users))


def _count_common(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> int:
    """Returns the size of the intersection, each value as often as both have it."""
    (ours, often), (theirs, how_often) = (np.unique(side, return_counts=True) for side in (left, right))
    _, places, others = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    return int(np.minimum(often[places], how_often[others]).sum())
