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

from schemas.identity import splitmix64

REPLICATES = 1000
"""Number of replicates: enough to know the ends of a 95% interval to about a tenth of its length."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def poisson_weights(users: Iterable[bytes | str], replicates: int = REPLICATES) -> npt.NDArray[np.float32]:
    """Returns how often each replicate draws each user.

    Args:
        users: ids of the users.
        replicates: number R of replicates.

    Returns:
        float32 [users, R] of small whole numbers, Poisson(1) distributed over users and over replicates.
    """
    steps = np.arange(1, replicates + 1, dtype=np.uint64) * _GAMMA
    bits = splitmix64(user_keys(users)[:, np.newaxis] + steps)
    return np.searchsorted(_THRESHOLDS, bits, side="right").astype(np.float32)


def user_keys(users: Iterable[bytes | str]) -> npt.NDArray[np.uint64]:
    """Returns a number for each user that looks random and depends on the id alone, uint64 [users]."""
    return np.array([_hash(user) for user in users], np.uint64)


def interval(replicated: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Returns the percentile 95% interval of the replicates of an estimate, float [R]; see `intervals`."""
    low, high = intervals(replicated[:, np.newaxis])
    return float(low[0]), float(high[0])


def intervals(replicated: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the percentile 95% intervals of V estimates, float [V] and [V], from their replicates, float [R, V].

    A replicate that drew none of the users who matter is NaN and does not count. Where all replicates are NaN, the
    interval is NaN.
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


def _hash(user: bytes | str) -> int:
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
    """Sums of quantities over all sequences and over the draws of each replicate.

    A metric is the ratio of two sums, of its values and of what they are a mean over. Only sums are kept, so memory
    does not grow with the number of sequences.

    Args:
        denominators: which of D denominators each of V quantities belongs to, int [V].
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
            weights: draws of the users, float32 [batch, R], by `poisson_weights`.
        """
        # In double precision, so that a metric that is the same for all users comes out the same in all replicates.
        drawn = np.concatenate([np.ones([len(weights), 1]), weights], axis=1).T
        self._values += drawn @ values.astype(np.float64)
        self._denominators += drawn @ denominators.astype(np.float64)

    def ratios(self) -> npt.NDArray[np.float64]:
        """Returns each metric over all sequences, first, and in each replicate: float64 [1 + R, V]; NaN over 0."""
        below = self._denominators[:, self._of]
        # A mean over nothing is NaN, and so is a ratio to nothing, which would be infinite.
        return np.divide(self._values, below, out=np.full_like(below, np.nan), where=below > 0)

    def totals(self) -> npt.NDArray[np.float64]:
        """Returns the denominators over all sequences, float64 [D]."""
        return self._denominators[0]


def estimates(ratios: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the values of all metrics and the ends of their intervals, float64 [V, 3], from `ratios`."""
    return np.stack([ratios[0], *intervals(ratios[1:])], axis=1)


def estimate(ratios: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Returns the value of a metric and its 95% interval, from a column of `ratios` or a difference of two."""
    if math.isnan(ratios[0]):
        return math.nan, math.nan, math.nan
    return float(ratios[0]), *interval(ratios[1:])
