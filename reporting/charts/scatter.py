"""A scatter plot: where points lie, by group."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from reporting.charts import axis
from reporting.charts.scale import spanning

WIDTH, HEIGHT, MARGIN = 480, 400, 8

Points = Sequence[tuple[float, float]]


def scatter(title: str, groups: Mapping[str, Points]) -> Markup:
    """Draws points without axes, whose units mean nothing.

    Args:
        title: read out instead of the picture.
        groups: places (x, y) by the class of the group's colour.
    """
    every = [point for points in groups.values() for point in points]
    across = spanning([x for x, _ in every], MARGIN, WIDTH - MARGIN)
    up = spanning([y for _, y in every], HEIGHT - MARGIN, MARGIN)
    parts = []
    for style, points in groups.items():
        # A line of no length with round ends is a dot, at a tenth of the bytes of a circle.
        path = "".join(f"M{across(x)} {up(y)}h0" for x, y in points)
        parts.append(Markup('<path class="points {}" d="{}"/>').format(style, path))
    return axis.picture(WIDTH, HEIGHT, title, parts)
