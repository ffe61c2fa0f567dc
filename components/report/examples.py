"""Example users: what they did, what the model would have recommended, and what they did next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from components.report.shown_users import ShownUser
from schemas.identity import fingerprints

USERS = 10
EVENTS = 10
"""How many of the latest events of a history, of the first of a future, and of recommendations are shown."""


def examples(
    users: Sequence[ShownUser],
    recommended: Iterable[list[tuple[str, float]]],
    item_ids: Mapping[int, str],
    scene_ids: Mapping[int, str],
    names: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Puts the examples together.

    Args:
        users: whom to show.
        recommended: raw ids and scores for each of them, best first.
        item_ids: raw ids of at least the events shown, by fingerprint.
        scene_ids: likewise.
        names: of items that have one, by raw id.

    Returns:
        A dictionary each: ``user``, ``group``, ``history`` and ``history_length``, ``recommended``, ``truth`` and
        ``future_length``. A recommendation is a ``hit`` if it is anywhere in the future, also beyond what is shown.
    """

    def event(item: int, scene: int) -> dict[str, Any]:
        raw_id = item_ids[item]
        return {"item": raw_id, "name": names.get(raw_id), "scene": scene_ids[scene]}

    result = []
    for user, ranked in zip(users, recommended, strict=True):
        prints = fingerprints([raw_id for raw_id, _ in ranked]).tolist()
        future = set(user.future_items.tolist())
        past, coming = shown(user)
        result.append(
            {
                "user": user.user,
                "group": user.group,
                "history": [event(item, scene) for item, scene in past],
                "history_length": len(user.history_items),
                "recommended": [
                    {"item": raw_id, "name": names.get(raw_id), "score": score, "hit": print_ in future}
                    for (raw_id, score), print_ in zip(ranked, prints, strict=True)
                ],
                "truth": [{**event(item, scene), "hit": item in prints} for item, scene in coming],
                "future_length": len(user.future_items),
            }
        )
    return result


def shown(user: ShownUser) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Returns the (item, scene) fingerprints of the events of history and future that are shown, oldest first."""
    past = zip(user.history_items[-EVENTS:].tolist(), user.history_scenes[-EVENTS:].tolist(), strict=True)
    coming = zip(user.future_items[:EVENTS].tolist(), user.future_scenes[:EVENTS].tolist(), strict=True)
    return list(past), list(coming)
