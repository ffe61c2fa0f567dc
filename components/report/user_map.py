"""A map of users by their representations, after Figure 4 of the paper."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SEED = 7
PERPLEXITY = 30.0
FEWEST_USERS = 3


def user_map(vectors: npt.NDArray[np.float32], groups: Sequence[str]) -> dict[str, Any]:
    """Lays users out so that neighbours stay neighbours (t-SNE).

    Args:
        vectors: z_item of each user, [users, item_dim].
        groups: group of each user.

    Returns:
        ``method``, in words, and ``points``: ``x``, ``y`` and ``group`` of each user. There are no points of fewer
        than three users, or when all their vectors are alike.
    """
    number = len(vectors)
    perplexity = min(PERPLEXITY, max((number - 1) // 3, 1))
    places = np.empty([0, 2])
    if number >= FEWEST_USERS and np.ptp(vectors, axis=0).any():
        places = _tsne(vectors, perplexity)
    return {
        "method": f"t-SNE of z_item, perplexity {perplexity:g}, seed {SEED}",
        "points": [
            {"x": round(x, 4), "y": round(y, 4), "group": group}
            for (x, y), group in zip(places.astype(float).tolist(), groups, strict=False)
        ],
    }


def _tsne(vectors: npt.NDArray[np.float32], perplexity: float) -> npt.NDArray[np.float32]:
    # Imported here: whoever compiles a pipeline imports this module, and should not wait for scikit-learn.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start = "pca" if vectors.shape[1] > 1 else "random"
    # Threads add up in any order, and t-SNE makes much of the smallest difference.
    with threadpool_limits(1):
        return TSNE(perplexity=perplexity, init=start, random_state=SEED).fit_transform(vectors)
