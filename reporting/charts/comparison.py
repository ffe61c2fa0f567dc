"""A chart of differences with their intervals, as inline SVG."""

import dataclasses
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from reporting.charts.scale import Scale, spanning

_ROW, _TOP, _AXIS, _RIGHT = 26, 8, 30, 16
_ZERO = Markup('style="stroke:var(--soft)" ')
_FILLED = Markup('class="dot"')
_HOLLOW = Markup('style="fill:var(--paper);stroke:currentColor;stroke-width:1.5"')
_CHARACTER = 6.3
"""About how wide a character of the labels is, in the units of the drawing."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A difference.

    Attributes:
        label: what it is of.
        value: the difference.
        low: lower end of its interval; None where there is none.
        high: upper end.
        significant: whether it is drawn as one that counts.
    """

    label: str
    value: float
    low: float | None
    high: float | None
    significant: bool


def interval_chart(rows: Sequence[Row], title: str, width: int = 520, together: Sequence[Row] | None = None) -> Markup:
    """Draws a dot and a line for each row, beside a line at 0.

    A significant difference is a filled dot, any other a hollow one; each tells its numbers when pointed at, and to a
    screen reader.

    Args:
        rows: from top to bottom.
        title: of the chart, for who cannot see it.
        width: of the drawing.
        together: rows of all charts that are read side by side, and so have the same axis; None for these alone.

    Returns:
        An `svg` element.
    """
    ends = [end for row in together or rows for end in (row.value, row.low, row.high) if end is not None]
    across = spanning(ends, 12 + _CHARACTER * max(len(row.label) for row in rows), width - _RIGHT, zero=True)
    bottom = _TOP + _ROW * len(rows)
    parts = [*_axis(across, bottom), *_rows(rows, across)]
    return Markup(
        '<svg role="img" viewBox="0 0 {w} {h}" style="max-width:{w}px"><title>{title}</title>{body}</svg>'
    ).format(w=width, h=bottom + _AXIS, title=title, body=Markup("").join(parts))


def _axis(across: Scale, bottom: float) -> Iterator[Markup]:
    for value, text in across.marks():
        yield Markup('<line class="grid" {style}x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>').format(
            style=Markup() if value else _ZERO, x=across(value), top=_TOP, bottom=bottom
        )
        yield Markup('<text class="tick mid" x="{x}" y="{y}">{sign}{text}</text>').format(
            x=across(value), y=bottom + 18, sign="+" if value > 0 else "", text=text
        )


def _rows(rows: Sequence[Row], across: Scale) -> Iterator[Markup]:
    for place, row in enumerate(rows):
        y = _TOP + _ROW * (place + 0.5)
        kind = ("s1" if row.value > 0 else "s2") if row.significant else "soft"
        interval = "" if row.low is None else f" [{row.low:+z.4f}, {row.high:+z.4f}]"
        line = Markup()
        if row.low is not None and row.high is not None:
            line = Markup('<line class="whisker" x1="{a}" x2="{b}" y1="{y}" y2="{y}"/>').format(
                a=across(row.low), b=across(row.high), y=y
            )
        yield Markup(
            '<g class="{kind}"><title>{label}: {value}{interval}{note}</title>'
            '<text class="label" x="0" y="{text}">{label}</text>{line}<circle {fill} cx="{x}" cy="{y}" r="4"/></g>'
        ).format(
            kind=kind,
            label=row.label,
            fill=_FILLED if row.significant else _HOLLOW,
            value=f"{row.value:+z.4f}",
            interval=interval,
            note=", significant" if row.significant else "",
            text=y + 4,
            line=line,
            x=across(row.value),
            y=y,
        )
