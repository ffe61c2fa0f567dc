"""What the exported model makes of users: recommendations, representations, and a map of these (Figure 4)."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.report.content import MapPoint, UserMap
from components.report.users import ShownUser
from schemas.catalogue import Catalogue
from schemas.identity import fingerprints, pad_rows

BATCH_SIZE = 256
SEED = 7
PERPLEXITY = 30.0
FEWEST_USERS = 3
"""Fewest users of which a map is drawn."""

Int64s: TypeAlias = npt.NDArray[np.int64]


def embed_users(model: Any, users: Sequence[ShownUser], items: Catalogue, scenes: Catalogue) -> npt.NDArray[np.float32]:
    """Returns the representation z_item of each user (Eq. 3), float32 [users, item_dim].

    Args:
        model: a model exported by `model.export.saved_model`.
        users: at least one user.
        items: catalogue of the model's items.
        scenes: catalogue of the model's scenes.
    """
    # The model cannot tell apart fingerprints outside the catalogue: all of them get one id that is outside as well.
    unknown_item, unknown_scene = _make_unknown_id(items), _make_unknown_id(scenes)
    # Histories of about one length together, so that little is padded.
    order = sorted(range(len(users)), key=lambda place: len(users[place].history_items))
    parts = []
    for start in range(0, len(users), BATCH_SIZE):
        batch = [users[place] for place in order[start : start + BATCH_SIZE]]
        histories = (
            items.raw_ids(pad_rows([user.history_items for user in batch]), unknown_item),
            scenes.raw_ids(pad_rows([user.history_scenes for user in batch]), unknown_scene),
        )
        times = pad_rows([user.history_times for user in batch], 0), np.concatenate([user.cutoff for user in batch])
        parts.append(model.embed_users(*map(tf.constant, (*histories, *times)))["z_item"].numpy())
    vectors = np.concatenate(parts)
    result = np.empty_like(vectors)
    result[order] = vectors
    return result


def recommend(model: Any, users: Sequence[ShownUser], most: int) -> Iterator[list[tuple[str, float]]]:
    """Yields the items that the model recommends to each user, with their scores, best first.

    Args:
        model: a model exported by `model.export.saved_model`.
        users: at least one user.
        most: most items of a user.
    """
    histories = (pad_rows([user.history_items for user in users]), pad_rows([user.history_scenes for user in users]))
    times = pad_rows([user.history_times for user in users], 0), np.concatenate([user.cutoff for user in users])
    answer = model.recommend_fingerprints(*map(tf.constant, (*histories, *times)))
    for ids, scores in zip(answer["item_ids"].numpy(), answer["item_scores"].numpy().tolist(), strict=True):
        pairs = [(raw_id.decode(), score) for raw_id, score in zip(ids, scores, strict=True) if raw_id]
        yield pairs[:most]


def _make_unknown_id(catalogue: Catalogue) -> str:
    """Returns a raw id that the catalogue does not have."""
    raw_id = "?"
    while catalogue.index_of(fingerprints([raw_id]))[0] != catalogue.unknown_index:
        raw_id += "?"
    return raw_id


def map_users(vectors: npt.NDArray[np.float32], groups: Sequence[str]) -> UserMap:
    """Lays users out so that neighbours stay neighbours (t-SNE).

    Args:
        vectors: z_item of each user, float32 [users, item_dim].
        groups: group of each user.

    Returns:
        A map without points if there are fewer than `FEWEST_USERS` users, or if all vectors are alike.
    """
    number = len(vectors)
    perplexity = min(PERPLEXITY, max((number - 1) // 3, 1))
    places = np.empty([0, 2])
    if number >= FEWEST_USERS and np.ptp(vectors, axis=0).any():
        places = _run_tsne(vectors, perplexity)
    return UserMap(
        method=f"t-SNE of z_item, perplexity {perplexity:g}, seed {SEED}",
        points=tuple(
            MapPoint(round(x, 4), round(y, 4), group)
            for (x, y), group in zip(places.astype(float).tolist(), groups, strict=False)
        ),
    )


def _run_tsne(vectors: npt.NDArray[np.float32], perplexity: float) -> npt.NDArray[np.float32]:
    # Imported here: whoever compiles a pipeline imports this module, and should not wait for scikit-learn.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start = "pca" if vectors.shape[1] > 1 else "random"
    # Threads add up in any order, and t-SNE makes much of the smallest difference.
    with threadpool_limits(1):
        return TSNE(perplexity=perplexity, init=start, random_state=SEED).fit_transform(vectors)
