"""Numbers as people read them: one format for each kind, and where on a page each number comes from."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

Key = str | int
MISSING = Markup('<span class="missing" title="not measured">–</span>')

FORMATS = {
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
"""How a number is shown, by what it is."""


class Numbers:
    """Shows numbers of some facts.

    Args:
        facts: what JSON can hold.
    """

    def __init__(self, facts: Mapping[str, Any]):
        self._facts = facts

    def get(self, *path: Key | tuple[Key, ...]) -> Any:
        """Returns what stands at a path, None if nothing does."""
        found: Any = self._facts
        for key in _flat(path):
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def __call__(self, kind: str, *path: Key | tuple[Key, ...]) -> Markup:
        """Returns a `data` element with the number at a path: all digits, where it stands, and how it is shown.

        Args:
            kind: one of `FORMATS`.
            path: keys that lead to it, some of them together in a tuple.
        """
        value = self.get(*path)
        if value is None:
            return MISSING
        element = '<data value="{}" data-path="{}">{}</data>'
        return Markup(element).format(repr(value), pointer(*_flat(path)), FORMATS[kind](value))

    def text(self, *path: Key | tuple[Key, ...]) -> Markup:
        """Returns the words at a path, numbers in them too, as they stand there."""
        element = '<span data-path="{}" dir="auto">{}</span>'
        return Markup(element).format(pointer(*_flat(path)), self.get(*path))


def pointer(*path: Key) -> str:
    """Returns a path as a JSON pointer (RFC 6901).

    >>> pointer("metrics", "next_item/mrr", 0)
    '/metrics/next_item~1mrr/0'
    """
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


def _flat(path: tuple[Key | tuple[Key, ...], ...]) -> list[Key]:
    return [key for part in path for key in (part if isinstance(part, tuple) else (part,))]


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
