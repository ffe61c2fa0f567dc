"""Counts of pairs: how often an entry of one catalogue came with one of another."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

WAITING = 1 << 22
"""Pairs that wait to be added up, at least: 32 MiB."""


class PairCounts:
    """Counts pairs of indices of two catalogues.

    Args:
        rows: size of the first catalogue.
        columns: size of the second.
        waiting: pairs that wait to be added up, at least.
    """

    def __init__(self, rows: int, columns: int, waiting: int = WAITING):
        self._total = sparse.csr_matrix((rows, columns), dtype=np.int32)
        self._waiting: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
        self._number = 0
        self._most = waiting

    def add(self, rows: npt.NDArray[np.int32], columns: npt.NDArray[np.int32]) -> None:
        """Adds pairs; one with padding or with what is in no catalogue does not count.

        Args:
            rows: int32 [P], indices of the first catalogue, counted from 1.
            columns: int32 [P], indices of the second catalogue, counted from 1.
        """
        height, width = self._total.shape
        known = (rows >= 1) & (rows <= height) & (columns >= 1) & (columns <= width)
        self._waiting.append((rows[known] - 1, columns[known] - 1))
        self._number += len(self._waiting[-1][0])
        # Adding costs as much as there is already, so the more there is, the more is added at a time.
        if self._number >= max(self._most, self._total.nnz):
            self._add_up()

    def matrix(self) -> sparse.csr_matrix:
        """Returns the counts so far, int32 [rows, columns], 0-based, with rising columns in each row."""
        self._add_up()
        return self._total

    def _add_up(self) -> None:
        if self._number:
            rows, columns = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
            new = sparse.csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), self._total.shape)
            self._total = self._total + new
        self._total.sort_indices()
        self._waiting, self._number = [], 0
