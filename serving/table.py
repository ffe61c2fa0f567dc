"""Recommendations as a table for people."""

import itertools
import unicodedata

from reporting.table import Column, Row, Table
from serving.recommendations import Recommendations

_JOINERS = "\u200c\u200d"
"""Invisible characters that some scripts, and emoji, need inside a word."""

_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that would move the cursor, or turn the direction of the line."""


def format_table(recommendations: Recommendations) -> str:
    """Returns recommendations for people: items and scenes side by side, and notes below them.

    Items have a column of names if any is known. Characters that would break the table are shown as Python writes
    them.
    """
    names = recommendations.item_names
    items = [
        (_escape(raw_id), *([_escape(names.get(raw_id, ""))] if names else []), f"{score:.3f}")
        for raw_id, score in recommendations.items
    ]
    scenes = [(_escape(raw_id), f"{score:.3f}") for raw_id, score in recommendations.scenes]
    titles = ("item", *(["name"] if names else []), "score"), ("scene", "score")
    blank = tuple([""] * len(titles[0])), ("", "")
    pairs = itertools.zip_longest(items, scenes)
    rows = [
        Row((str(rank), *(item or blank[0]), *(scene or blank[1]))) for rank, (item, scene) in enumerate(pairs, start=1)
    ]
    columns = [Column(title, words=title != "score") for title in ("", *titles[0], *titles[1])]
    return Table(tuple(columns), tuple(rows), notes=recommendations.notes).to_text()


def _escape(text: str) -> str:
    def escape(character: str) -> str:
        unprintable = unicodedata.category(character) in _UNPRINTABLE and character not in _JOINERS
        return ascii(character)[1:-1] if unprintable else character

    return "".join(map(escape, text))
