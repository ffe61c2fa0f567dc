"""Numbers as people read them: one format for each kind, and where on a page each number comes from."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from schemas.evaluation import Estimate

Key = str | int
_ROUNDING = 1e-12
"""Means that differ by less, relative to the larger, are the same number added up in another order."""
MISSING = Markup('<span class="missing" title="not measured">–</span>')

FORMATS: Mapping[str, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "metric": lambda value: f"{value:.4f}",
    "difference": lambda value: f"{value:+z.4f}",
    "share": lambda value: f"{value:.1%}",
    "percent": lambda value: f"{100 * value:.3g}%",
    "small": lambda value: f"{value:z.2f}",
    "loss": lambda value: f"{value:#.4g}" if abs(value) < 10_000 else f"{value:,.0f}",
    "p": lambda value: "<0.001" if value < 0.001 else f"{value:.3f}",
    "seconds": lambda value: f"{value:,.0f} s",
}
"""How a number is written, by kind: ``percent`` is for shares far below one, ``small`` for numbers below 100 or
so, ``seconds`` for durations that are compared with each other; `format_seconds` writes one that stands alone."""


@dataclasses.dataclass(frozen=True)
class Number:
    """A number and how it is shown.

    Attributes:
        value: all its digits; None where it was not measured.
        format: key of `FORMATS`.
        path: keys that lead to it in the JSON document that a page is made from; empty where it stands in none.
    """

    value: float | None
    format: str
    path: tuple[Key, ...] = ()

    def to_text(self) -> str:
        """Returns the number in its format, a dash where there is none."""
        return "–" if self.value is None else FORMATS[self.format](self.value)

    def to_html(self) -> Markup:
        """Returns a ``data`` element that holds all digits and, with a path, where they come from (RFC 6901)."""
        if self.value is None:
            return MISSING
        place = Markup(' data-path="{}"').format(pointer(*self.path)) if self.path else ""
        return Markup('<data value="{}"{}>{}</data>').format(repr(self.value), place, self.to_text())


class Numbers:
    """The numbers of a JSON document, each shown with the pointer to it.

    Args:
        document: mappings, lists, texts, numbers and null, as JSON has them.
    """

    def __init__(self, document: Mapping[str, Any]):
        self._document = document

    def get(self, *path: Key | tuple[Key, ...]) -> Any:
        """Returns the value at a path, None if there is none.

        Args:
            path: keys that lead to it, some of them together in a tuple.
        """
        found: Any = self._document
        for key in _flatten(path):
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def number(self, format: str, *path: Key | tuple[Key, ...]) -> Number:
        """Returns the number at a path, to be shown in a format of `FORMATS`."""
        return Number(self.get(*path), format, tuple(_flatten(path)))

    def __call__(self, format: str, *path: Key | tuple[Key, ...]) -> Markup:
        """Returns a ``data`` element with the number at a path, a dash if there is none."""
        return self.number(format, *path).to_html()

    def text(self, *path: Key | tuple[Key, ...]) -> Markup:
        """Returns the text at a path as it stands there, with the pointer to it."""
        element = '<span data-path="{}" dir="auto">{}</span>'
        return Markup(element).format(pointer(*_flatten(path)), self.get(*path))


def is_same_number(left: float, right: float) -> bool:
    """Tells whether two means are equal but for rounding."""
    return math.isclose(left, right, rel_tol=_ROUNDING)


def pointer(*path: Key) -> str:
    """Returns a path as a JSON pointer (RFC 6901).

    >>> pointer("metrics", "next_item/mrr", 0)
    '/metrics/next_item~1mrr/0'
    """
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


def _flatten(path: tuple[Key | tuple[Key, ...], ...]) -> list[Key]:
    return [key for part in path for key in (part if isinstance(part, tuple) else (part,))]


def format_estimate(estimate: Estimate, format: str = "metric") -> str:
    """Writes a value and its interval, in a format of `FORMATS`.

    >>> format_estimate(Estimate(0.1722, 0.16, 0.18)), format_estimate(Estimate(0.1722, None, None))
    ('0.1722 [0.1600, 0.1800]', '0.1722')
    >>> format_estimate(Estimate(0.0049, 0.0021, 0.0077), "difference")
    '+0.0049 [+0.0021, +0.0077]'
    """
    return f"{FORMATS[format](estimate.value)} {format_interval(estimate, format)}".rstrip()


def format_interval(estimate: Estimate, format: str = "metric") -> str:
    """Writes the interval of a value, in a format of `FORMATS`; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{FORMATS[format](estimate.low)}, {FORMATS[format](estimate.high)}]"


def format_spread(mean: float, spread: float | None) -> str:
    """Writes the mean of a metric and its spread, such as a standard deviation.

    >>> format_spread(0.1722, 0.001), format_spread(0.1722, None)
    ('0.1722 ± 0.0010', '0.1722')
    """
    write = FORMATS["metric"]
    return write(mean) if spread is None else f"{write(mean)} ± {write(spread)}"


def format_gib(size: int) -> str:
    """Writes an amount of memory in the unit of --memory-gib.

    >>> format_gib(3 * 2**29)
    '1.50 GiB'
    """
    return f"{size / 2**30:.2f} GiB"


def format_seconds(seconds: float) -> str:
    """Writes a duration for people.

    >>> format_seconds(4.23), format_seconds(75), format_seconds(3725)
    ('4.2 s', '1 min 15 s', '1 h 02 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_bytes(size: int) -> str:
    """Writes an amount of memory for people.

    >>> format_bytes(1_100_000_000), format_bytes(250_000_000)
    ('1.1 GB', '250 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def format_short_metric(value: float) -> str:
    """Writes a metric for a narrow place.

    >>> format_short_metric(0.33121), format_short_metric(1.0)
    ('.3312', '1.0000')
    """
    return FORMATS["metric"](value).removeprefix("0")


def format_estimated_time(seconds: float) -> str:
    """Writes an estimated duration, in minutes.

    >>> format_estimated_time(20), format_estimated_time(2460), format_estimated_time(12000)
    ('1 min', '41 min', '3 h 20 min')
    """
    minutes = max(round(seconds / 60), 1)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
