"""Holm's correction: p-values of many tests, made comparable with the level of one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def holm(p_values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Adjusts p-values for their number (Holm, 1979).

    Where those below 0.05 after adjustment are called significant, the chance of calling any true null hypothesis so
    is at most 0.05, however the tests depend on each other.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]

    Args:
        p_values: of each test, float [tests].

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
