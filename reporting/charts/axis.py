"""The marks of an axis, and the picture around them."""

from collections.abc import Iterable

from markupsafe import Markup

from reporting.charts.scale import Scale


def rows(up: Scale, left: float, right: float) -> list[Markup]:
    """Returns a line across for each mark of a vertical axis, with its value before it."""
    line = Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick end" x="{}" y="{}">{}</text>')
    return [line.format(left, right, up(v), up(v), left - 6, round(up(v) + 4, 1), text) for v, text in up.marks()]


def columns(across: Scale, top: float, bottom: float) -> list[Markup]:
    """Returns a line upwards for each mark of a horizontal axis, with its value below it."""
    path = "".join(f"M{across(v)} {top}V{bottom}" for v, _ in across.marks())
    lines = Markup('<path class="grid" d="{}"/>').format(path)
    return [lines, *(tick(across(v), bottom + 16, text) for v, text in across.marks())]


def tick(x: float, y: float, text: object) -> Markup:
    """Returns a small text around a place."""
    return Markup('<text class="tick mid" x="{}" y="{}">{}</text>').format(x, y, text)


def picture(width: float, height: float, title: str, parts: Iterable[Markup], grows: float = 1.25) -> Markup:
    """Returns the chart.

    Args:
        width: of the drawing, in its units.
        height: likewise.
        title: read out instead of the picture.
        parts: what is drawn, from back to front.
        grows: how many pixels a unit may become; texts of 11 units should neither shout nor vanish.
    """
    svg = Markup('<svg role="img" viewBox="0 0 {} {}" style="max-width:{}px"><title>{}</title>{}</svg>')
    return svg.format(width, height, round(width * grows), title, Markup("").join(parts))
