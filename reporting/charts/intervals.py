"""Values with their intervals, one row a slice and one mark a model."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from reporting.charts import axis
from reporting.charts.labels import named
from reporting.charts.marks import mark
from reporting.charts.scale import spanning

WIDTH, LABELS, RIGHT = 340, 116, 16
STEP, GAP, TOP, BOTTOM = 10, 10, 4, 24


class Mark(NamedTuple):
    """A value.

    Attributes:
        style: class of its colour and shape.
        value: where the mark stands.
        low: start of its interval.
        high: end of its interval.
        title: told when pointed at.
    """

    style: str
    value: float
    low: float
    high: float
    title: str


class Row(NamedTuple):
    """Values that belong together.

    Attributes:
        label: stands before them.
        marks: from top to bottom.
    """

    label: str
    marks: Sequence[Mark]


def interval_chart(title: str, rows: Sequence[Row]) -> Markup:
    """Draws rows of marks over one axis, which begins at zero unless all values are far from it.

    Args:
        title: read out instead of the picture.
        rows: from top to bottom.
    """
    ends = [end for row in rows for one in row.marks for end in (one.low, one.value, one.high)]
    across = spanning(ends, LABELS, WIDTH - RIGHT, zero=min(ends) < max(ends) / 2)
    bottom = TOP + sum(_height(row) for row in rows)
    parts, top = axis.columns(across, TOP, bottom), TOP
    for row in rows:
        middle = round(top + _height(row) / 2 + 4, 1)
        parts.append(named(row.label, LABELS - 8, middle))
        for number, one in enumerate(row.marks):
            y = top + (GAP + STEP) / 2 + STEP * number
            drawn = Markup('<g class="{0}"><title>{1}</title><path class="whisker" d="M{2} {4}H{3}"/>{5}</g>')
            parts.append(
                drawn.format(
                    one.style, one.title, across(one.low), across(one.high), y, mark(one.style, across(one.value), y)
                )
            )
        top += _height(row)
    return axis.picture(WIDTH, bottom + BOTTOM, title, parts)


def _height(row: Row) -> int:
    return GAP + STEP * max(len(row.marks), 1)
