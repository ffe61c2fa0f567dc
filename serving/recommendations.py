"""What a model is asked and what it answers, whichever way it is reached."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from schemas import sequences
from schemas.served_model import (
    ALLOW_ITEM_IDS,
    EXCLUDE_ITEM_IDS,
    ITEM,
    PERIOD_ITEM,
    RANK_ALLOWED,
    RECOMMEND_UNSEEN,
    SCENE,
    SERVING_DEFAULT,
)

NOTHING = ""
"""The id in a place of an answer that nothing fills, and in a place of a request that is padding."""

SHOWN_IDS = 3
"""How many ids a note shows."""

_INFINITE = 1e39  # above any float32


@dataclasses.dataclass(frozen=True)
class Question:
    """What one user did, and what may come back.

    Attributes:
        items: raw item ids of the history, oldest first.
        scenes: raw scene ids of the history, one an item.
        unseen: whether items of the history are left out.
        exclude: more items to leave out; needs `unseen`.
        period: whether the items of the future window are wanted beside the next ones.
        only: the only items to rank, seen or not; all if it is empty. Not together with `unseen`.
    """

    items: Sequence[str]
    scenes: Sequence[str]
    unseen: bool = False
    exclude: Sequence[str] = ()
    period: bool = False
    only: Sequence[str] = ()

    @property
    def signature(self) -> str:
        """The signature that answers the question."""
        if self.unseen:
            return RECOMMEND_UNSEEN
        return RANK_ALLOWED if self.only else SERVING_DEFAULT

    def make_inputs(self) -> dict[str, list[list[str]]]:
        """Returns the inputs of `signature`, one row each."""
        inputs = {sequences.HISTORY_ITEM_IDS: [list(self.items)], sequences.HISTORY_SCENE_IDS: [list(self.scenes)]}
        if self.unseen:
            # Padding rather than no value: some servers cannot tell the shape of an empty list.
            inputs[EXCLUDE_ITEM_IDS] = [list(self.exclude) or [NOTHING]]
        elif self.only:
            inputs[ALLOW_ITEM_IDS] = [list(self.only)]
        return inputs


@dataclasses.dataclass(frozen=True)
class Recommendations:
    """What one user may want next, best first.

    Attributes:
        items: raw ids and scores of the next items.
        scenes: raw ids and scores of the next scenes.
        item_names: names of items for people, by raw id; items may lack one.
        notes: sentences that a person has to read to understand the answer.
        period_items: raw ids and scores of the items of the future window; None where these were not asked for.
    """

    items: list[tuple[str, float]]
    scenes: list[tuple[str, float]]
    item_names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    period_items: list[tuple[str, float]] | None = None

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any], top: int, question: Question) -> "Recommendations":
        """Reads the answer of a model to a question.

        Args:
            outputs: those of `schemas.served_model.RANKINGS`, each with one row; those of the period only where they
                are wanted.
            top: how many to return at most.
            question: what was asked.

        Returns:
            The answer, with a note about items that were to be ranked and are not.

        Raises:
            ValueError: if the outputs are something else; names the first that is wrong.
        """
        items, scenes = (_read_ranking(outputs, kind) for kind in (ITEM, SCENE))
        period_items = _read_ranking(outputs, PERIOD_ITEM)[:top] if question.period else None
        notes = _note_unranked(question.only, {raw_id for raw_id, _ in items}) if question.only else ()
        return cls(items[:top], scenes[:top], notes=notes, period_items=period_items)


def _note_unranked(wanted: Sequence[str], ranked: Set[str]) -> tuple[str, ...]:
    """Returns a note about items that were to be ranked and are not, if there are any.

    Raises:
        ValueError: if others were ranked.
    """
    distinct = dict.fromkeys(wanted)
    if others := ranked - distinct.keys():
        raise ValueError(f"item_ids: expected items of the list alone. Received: {min(others)!r}")
    missing = [raw_id for raw_id in distinct if raw_id not in ranked]
    if not missing:
        return ()
    shown = ", ".join(map(repr, missing[:SHOWN_IDS]))
    return (
        f"{len(missing)} of {len(distinct)} items cannot be ranked: they are not in the catalogue of the model, "
        f"or the user has had them and the model never recommends an item again. Received: {shown}",
    )


def _read_ranking(outputs: Mapping[str, Any], kind: str) -> list[tuple[str, float]]:
    ids = _read_row(outputs, f"{kind}_ids", lambda value: isinstance(value, str))
    scores = _read_row(outputs, f"{kind}_scores", _is_score)
    if len(ids) != len(scores):
        raise ValueError(f"{kind}_ids: expected as many as {kind}_scores, {len(scores)}. Received: {len(ids)}")
    return [(raw_id, float(score)) for raw_id, score in zip(ids, scores, strict=True) if raw_id != NOTHING]


def _read_row(outputs: Mapping[str, Any], name: str, fits: Callable[[Any], bool]) -> list[Any]:
    rows = outputs.get(name)
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], list):
        raise ValueError(f"{name}: expected one row. Received: {str(rows)[:80]}")
    wrong = [value for value in rows[0] if not fits(value)]
    if wrong:
        raise ValueError(f"{name}: expected {'ids' if name.endswith('_ids') else 'numbers'}. Received: {wrong[0]!r}")
    return rows[0]


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _INFINITE
