"""Asks a pushed model, in this process, what a user with a given history wants next."""

import dataclasses
import os
import warnings
from typing import Any


@dataclasses.dataclass(frozen=True)
class Recommendations:
    """What one user may want next, best first.

    Attributes:
        items: raw ids and scores.
        scenes: likewise.
    """

    items: list[tuple[str, float]]
    scenes: list[tuple[str, float]]


def find_version(model: str) -> str:
    """Returns the folder of a SavedModel, given that folder or the one that holds its versions.

    Raises:
        FileNotFoundError: if there is no model.
    """
    if os.path.isfile(os.path.join(model, "saved_model.pb")):
        return model
    names = os.listdir(model) if os.path.isdir(model) else []
    versions = [
        name for name in names if name.isdigit() and os.path.isfile(os.path.join(model, name, "saved_model.pb"))
    ]
    if not versions:
        raise FileNotFoundError(
            f"--model: no SavedModel in {model!r}; expected saved_model.pb, or folders of versions "
            f"such as 1732406400 that "
            "hold it. A run prints where it pushed its model"
        )
    return os.path.join(model, max(versions, key=int))


def recommend(model: str, items: list[str], scenes: list[str], top: int) -> Recommendations:
    """Loads a model and asks it.

    Args:
        model: folder of a SavedModel, or of its versions, of which the latest is taken.
        items: raw item ids of the history, oldest first.
        scenes: the scene of each.
        top: how many to return at most; the model itself returns a fixed number.

    Raises:
        FileNotFoundError: if there is no model.
    """
    folder = find_version(model)
    # What libraries say about the machine while they are imported helps nobody here; errors are exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

    loaded = tf.saved_model.load(folder)
    outputs = loaded.signatures["serving_default"](
        history_item_ids=tf.constant([items]), history_scene_ids=tf.constant([scenes])
    )
    return Recommendations(*(_ranked(outputs, kind, top) for kind in ("item", "scene")))


def format_table(recommendations: Recommendations) -> str:
    """Writes recommendations for people, items and scenes side by side."""
    columns = [_column("item", recommendations.items), _column("scene", recommendations.scenes)]
    height = max(map(len, columns))
    rows = []
    for place in range(height):
        cells = [column[place] if place < len(column) else "" for column in columns]
        rank = str(place) if place else ""
        rows.append(f"{rank:>4}  {cells[0]:<{len(columns[0][0])}}   {cells[1]}".rstrip())
    return "\n".join(rows)


def _ranked(outputs: dict[str, Any], kind: str, top: int) -> list[tuple[str, float]]:
    ids, scores = outputs[f"{kind}_ids"].numpy()[0, :top], outputs[f"{kind}_scores"].numpy()[0, :top]
    return [(raw_id.decode("utf-8"), float(score)) for raw_id, score in zip(ids, scores, strict=True)]


def _column(title: str, ranked: list[tuple[str, float]]) -> list[str]:
    width = max([len(title), *(len(raw_id) for raw_id, _ in ranked)])
    return [f"{title:<{width}}  {'score':>8}", *(f"{raw_id:<{width}}  {score:>8.3f}" for raw_id, score in ranked)]
