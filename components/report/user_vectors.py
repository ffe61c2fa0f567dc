"""What the model makes of users, as the exported model tells it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.report.shown_users import ShownUser
from schemas.catalogue import Catalogue
from schemas.identity import PAD_FINGERPRINT, fingerprints

BATCH_SIZE = 256

Int64s: TypeAlias = npt.NDArray[np.int64]


def embed(model: Any, users: Sequence[ShownUser], items: Catalogue, scenes: Catalogue) -> npt.NDArray[np.float32]:
    """Returns the representation z_item of each user (Eq. 3), float32 [users, item_dim].

    Args:
        model: exported by `model.export.saved_model`.
        users: at least one.
        items: the catalogue of its items.
        scenes: the catalogue of its scenes.
    """
    item_id, scene_id = _namer(items), _namer(scenes)
    # Histories of about one length together, so that little is padded.
    order = sorted(range(len(users)), key=lambda place: len(users[place].history_items))
    parts = []
    for start in range(0, len(users), BATCH_SIZE):
        batch = [users[place] for place in order[start : start + BATCH_SIZE]]
        histories = (
            item_id(pad([user.history_items for user in batch])),
            scene_id(pad([user.history_scenes for user in batch])),
        )
        parts.append(model.embed_users(*map(tf.constant, histories))["z_item"].numpy())
    vectors = np.concatenate(parts)
    result = np.empty_like(vectors)
    result[order] = vectors
    return result


def recommend(model: Any, users: Sequence[ShownUser], most: int) -> Iterator[list[tuple[str, float]]]:
    """Yields the items that the model recommends to each user, with their scores, best first.

    Args:
        model: exported by `model.export.saved_model`.
        users: at least one.
        most: how many items at most.
    """
    histories = (pad([user.history_items for user in users]), pad([user.history_scenes for user in users]))
    answer = model.recommend_fingerprints(*map(tf.constant, histories))
    for ids, scores in zip(answer["item_ids"].numpy(), answer["item_scores"].numpy().tolist(), strict=True):
        pairs = [(raw_id.decode(), score) for raw_id, score in zip(ids, scores, strict=True) if raw_id]
        yield pairs[:most]


def pad(rows: Sequence[Int64s]) -> Int64s:
    """Returns rows of different lengths as one array, filled with `PAD_FINGERPRINT` on the right."""
    result = np.full([len(rows), max(map(len, rows))], PAD_FINGERPRINT, np.int64)
    for target, row in zip(result, rows, strict=True):
        target[: len(row)] = row
    return result


def _namer(catalogue: Catalogue) -> Callable[[Int64s], npt.NDArray[np.object_]]:
    """Returns a function from padded fingerprints to raw ids.

    All fingerprints outside the catalogue get one id that is outside as well: the model cannot tell them apart.
    """
    stranger = "?"
    while np.isin(fingerprints([stranger]), catalogue.fingerprints)[0]:
        stranger += "?"
    order = np.argsort(catalogue.fingerprints)
    ordered = catalogue.fingerprints[order]

    def names(prints: Int64s) -> npt.NDArray[np.object_]:
        place = np.minimum(np.searchsorted(ordered, prints), len(ordered) - 1)
        known = np.where(ordered[place] == prints, catalogue.ids[order[place]], stranger)
        return np.where(prints == PAD_FINGERPRINT, "", known)

    return names
