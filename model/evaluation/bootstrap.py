"""The Poisson bootstrap: intervals of means over users, in one pass and with memory that does not grow with users.

A replicate gives each user a weight, how often the user was drawn. With replacement among many users that number is
Poisson(1), independently of all others, so no replicate has to see all users at once (Hanley and MacGibbon, 2006;
Chamandy et al., 2012). Here a weight is a pure function of the user and the replicate, which makes intervals
independent of the order and the batches in which users come, and pairs the replicates of all models: the same users
are drawn for each.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from schemas.identity import splitmix64

REPLICATES = 1000
"""Enough for the ends of a 95% interval to be known to about a tenth of its length."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def poisson_weights(users: Iterable[bytes | str], replicates: int = REPLICATES) -> npt.NDArray[np.float32]:
    """Returns how often each replicate draws each user.

    Args:
        users: ids.
        replicates: number R of replicates.

    Returns:
        float32 [users, R] of small whole numbers, Poisson(1) distributed over users and over replicates.
    """
    steps = np.arange(1, replicates + 1, dtype=np.uint64) * _GAMMA
    bits = splitmix64(user_keys(users)[:, np.newaxis] + steps)
    return np.searchsorted(_THRESHOLDS, bits, side="right").astype(np.float32)


def user_keys(users: Iterable[bytes | str]) -> npt.NDArray[np.uint64]:
    """Returns a number for each user that looks random and depends on the id alone, uint64 [users]."""
    return np.array([_key(user) for user in users], np.uint64)


def interval(replicated: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Returns the percentile 95% interval of the replicates of an estimate, float [R]; see `intervals`."""
    low, high = intervals(replicated[:, np.newaxis])
    return float(low[0]), float(high[0])


def intervals(replicated: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the percentile 95% intervals of V estimates, float [V] and [V], from their replicates, float [R, V].

    A replicate is NaN when it drew nobody of those who matter; it does not count. Where all are, the interval is NaN.
    """
    ordered = np.sort(replicated, axis=0)  # NaN comes last
    known = np.count_nonzero(~np.isnan(replicated), axis=0)
    ends = []
    for share in (0.025, 0.975):
        place = share * np.maximum(known - 1, 0)  # between two replicates, as `numpy.quantile` has it
        below = place.astype(int)
        low, high = (
            np.take_along_axis(ordered, row[np.newaxis], axis=0)[0]
            for row in (below, np.minimum(below + 1, np.maximum(known - 1, 0)))
        )
        ends.append(low + (place - below) * (high - low))
    return ends[0], ends[1]


def _key(user: bytes | str) -> int:
    data = user.encode("utf-8") if isinstance(user, str) else user
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _thresholds() -> npt.NDArray[np.uint64]:
    """Cumulative probabilities of Poisson(1) in units of 2**-64, as far as 64 bits tell them from 1."""
    cumulative, terms = 0.0, []
    for count in range(18):
        cumulative += math.exp(-1) / math.factorial(count)
        terms.append(min(int(cumulative * 2.0**64), 2**64 - 1))
    return np.array(terms, np.uint64)


_THRESHOLDS = _thresholds()


class BootstrapSums:
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
    """Returns the values of all metrics and the ends of their intervals, float64 [V, 3], from `ratios`."""
    return np.stack([ratios[0], *intervals(ratios[1:])], axis=1)


def estimate(ratios: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Returns the value of a metric and its 95% interval, from a column of `ratios` or a difference of two."""
    if math.isnan(ratios[0]):
        return math.nan, math.nan, math.nan
    return float(ratios[0]), *interval(ratios[1:])
