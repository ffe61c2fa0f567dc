"""Recommendations as a table for people."""

import unicodedata

from serving.recommendations import Recommendations

_JOINERS = "\u200c\u200d"
"""Invisible characters that some scripts, and emoji, need inside a word."""

_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that would move the cursor, or turn the direction of the line."""


def format_table(recommendations: Recommendations) -> str:
    """Writes recommendations for people, items and scenes side by side.

    Columns stay aligned for ids in any script; characters that would break the table are shown as Python writes them.
    """
    columns = [_column("item", recommendations.items), _column("scene", recommendations.scenes)]
    height = max(map(len, columns))
    blank = " " * display_width(columns[0][0])
    rows = []
    for place in range(height):
        left, right = (column[place] if place < len(column) else "" for column in columns)
        rank = str(place) if place else ""
        rows.append(f"{rank:>4}  {left or blank}   {right}".rstrip())
    return "\n".join(rows)


def display_width(text: str) -> int:
    """Returns how many cells of a terminal a text takes: a wide character two, an accent that combines none.

    >>> display_width("milk"), display_width("牛乳")
    (4, 4)
    """
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if character in _JOINERS or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _column(title: str, ranked: list[tuple[str, float]]) -> list[str]:
    shown = [(_shown(raw_id), f"{score:.3f}") for raw_id, score in ranked]
    width = max(map(display_width, [title, *(raw_id for raw_id, _ in shown)]))
    digits = max(map(len, ["score   ", *(score for _, score in shown)]))
    lines = [(title, "score"), *shown]
    return [f"{text}{' ' * (width - display_width(text))}  {score:>{digits}}" for text, score in lines]


def _shown(raw_id: str) -> str:
    def escape(character: str) -> str:
        unprintable = unicodedata.category(character) in _UNPRINTABLE and character not in _JOINERS
        return ascii(character)[1:-1] if unprintable else character

    return "".join(map(escape, raw_id))
