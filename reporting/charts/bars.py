"""Bars side by side: how many there are of each size."""

from collections.abc import Sequence

from markupsafe import Markup

from reporting.charts import axis
from reporting.charts.scale import Scale, spanning

WIDTH, HEIGHT = 560, 210
LEFT, RIGHT, TOP, BOTTOM = 64, 28, 10, 40


def histogram(title: str, edges: Sequence[float], counts: Sequence[int], unit: str) -> Markup:
    """Draws counts between edges.

    Args:
        title: read out instead of the picture.
        edges: rising, one more than `counts`.
        counts: of each bin.
        unit: what the edges count; stands below the axis.
    """
    across = Scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    up = spanning(counts, HEIGHT - BOTTOM, TOP, zero=True)
    parts = axis.rows(up, LEFT, WIDTH - RIGHT)
    parts += [axis.tick(across(value), HEIGHT - 24, text) for value, text in across.marks() if value == int(value)]
    parts.append(axis.tick((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, unit))
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        x, y = across(low), up(count)
        width, height = round(max(across(high) - x - 1, 1), 1), round(up(0) - y, 1)
        name = f"{low:g}: {count:,}" if high - low == 1 else f"{low:g} to {high - 1:g}: {count:,}"
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                x, y, width, height, name
            )
        )
    return axis.picture(WIDTH, HEIGHT, title, parts, grows=1.3)
