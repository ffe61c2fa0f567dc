"""A line chart: what a number does from step to step."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from reporting.charts import axis
from reporting.charts.marks import mark
from reporting.charts.scale import Scale, spanning

WIDTH, HEIGHT = 320, 150
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 10, 24
DOTS = 20
"""Of more steps, only the line is drawn."""
NAME = 18
"""Room for the number of a step."""


class Line(NamedTuple):
    """One line.

    Attributes:
        label: what it is.
        style: class of its colour and shape.
        values: one a step; None where there is none.
    """

    label: str
    style: str
    values: Sequence[float | None]


def line_chart(title: str, steps: Sequence[int], lines: Sequence[Line], best: int | None = None) -> Markup:
    """Draws lines over steps.

    Args:
        title: read out instead of the picture.
        steps: rising.
        lines: with a value a step; nothing is drawn where there is none, and no line across it.
        best: the step to mark, or None.
    """
    alone = steps[0] == steps[-1]
    across = Scale(steps[0] - 0.5 * alone, steps[-1] + 0.5 * alone, LEFT, WIDTH - RIGHT)
    up = spanning([v for line in lines for v in line.values if v is not None], HEIGHT - BOTTOM, TOP)
    parts = axis.rows(up, LEFT, WIDTH - RIGHT)
    named = [steps[0], steps[-1]]
    if best is not None and best in steps:
        # What would stand in the way of its name gives way.
        named = [best, *(step for step in named if abs(across(step) - across(best)) > NAME)]
        told = Markup('<path class="best" d="M{} {}V{}"><title>the weights of epoch {} are kept</title></path>')
        parts.append(told.format(across(best), TOP, HEIGHT - BOTTOM, best))
    parts += [axis.tick(across(step), HEIGHT - 6, step) for step in sorted(set(named))]
    for line in lines:
        places = zip(steps, line.values, strict=True)
        parts.append(_drawn(line, [None if v is None else (across(s), up(v)) for s, v in places]))
    return axis.picture(WIDTH, HEIGHT, title, parts)


def _drawn(line: Line, points: Sequence[tuple[float, float] | None]) -> Markup:
    path, pen = [], "M"
    for point in points:
        if point is not None:
            path.append(f"{pen}{point[0]} {point[1]}")
        pen = "L" if point else "M"
    marks = [point for point in points if point] if len(points) <= DOTS else []
    return Markup('<g class="{}"><title>{}</title><path class="line" d="{}"/>{}</g>').format(
        line.style, line.label, "".join(path), Markup("").join(mark(line.style, *point) for point in marks)
    )
