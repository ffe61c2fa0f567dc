"""Recommendations as a table for people."""

import itertools
import unicodedata
from collections.abc import Mapping

from reporting.table import Column, Row, Table
from serving.recommendations import Recommendations

_JOINERS = "\u200c\u200d"
"""Invisible characters that some scripts, and emoji, need inside a word."""

_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that would move the cursor, or turn the direction of the line."""


def format_table(recommendations: Recommendations) -> str:
    """Returns recommendations for people: items and scenes side by side, and notes below them.

    The items of the future window, where they were asked for, stand between the next items and the scenes.

    Items have a column of names if any is known. Characters that would break the table are shown as Python writes
    them.
    """
    names: Mapping[str, str] = recommendations.item_names
    ranked = [("item", recommendations.items, names), ("scene", recommendations.scenes, {})]
    if recommendations.period_items is not None:
        ranked.insert(1, ("item of the period", recommendations.period_items, names))
    titles = [""]
    for title, _, named in ranked:
        titles += [title, *(["name"] if named else []), "score"]
    rows = []
    for rank, places in enumerate(itertools.zip_longest(*(ranking for _, ranking, _ in ranked)), start=1):
        cells = [_format_place(place, named) for place, (_, _, named) in zip(places, ranked, strict=True)]
        rows.append(Row((str(rank), *itertools.chain.from_iterable(cells))))
    columns = [Column(title, words=title != "score") for title in titles]
    return Table(tuple(columns), tuple(rows), notes=recommendations.notes).to_text()


def _format_place(place: tuple[str, float] | None, names: Mapping[str, str]) -> list[str]:
    """Returns the cells of one place of a ranking: the id, the name if any is known, and the score."""
    raw_id, score = place or ("", None)
    named = [_escape(names.get(raw_id, ""))] if names else []
    return [_escape(raw_id), *named, "" if score is None else f"{score:.3f}"]


def _escape(text: str) -> str:
    def escape(character: str) -> str:
        unprintable = unicodedata.category(character) in _UNPRINTABLE and character not in _JOINERS
        return ascii(character)[1:-1] if unprintable else character

    return "".join(map(escape, text))
