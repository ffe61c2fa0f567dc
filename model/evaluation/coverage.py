"""Coverage: the share of the catalogue that is recommended to anybody."""

import numpy as np
import numpy.typing as npt

from model.evaluation.bootstrap import interval

_REPLICATES = 256
_WORD = 64
_BLOCK = 100_000


class Coverage:
    """Counts distinct candidates, of all users and of the users that each replicate draws.

    Memory is 33 bytes a candidate, whatever the number of users.

    Args:
        size: number N of candidates.
    """

    def __init__(self, size: int):
        self._size = size
        # Candidates that nobody has been recommended are never touched, so they take no memory either.
        self._drawn = np.zeros([size, _REPLICATES // _WORD], np.uint64)
        self._recommended = np.zeros(size, bool)

    def add(self, columns: npt.NDArray[np.int64], weights: npt.NDArray[np.float32]) -> None:
        """Takes the lists of a batch.

        Args:
            columns: int64 [batch, k], 0-based; negative where there is none.
            weights: float32 [batch, R] of `model.evaluation.bootstrap.poisson_weights`, with R at least 256.
        """
        bits = np.packbits(weights[:, :_REPLICATES] > 0, axis=1).view(np.uint64)
        rows, places = np.nonzero(columns >= 0)
        chosen = columns[rows, places]
        np.bitwise_or.at(self._drawn, chosen, bits[rows])
        self._recommended[chosen] = True

    def estimate(self) -> tuple[float, float, float]:
        """Returns the share of candidates recommended, and its 95% interval.

        A replicate draws 63% of the users, so it covers less than all do: its deviation from the mean of replicates
        tells the spread, not its value.
        """
        value = float(np.count_nonzero(self._recommended)) / self._size
        covered = np.zeros(_REPLICATES)
        for block in np.array_split(np.flatnonzero(self._recommended), 1 + self._size // _BLOCK):
            covered += np.unpackbits(self._drawn[block].view(np.uint8), axis=1).sum(axis=0)
        covered /= self._size
        low, high = interval(value + covered - covered.mean())
        return value, max(low, 0.0), min(high, 1.0)
