"""The paired t-test over users, and Holm's correction for many of them: whether differences are more than chance.

The sequences of a user count as one draw, as they do in the bootstrap, because what a user does once and what the user
does later are no independent evidence. With one sequence a user the test is the usual paired t-test; with several, its
variance is the cluster-robust variance of a mean (Liang and Zeger, 1986), with users as clusters.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats


class UserSums:
    """Sums of differences, user by user, from which p-values come; memory does not grow with the number of users.

    Args:
        columns: number C of differences that are tested, each by itself.

    Attributes:
        users: number of users measured in each column so far, int64 [C].
    """

    def __init__(self, columns: int):
        self.users = np.zeros(columns, np.int64)
        self._numbers, self._sum = np.zeros(columns), np.zeros(columns)
        self._squares, self._cross, self._numbers_squared = np.zeros(columns), np.zeros(columns), np.zeros(columns)

    def add(
        self, differences: npt.NDArray[np.floating], measured: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]
    ) -> None:
        """Adds a block of sequences; those of a user stand side by side, and all of them are in the block.

        Args:
            differences: float [block, C], 0 where a sequence was not measured.
            measured: bool [block, C].
            starts: int64 [users], the row at which each user begins.
        """
        sums = np.add.reduceat(differences.astype(np.float64), starts, axis=0)
        numbers = np.add.reduceat(measured.astype(np.float64), starts, axis=0)
        self.users += np.count_nonzero(numbers, axis=0)
        self._numbers += numbers.sum(axis=0)
        self._sum += sums.sum(axis=0)
        self._squares += np.square(sums).sum(axis=0)
        self._cross += (sums * numbers).sum(axis=0)
        self._numbers_squared += np.square(numbers).sum(axis=0)

    def p_values(self) -> npt.NDArray[np.float64]:
        """Returns the two-sided p-value of each mean difference, float64 [C].

        It is 1 where the two rankers never differ, and NaN where fewer than two users were measured.
        """
        users = self.users
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self._sum / self._numbers
            residuals = self._squares - 2 * mean * self._cross + mean**2 * self._numbers_squared
            variance = np.maximum(residuals, 0.0) * users / (users - 1) / self._numbers**2
            p = 2 * stats.t.sf(np.abs(mean) / np.sqrt(variance), users - 1)
        return np.where(users < 2, np.nan, np.where(self._squares == 0, 1.0, p))


class UserBlocks:
    """Puts the sequences of each user side by side for `UserSums`, however far apart they come.

    All sequences are counted first, then added in any order. A user with one sequence is passed on at once; the rows of
    a user with several are held until the last of them has come.

    Memory: 8 bytes a sequence while they are counted, then some 100 bytes a user with several sequences, and the held
    rows, of which only the differences that are not 0 are kept.
    """

    def __init__(self) -> None:
        self._counted: list[npt.NDArray[np.uint64]] = []
        self._several: dict[int, int] | None = None
        self._held: dict[int, list[tuple[sparse.csr_array, npt.NDArray[np.uint8]]]] = {}

    def count(self, keys: npt.NDArray[np.uint64]) -> None:
        """Counts the sequences of a batch.

        Args:
            keys: keys of their users, uint64 [batch], by `model.evaluation.bootstrap.user_keys`.
        """
        self._counted.append(keys)

    def add(
        self, keys: npt.NDArray[np.uint64], differences: npt.NDArray[np.floating], measured: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Takes a batch and returns a block of all users who are now complete.

        Args:
            keys: keys of the users, uint64 [batch].
            differences: float [batch, C].
            measured: bool [batch, C].

        Returns:
            What `UserSums.add` takes: differences float [block, C], measured bool [block, C], and starts int64 [users].
        """
        if self._several is None:
            self._several = _find_several(self._counted)
            self._counted = []
        held = np.array([int(key) in self._several for key in keys], bool)
        blocks = [(differences[~held], measured[~held])]
        starts = list(range(np.count_nonzero(~held)))
        end = len(starts)
        for row in np.flatnonzero(held):
            key = int(keys[row])
            rows = self._held.setdefault(key, [])
            # Most metrics of most sequences are the same for two models, so a row is held in a form for zeros.
            rows.append((sparse.csr_array(differences[[row]]), np.packbits(measured[row])))
            if len(rows) == self._several[key]:
                of_user, known = zip(*self._held.pop(key), strict=True)
                known_bits = np.unpackbits(np.stack(known), axis=1, count=measured.shape[1])
                blocks.append((sparse.vstack(of_user).toarray(), known_bits.astype(bool)))
                starts.append(end)
                end += len(of_user)
        return (
            np.concatenate([block for block, _ in blocks]),
            np.concatenate([block for _, block in blocks]),
            np.array(starts, np.int64),
        )

    @property
    def incomplete(self) -> int:
        """Number of users with sequences that were counted and have not come."""
        return len(self._held)


def _find_several(counted: list[npt.NDArray[np.uint64]]) -> dict[int, int]:
    """Returns the number of sequences of each user who has more than one."""
    keys, counts = np.unique(np.concatenate(counted) if counted else np.empty(0, np.uint64), return_counts=True)
    several = counts > 1
    return dict(zip(keys[several].tolist(), counts[several].tolist(), strict=True))


def holm(p_values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Adjusts p-values for their number (Holm, 1979).

    Where those below 0.05 after adjustment are called significant, the chance of calling any true null hypothesis so
    is at most 0.05, however the tests depend on each other.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]

    Args:
        p_values: p-value of each test, float [tests].

    Returns:
        Adjusted p-values in the order given, float64 [tests].

    Raises:
        ValueError: if one is not between 0 and 1.
    """
    p = np.asarray(p_values, np.float64)
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        raise ValueError(f"p_values: must be between 0 and 1. Received: {p[wrong][0]}")
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
