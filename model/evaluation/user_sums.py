"""Sums over users of the differences of two runs, for a paired t-test that knows that a user's sequences are alike."""

import numpy as np
import numpy.typing as npt
from scipy import stats


class UserSums:
    """Sums of differences, user by user.

    With one sequence a user the test is the paired t-test. With several, the sequences of a user count as one draw
    (the cluster-robust variance of a mean), as they do in the bootstrap.

    Args:
        columns: number C of differences.
    """

    def __init__(self, columns: int):
        self.users = np.zeros(columns, np.int64)
        self._numbers, self._sum = np.zeros(columns), np.zeros(columns)
        self._squares, self._cross, self._numbers_squared = np.zeros(columns), np.zeros(columns), np.zeros(columns)

    def add(
        self, differences: npt.NDArray[np.float64], measured: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]
    ) -> None:
        """Adds a block of sequences, those of a user side by side and all in one block.

        Args:
            differences: float64 [block, C], 0 where not measured.
            measured: bool [block, C].
            starts: int64 [users], where in the block each user begins.
        """
        sums = np.add.reduceat(differences, starts, axis=0)
        numbers = np.add.reduceat(measured.astype(np.float64), starts, axis=0)
        self.users += np.count_nonzero(numbers, axis=0)
        self._numbers += numbers.sum(axis=0)
        self._sum += sums.sum(axis=0)
        self._squares += np.square(sums).sum(axis=0)
        self._cross += (sums * numbers).sum(axis=0)
        self._numbers_squared += np.square(numbers).sum(axis=0)

    def p_values(self) -> npt.NDArray[np.float64]:
        """Returns the two-sided p-value of each mean difference, float64 [C].

        It is 1 where the two never differ, and NaN where fewer than two users were measured.
        """
        users = self.users
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self._sum / self._numbers
            residuals = self._squares - 2 * mean * self._cross + mean**2 * self._numbers_squared
            variance = np.maximum(residuals, 0.0) * users / (users - 1) / self._numbers**2
            p = 2 * stats.t.sf(np.abs(mean) / np.sqrt(variance), users - 1)
        return np.where(users < 2, np.nan, np.where(self._squares == 0, 1.0, p))
