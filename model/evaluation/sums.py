"""Weighted sums over sequences, from which means, their intervals and paired differences come."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from model.evaluation.bootstrap import REPLICATES, interval, intervals


class Sums:
    """Sums of some quantities over all sequences and over the draws of each replicate.

    A metric is the ratio of two sums, of its values and of what they are a mean over. Only sums are kept, so memory
    does not grow with the number of sequences.

    Args:
        denominators: int [V], which of D denominators each of V quantities belongs to.
    """

    def __init__(self, denominators: Sequence[int] | npt.NDArray[np.int64]):
        self._of = np.asarray(denominators, np.int64)
        self._values = np.zeros([1 + REPLICATES, len(self._of)])
        self._denominators = np.zeros([1 + REPLICATES, int(self._of.max(initial=-1)) + 1])

    def add(
        self,
        values: npt.NDArray[np.float32],
        denominators: npt.NDArray[np.float32],
        weights: npt.NDArray[np.float32],
    ) -> None:
        """Adds a batch.

        Args:
            values: float32 [batch, V].
            denominators: float32 [batch, D].
            weights: float32 [batch, R] of `model.evaluation.bootstrap.poisson_weights`.
        """
        # In double precision: a metric that is the same for all must come out the same in all replicates.
        drawn = np.concatenate([np.ones([len(weights), 1]), weights], axis=1).T
        self._values += drawn @ values.astype(np.float64)
        self._denominators += drawn @ denominators.astype(np.float64)

    def ratios(self) -> npt.NDArray[np.float64]:
        """Returns each metric over all sequences, first, and in each replicate: float64 [1 + R, V]; NaN over 0."""
        below = self._denominators[:, self._of]
        # Of nothing there is no mean, and no number times nothing either: infinity is as little a value as NaN.
        return np.divide(self._values, below, out=np.full_like(below, np.nan), where=below > 0)

    def totals(self) -> npt.NDArray[np.float64]:
        """Returns the denominators over all sequences, float64 [D]."""
        return self._denominators[0]


class PairedSums:
    """Sums of the differences of two rankers, sequence by sequence, for a paired t-test.

    Args:
        values: number V of quantities.
    """

    def __init__(self, values: int):
        self._sum, self._squares = np.zeros(values), np.zeros(values)

    def add(self, differences: npt.NDArray[np.float32]) -> None:
        """Adds a batch, float32 [batch, V], 0 where a quantity is not measured."""
        self._sum += differences.sum(axis=0, dtype=np.float64)
        self._squares += np.square(differences, dtype=np.float64).sum(axis=0)

    def p_values(self, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Returns the two-sided p-value of the paired t-test, float64 [V]; 1 where the two never differ.

        Args:
            numbers: float64 [V], how many sequences each quantity was measured on.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self._sum / numbers
            variance = (self._squares - numbers * mean**2) / (numbers - 1)
            t = mean / np.sqrt(np.maximum(variance, 0.0) / numbers)
            p = 2 * stats.t.sf(np.abs(t), numbers - 1)
        return np.where(self._squares == 0, 1.0, p)


def estimates(ratios: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the values of all metrics and the ends of their intervals, float64 [V, 3], from `Sums.ratios`."""
    return np.stack([ratios[0], *intervals(ratios[1:])], axis=1)


def estimate(ratios: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Returns the value of a metric and its 95% interval, from a column of `Sums.ratios` or a difference of two."""
    if math.isnan(ratios[0]):
        return math.nan, math.nan, math.nan
    return float(ratios[0]), *interval(ratios[1:])
