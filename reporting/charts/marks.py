"""A mark at a place: each style has its own shape, so that nobody needs its colour to tell it."""

from markupsafe import Markup

_SIZE = 3.5
_SHAPES = {
    "s2": "M{left} {top}h{side}v{side}h-{side}z",
    "s3": "M{x} {above}L{after} {y}L{x} {below}L{before} {y}z",
    "s4": "M{x} {above}L{after} {bottom}L{before} {bottom}z",
}


def mark(style: str, x: float, y: float) -> Markup:
    """Returns a dot, a square, a diamond or a triangle around a place, for the styles s1, s2, s3 and s4.

    >>> mark("s1", 10, 20)
    Markup('<circle class="dot" cx="10" cy="20" r="3.5"/>')
    """
    shape = _SHAPES.get(style)
    if shape is None:
        return Markup('<circle class="dot" cx="{}" cy="{}" r="{}"/>').format(x, y, _SIZE)
    tip = _SIZE + 1
    places = {"left": x - 3, "top": y - 3, "before": x - tip, "after": x + tip, "above": y - tip, "below": y + tip}
    rounded = {name: round(place, 1) for name, place in {**places, "x": x, "y": y, "bottom": y + _SIZE}.items()}
    return Markup('<path class="dot" d="{}"/>').format(shape.format(**rounded, side=6))
