"""Names of things on a chart: what has no room is cut."""

import unicodedata

from markupsafe import Markup

LONGEST = 18
"""Room for a label, in characters of ordinary width."""


def named(label: str, x: float, y: float) -> Markup:
    """Returns a label that ends at a place; the whole of it is told when pointed at."""
    shown = shortened(label)
    whole = Markup("<title>{}</title>").format(label) if shown != label else ""
    return Markup('<text class="label end" x="{}" y="{}">{}{}</text>').format(x, y, shown, whole)


def shortened(label: str, room: int = LONGEST) -> str:
    """Returns a label that has room, on one line.

    >>> shortened("a very long name of a scene"), shortened("直播直播直播直播直播直播")
    ('a very long name …', '直播直播直播直播…')
    """
    label = " ".join(label.split())
    if sum(map(_width, label)) <= room:
        return label
    used, kept = 1, []
    for character in label:
        used += _width(character)
        if used > room:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _width(character: str) -> int:
    """Ideographs and emoji take the room of two letters."""
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
