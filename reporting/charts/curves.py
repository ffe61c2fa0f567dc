"""A learning curve: a validation metric by epoch, one line a seed, on the axes of all charts beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from reporting.charts import axis
from reporting.charts.marks import mark
from reporting.charts.scale import Scale, spanning

WIDTH, HEIGHT = 280, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 14, 10, 24

Curve = Mapping[str, Any]


def curve_chart(title: str, curves: Sequence[Curve], together: Sequence[Curve], styles: Mapping[int, str]) -> Markup:
    """Draws the curves of a row; the epoch whose weights are kept has a mark.

    Args:
        title: read out instead of the picture.
        curves: one a seed, with ``seed``, ``epochs``, ``values``, ``best_epoch`` and ``best_value``.
        together: the curves of all charts that are read side by side, and so have the same axes.
        styles: class of the colour and shape of each seed.
    """
    epochs = [epoch for curve in together for epoch in curve["epochs"]]
    # A single epoch has an axis, too.
    across = Scale(min(epochs), max(max(epochs), min(epochs) + 1), _LEFT, WIDTH - _RIGHT)
    up = spanning([value for curve in together for value in curve["values"]], HEIGHT - _BOTTOM, _TOP)
    parts = axis.rows(up, _LEFT, WIDTH - _RIGHT)
    parts += [axis.tick(across(epoch), HEIGHT - 6, epoch) for epoch in sorted({min(epochs), max(epochs)})]
    parts += [_drawn(curve, styles[curve["seed"]], across, up) for curve in curves]
    return axis.picture(WIDTH, HEIGHT, title, parts)


def _drawn(curve: Curve, style: str, across: Scale, up: Scale) -> Markup:
    points = [(across(epoch), up(value)) for epoch, value in zip(curve["epochs"], curve["values"], strict=True)]
    path = "".join(f"{'L' if place else 'M'}{x} {y}" for place, (x, y) in enumerate(points))
    told, kept = f"seed {curve['seed']}", Markup("")
    if curve["best_epoch"] is not None:
        told += f": {curve['best_value']:.4f} at epoch {curve['best_epoch']}, whose weights are kept"
        kept = mark(style, across(curve["best_epoch"]), up(curve["best_value"]))
    drawn = Markup('<g class="{}"><title>{}</title><path class="line" d="{}"/>{}</g>')
    return drawn.format(style, told, path, kept)
