"""Text and tables as Markdown has them."""

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*<>&\[\]|#~]|(?<![^\W_])_|_(?![^\W_]))")
"""What Markdown would read as more than itself; an underscore within a word is none."""


def escaped(text: object) -> str:
    r"""Returns a text that Markdown shows as it is, on one line.

    >>> escaped("a|b *c* MLP_layers=1 _x_\n<b>")
    'a\\|b \\*c\\* MLP_layers=1 \\_x\\_ \\<b\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def grid(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """Writes a table.

    Args:
        head: titles, already escaped, as are all texts.
        rows: as long as the head.
        words: how many columns, from the left, hold words; the others hold numbers.
    """
    rule = [":--" if place < words else "--:" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))
