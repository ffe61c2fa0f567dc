"""Charts as inline SVG: lines, values with intervals, a histogram, and a scatter plot.

Colours are CSS classes of the page, so that charts follow its light and dark; each class has a point of its own shape,
so that no reader needs the colour. A chart has a title for screen readers, and shows its numbers when pointed at.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup
from rich.cells import cell_len, set_cell_size

from reporting.numbers import format_estimate
from schemas.evaluation import Estimate

GROWTH = 1.25
"""Most pixels a unit of a drawing becomes, so that texts of 11 units neither shout nor vanish."""
CHARACTER_WIDTH = 6.3
"""About the width of a character of a label, in units of the drawing."""
MOST_POINTS = 20
"""Most steps of a line at which every step has a point; more points would hide the line."""

_POINT_SHAPES = {
    "s2": (-3, -3, "h6v6h-6z"),
    "s3": (0, -4.5, "l4.5 4.5-4.5 4.5-4.5-4.5z"),
    "s4": (0, -4.5, "l4.5 8h-9z"),
}
"""Square, diamond and triangle: where the path begins, seen from the middle, and the path. Other classes have a dot."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """A linear axis.

    Attributes:
        low: value at its start.
        high: value at its end; above `low`.
        start: place of its start, in units of the drawing.
        end: place of its end.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Returns the place of a value, to a tenth of a unit."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def find_ticks(self) -> list[tuple[float, str]]:
        """Returns about four round values within the axis, each with its text.

        >>> Scale(0.0, 1.0, 0, 100).find_ticks()
        [(0.0, '0'), (0.5, '0.5'), (1.0, '1')]
        """
        rough = (self.high - self.low) / 4
        power = 10 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if rough <= factor * power * 1.0000001)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(number * step, f"{number * step:,.10g}") for number in range(first, last + 1)]


def fit_scale(values: Iterable[float], start: float, end: float, zero: bool = False) -> Scale:
    """Returns an axis that has room for all values; with `zero`, for zero as well."""
    found = [value for value in values if math.isfinite(value)] or [0.0]
    if zero:
        found.append(0.0)
    low, high = min(found), max(found)
    if low == high:
        low, high = 0.0 if zero and low == 0 else (low - abs(low) / 2 or -0.5), (high + abs(high) / 2 or 0.5)
    margin = (high - low) * 0.05
    return Scale(low if zero and low == 0 else low - margin, high if zero and high == 0 else high + margin, start, end)


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a line chart.

    Attributes:
        label: text that is shown when the line is pointed at.
        style: CSS class of its colour and shape.
        steps: rising numbers, such as epochs.
        values: one a step; None where nothing was measured, which breaks the line.
        best: the only step that has a point; None gives every step one, unless there are more than `MOST_POINTS`.
    """

    label: str
    style: str
    steps: Sequence[int]
    values: Sequence[float | None]
    best: int | None = None


def draw_lines(title: str, lines: Sequence[Line], best: int | None = None, beside: Sequence[Line] = ()) -> Markup:
    """Returns a line chart: how numbers change from step to step.

    Args:
        title: text that is read out instead of the picture.
        lines: at least one, with at least one step.
        best: a step that all lines share, such as the epoch whose weights are kept; a dashed line marks it.
        beside: lines of all charts that are read side by side and so share their axes; empty for `lines` alone.
    """
    width, height, left, right, top, bottom = 320, 150, 50, 306, 10, 126
    steps = sorted({step for line in beside or lines for step in line.steps})
    half = 0.5 if len(steps) == 1 else 0.0
    across = Scale(steps[0] - half, steps[-1] + half, left, right)
    up = fit_scale([value for line in beside or lines for value in line.values if value is not None], bottom, top)
    parts, named = _draw_rows(up, left, right), {steps[0], steps[-1]}
    if best in steps:
        # A step whose text would stand in the way of the best one's is not named.
        named = {best, *(step for step in named if abs(across(step) - across(best)) > 18)}
        kept = Markup('<path class="best" d="M{} {}V{}"><title>the weights of epoch {} are kept</title></path>')
        parts.append(kept.format(across(best), top, bottom, best))
    parts += [_draw_tick(across(step), height - 6, step) for step in sorted(named)]
    parts += [_draw_line(line, across, up) for line in lines]
    return _draw_picture(width, height, title, parts)


def _draw_line(line: Line, across: Scale, up: Scale) -> Markup:
    path, points, pen = "", [], "M"
    for step, value in zip(line.steps, line.values, strict=True):
        if value is not None:
            x, y = across(step), up(value)
            path += f"{pen}{x} {y}"
            if step == line.best or (line.best is None and len(line.steps) <= MOST_POINTS):
                points.append(draw_point(line.style, x, y))
        pen = "M" if value is None else "L"
    drawn = Markup('<g class="{}"><title>{}</title><path class="line" d="{}"/>{}</g>')
    return drawn.format(line.style, line.label, path, Markup("").join(points))


@dataclasses.dataclass(frozen=True)
class Interval:
    """A value with its interval.

    Attributes:
        style: CSS class of its colour and shape.
        value: place of its point.
        low: lower end of its interval; None where there is none.
        high: upper end of its interval; None where there is none.
        title: text that is shown when the point is pointed at.
        hollow: whether its point is hollow, as for a difference that may be chance.
    """

    style: str
    value: float
    low: float | None
    high: float | None
    title: str
    hollow: bool = False


@dataclasses.dataclass(frozen=True)
class IntervalRow:
    """A row of an interval chart.

    Attributes:
        label: text before it; a label that has no room is cut.
        intervals: from top to bottom.
    """

    label: str
    intervals: Sequence[Interval]


def make_difference_row(label: str, difference: Estimate, significant: bool) -> IntervalRow:
    """Returns the row of a difference, filled and coloured by its sign where it is significant, else hollow."""
    style = ("s1" if difference.value > 0 else "s2") if significant else "soft"
    title = f"{label}: {format_estimate(difference, 'difference')}{', significant' if significant else ''}"
    interval = Interval(style, difference.value, difference.low, difference.high, title, hollow=not significant)
    return IntervalRow(label, [interval])


def draw_intervals(
    title: str,
    rows: Sequence[IntervalRow],
    signed: bool = False,
    width: int = 340,
    beside: Sequence[IntervalRow] = (),
) -> Markup:
    """Returns an interval chart: rows of points over one axis, each with a line for its interval.

    Args:
        title: text that is read out instead of the picture.
        rows: from top to bottom.
        signed: whether values are differences: the axis has room for zero, which stands out, and ticks have a sign.
            Otherwise the axis begins at zero unless all values are far from it.
        width: width of the drawing.
        beside: rows of all charts that are read side by side and so share their axis; empty for `rows` alone.
    """
    room = round(0.34 * width / CHARACTER_WIDTH)
    labels = 8 + round(CHARACTER_WIDTH * min(max(cell_len(row.label) for row in rows), room))
    intervals = [interval for row in beside or rows for interval in row.intervals]
    ends = [end for one in intervals for end in (one.low, one.value, one.high) if end is not None]
    across = fit_scale(ends, labels + 8, width - 16, zero=signed or min(ends) < max(ends) / 2)
    heights = [10 + 10 * len(row.intervals) for row in rows]
    top, bottom = 4, 4 + sum(heights)
    parts = []
    for value, text in across.find_ticks():
        line = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>')
        kind = "grid zero" if signed and not value else "grid"
        parts.append(line.format(kind, across(value), across(value), top, bottom))
        parts.append(_draw_tick(across(value), bottom + 16, f"+{text}" if signed and value > 0 else text))
    for row, row_height in zip(rows, heights, strict=True):
        parts.append(draw_label(row.label, labels, top + row_height / 2 + 4, room))
        for place, interval in enumerate(row.intervals):
            parts.append(_draw_interval(interval, across, top + 10 * (place + 1)))
        top += row_height
    return _draw_picture(width, bottom + 24, title, parts)


def _draw_interval(interval: Interval, across: Scale, y: float) -> Markup:
    line, whisker = Markup('<path class="whisker" d="M{} {}H{}"/>'), Markup("")
    if interval.low is not None and interval.high is not None:
        whisker = line.format(across(interval.low), y, across(interval.high))
    point = draw_point(interval.style, across(interval.value), y, interval.hollow)
    group = Markup('<g class="{}"><title>{}</title>{}{}</g>')
    return group.format(interval.style, interval.title, whisker, point)


def draw_histogram(title: str, edges: Sequence[float], counts: Sequence[int], unit: str) -> Markup:
    """Returns a histogram.

    Args:
        title: text that is read out instead of the picture.
        edges: rising, one more than `counts`.
        counts: how many values each bin [edge, next edge) has.
        unit: what the edges count; stands below the axis.
    """
    width, height, left, right, top, bottom = 560, 210, 64, 532, 10, 170
    across, up = Scale(edges[0], edges[-1], left, right), fit_scale(counts, bottom, top, zero=True)
    parts = _draw_rows(up, left, right)
    parts += [
        _draw_tick(across(value), height - 24, text) for value, text in across.find_ticks() if value == int(value)
    ]
    parts.append(_draw_tick((left + right) / 2, height - 4, unit))
    bar = Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>')
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        bin_width, bin_height = round(max(across(high) - across(low) - 1, 1), 1), round(up(0) - up(count), 1)
        name = f"{low:g}" if high - low == 1 else f"{low:g} to {high - 1:g}"
        parts.append(bar.format(across(low), up(count), bin_width, bin_height, f"{name}: {count:,}"))
    return _draw_picture(width, height, title, parts)


def draw_scatter(title: str, groups: Mapping[str, Sequence[tuple[float, float]]]) -> Markup:
    """Returns a scatter plot without axes, for points whose units mean nothing.

    Args:
        title: text that is read out instead of the picture.
        groups: points (x, y) by the CSS class of their group's colour.
    """
    points = [point for group in groups.values() for point in group]
    across, up = fit_scale([x for x, _ in points], 8, 472), fit_scale([y for _, y in points], 392, 8)
    parts = []
    for style, group in groups.items():
        # A line of no length with round ends is a dot, at a tenth of the bytes of a circle.
        path = "".join(f"M{across(x)} {up(y)}h0" for x, y in group)
        parts.append(Markup('<path class="points {}" d="{}"/>').format(style, path))
    return _draw_picture(480, 400, title, parts)


def draw_point(style: str, x: float, y: float, hollow: bool = False) -> Markup:
    """Returns a point around a place: a dot, or a square, a diamond or a triangle for the styles s2, s3 and s4."""
    kind = "dot hollow" if hollow else "dot"
    if style not in _POINT_SHAPES:
        return Markup('<circle class="{}" cx="{}" cy="{}" r="3.5"/>').format(kind, x, y)
    right, down, path = _POINT_SHAPES[style]
    return Markup('<path class="{}" d="M{} {}{}"/>').format(kind, round(x + right, 1), round(y + down, 1), path)


def draw_label(label: str, x: float, y: float, room: int) -> Markup:
    """Returns a label that ends at a place; a label longer than `room` is cut, and shown whole when pointed at."""
    shown = shorten_label(label, room)
    whole = Markup("<title>{}</title>").format(label) if shown != label else ""
    return Markup('<text class="label end" x="{}" y="{}">{}{}</text>').format(x, y, shown, whole)


def shorten_label(label: str, room: int) -> str:
    """Returns a label on one line, cut to `room` characters of ordinary width; ideographs and emoji are twice as wide.

    >>> shorten_label("a very long name of a scene", 18), shorten_label("直播直播直播直播直播直播", 18)
    ('a very long name…', '直播直播直播直播…')
    """
    label = " ".join(label.split())
    return label if cell_len(label) <= room else set_cell_size(label, room - 1).rstrip() + "…"


def _draw_rows(up: Scale, left: float, right: float) -> list[Markup]:
    line = Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick end" x="{}" y="{}">{}</text>')
    return [line.format(left, right, up(v), up(v), left - 6, round(up(v) + 4, 1), text) for v, text in up.find_ticks()]


def _draw_tick(x: float, y: float, text: object) -> Markup:
    return Markup('<text class="tick mid" x="{}" y="{}">{}</text>').format(x, y, text)


def _draw_picture(width: float, height: float, title: str, parts: Iterable[Markup]) -> Markup:
    svg = Markup('<svg role="img" viewBox="0 0 {} {}" style="max-width:{}px"><title>{}</title>{}</svg>')
    return svg.format(width, height, round(width * GROWTH), title, Markup("").join(parts))
