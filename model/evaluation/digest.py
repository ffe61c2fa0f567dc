"""Digests of test sequences, by which two runs tell that they were measured on the same ones."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.evaluation.bootstrap import splitmix64, user_keys
from model.input import FUTURE_ITEMS, FUTURE_SCENES, NEXT_ITEM, NEXT_SCENE
from schemas.identity import PAD_FINGERPRINT


def sequence_digests(users: Sequence[str], batch: Mapping[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Returns a number for each user and future, int64 [batch]; the history has no part in it.

    Args:
        users: hashes of the users.
        batch: of `model.input.evaluation_batches`; padding may stand anywhere.
    """
    total = user_keys(users)
    for number, name in enumerate((NEXT_ITEM, FUTURE_ITEMS, NEXT_SCENE, FUTURE_SCENES), start=1):
        values = batch[name]
        mixed = splitmix64(splitmix64(values.astype(np.uint64)) + np.uint64(number))
        total = splitmix64(total + np.where(values == PAD_FINGERPRINT, np.uint64(0), mixed).sum(axis=1))
    return total.astype(np.int64)


class Digest:
    """The digest of all sequences, whatever their order."""

    def __init__(self) -> None:
        self._sum, self._number = 0, 0

    def add(self, digests: npt.NDArray[np.int64]) -> None:
        """Takes the digests of a batch, int64 [batch]."""
        self._sum = (self._sum + int(splitmix64(digests.astype(np.uint64)).sum())) % 2**64
        self._number += len(digests)

    def hexdigest(self) -> str:
        """Returns 16 hexadecimal digits."""
        return hashlib.sha256(f"{self._number}:{self._sum}".encode()).hexdigest()[:16]
