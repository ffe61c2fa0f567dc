"""One metric of two runs: the paired difference, how sure it is, and the sums from which that comes."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from model.evaluation.bootstrap import BootstrapSums, estimate


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


SIGNIFICANCE = 0.05
ROUNDING = 1e-6
"""Two float32 values that differ by less, relative to the larger or to 1, are the same number computed twice."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over sequences and how sure it is.

    Attributes:
        value: the mean.
        low: lower end of its bootstrap 95% interval over users; None where there are fewer than two users.
        high: upper end.
    """

    value: float
    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """A metric of two runs on the sequences that both have measured.

    Attributes:
        reference: of the first run.
        other: of the other run.
        difference: other minus reference, paired by sequence.
        p_value: of the paired t-test on users, two-sided; None where there are fewer than two users.
        adjusted: the p-value after Holm's correction for all tests of a `Comparisons`; None likewise.
        sequences: measured by both.
        users: whose they are.
        higher: share of them in which the other run has the higher value.
        lower: share of them in which it has the lower value.
        measured_by_one: sequences that one run has measured and the other has not; they are left out.
    """

    reference: Estimate
    other: Estimate
    difference: Estimate
    p_value: float | None
    adjusted: float | None
    sequences: int
    users: int
    higher: float
    lower: float
    measured_by_one: int

    @property
    def equal(self) -> float:
        """Share of the sequences in which both have the same value."""
        return max(0.0, 1.0 - self.higher - self.lower)

    @property
    def significant(self) -> bool:
        """Whether the difference stays significant after Holm's correction."""
        return self.adjusted is not None and self.adjusted < SIGNIFICANCE

    @property
    def identical(self) -> bool:
        """Whether the two have the same value for every sequence."""
        return self.higher == self.lower == 0.0 and not self.measured_by_one


class Pairs:
    """Adds up what two runs measured, block by block of sequences.

    Args:
        columns: number C of metrics.
    """

    def __init__(self, columns: int):
        self._sums = BootstrapSums(np.tile(np.arange(columns), 2))
        self._by_user = UserSums(columns)
        self._higher, self._lower, self._by_one = np.zeros((3, columns), np.int64)
        self._columns = columns

    def add(
        self,
        own: npt.NDArray[np.float64],
        its: npt.NDArray[np.float64],
        inside: npt.NDArray[np.bool_],
        starts: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float32],
    ) -> None:
        """Adds a block of sequences, those of a user side by side and all in one block.

        Args:
            own: values of the reference, float64 [block, C]; NaN where not measured.
            its: values of the other run, likewise.
            inside: bool [block, C], which sequences each column is about.
            starts: int64 [users], where in the block each user begins.
            weights: float32 [block, R] of `model.evaluation.bootstrap.poisson_weights`.
        """
        known, its_known = ~np.isnan(own), ~np.isnan(its)
        measured = known & its_known & inside
        own, its = np.where(measured, own, 0.0), np.where(measured, its, 0.0)
        scale = np.maximum(1.0, np.maximum(np.abs(own), np.abs(its)))
        its = np.where(np.abs(its - own) <= ROUNDING * scale, own, its)
        self._sums.add(np.concatenate([own, its], axis=1), measured, weights)
        self._by_user.add(its - own, measured, starts)
        self._higher += np.count_nonzero(its > own, axis=0)
        self._lower += np.count_nonzero(its < own, axis=0)
        self._by_one += np.count_nonzero((known ^ its_known) & inside, axis=0)

    def differences(self) -> list[PairedDifference | None]:
        """Returns the difference in each column; None where no sequence was measured by both."""
        ratios = self._sums.ratios()
        own, its = ratios[:, : self._columns], ratios[:, self._columns :]
        numbers, p_values = self._sums.totals(), self._by_user.p_values()
        return [
            None
            if not numbers[c]
            else PairedDifference(
                reference=_estimate(own[:, c], self._by_user.users[c]),
                other=_estimate(its[:, c], self._by_user.users[c]),
                difference=_estimate(its[:, c] - own[:, c], self._by_user.users[c]),
                p_value=None if math.isnan(p_values[c]) else float(p_values[c]),
                adjusted=None,
                sequences=int(numbers[c]),
                users=int(self._by_user.users[c]),
                higher=float(self._higher[c] / numbers[c]),
                lower=float(self._lower[c] / numbers[c]),
                measured_by_one=int(self._by_one[c]),
            )
            for c in range(self._columns)
        ]


def _estimate(ratios: npt.NDArray[np.float64], users: int) -> Estimate:
    value, low, high = estimate(ratios)
    # One user gives an interval without width, which would pass for certainty.
    return Estimate(value, low, high) if users > 1 else Estimate(value, None, None)
