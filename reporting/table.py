"""The table that every output shares: rendered to text for a terminal, to Markdown, and to HTML."""

import dataclasses
import io
import re
from collections.abc import Sequence
from typing import Any, Literal

import rich.box
import rich.console
import rich.table
import rich.text
from markupsafe import Markup, escape
from rich.cells import cell_len

from reporting.numbers import Key, Number, is_same_number

_MARKDOWN = re.compile(r"([\\`*<>&\[\]|#~]|(?<![^\W_])_|_(?![^\W_]))")
"""Characters that Markdown would read as more than themselves; an underscore within a word is none."""

_TEXT_RANKS = {"best": "¹", "second": "²", None: ""}
_SIGNIFICANT = "*"
_WIDEST = 1_000_000
"""Characters of a line at which a table in plain text is cut."""
_MARKDOWN_RANKS = {"best": "**{}**", "second": "<u>{}</u>", None: "{}"}
_HTML_RANKS = {"best": "<strong>{}</strong>", "second": "<u>{}</u>", None: "{}"}

Rank = Literal["best", "second"]
"""Place of a value among those that it is compared with; a value that is neither has none."""

Part = Number | str
"""A piece of a cell. Text is escaped in Markdown and HTML; `Markup` is HTML already."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table: its parts, one after the other.

    Attributes:
        parts: its content.
        rank: whether it is the best of those it is compared with, such as its column, or the second.
        significant: whether it is a difference that chance does not explain; a star stands behind it.
        small: parts in small print, such as an interval; in text and Markdown they follow after a space.
        html_class: CSS class of the cell.
        html_style: CSS declarations of the cell.
        tooltip: text that is shown in HTML when the cell is pointed at.
    """

    parts: tuple[Part, ...]
    rank: Rank | None = None
    significant: bool = False
    small: tuple[Part, ...] = ()
    html_class: str = ""
    html_style: str = ""
    tooltip: str = ""

    @property
    def suffix(self) -> str:
        """Characters behind its parts in plain text: ¹ for the best, ² for the second, * for significant."""
        return _TEXT_RANKS[self.rank] + (_SIGNIFICANT if self.significant else "")

    def to_text(self, suffix_width: int = 0) -> str:
        """Returns the cell in plain text, its suffix padded to a width, so that the digits of a column are aligned."""
        if not self:
            return ""
        small = _join_text(self.small)
        return _join_text(self.parts) + self.suffix.ljust(suffix_width) + (f" {small}" if small else "")

    def __bool__(self) -> bool:
        return bool(self.parts or self.small)

    def to_markdown(self) -> str:
        """Returns the cell in Markdown; the best is bold, the second underlined."""
        small = escape_markdown(_join_text(self.small))
        text = _MARKDOWN_RANKS[self.rank].format(escape_markdown(_join_text(self.parts)))
        text += escape_markdown(_SIGNIFICANT) if self.significant else ""
        return text + (f" {small}" if small else "")

    def to_html(self) -> Markup:
        """Returns the content of the cell in HTML."""
        small = Markup("<small>{}</small>").format(_join_html(self.small)) if self.small else Markup("")
        content = Markup(_HTML_RANKS[self.rank]).format(_join_html(self.parts))
        return (Markup("<strong>{}*</strong>").format(content) if self.significant else content) + small


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: text above the column.
        group: text above the column and those of its neighbours that have the same group.
        words: whether the column holds words, aligned to the left, rather than numbers.
        html_class: CSS class of its cells.
        tooltip: text that is shown in HTML when its title is pointed at.
    """

    title: str
    group: str = ""
    words: bool = False
    html_class: str = ""
    tooltip: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: one a column; a text or a number stands for a cell that holds nothing but it.
        html_class: CSS class of the row.
    """

    cells: tuple[Cell | Part, ...]
    html_class: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: columns, rows, and what has to be known to read them.

    Attributes:
        columns: from left to right; the first column names the rows.
        rows: from top to bottom.
        caption: what the table is about; stands above it.
        notes: sentences below the table.
        html_class: CSS class of the table.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""
    notes: tuple[str, ...] = ()
    html_class: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"rows: expected {len(self.columns)} cells. Received: {len(row.cells)}")

    def to_text(self) -> str:
        """Returns the caption, the table and the notes as plain text, without colours, as wide as it needs to be."""
        console = rich.console.Console(
            file=io.StringIO(), width=_WIDEST, color_system=None, emoji=False, highlight=False
        )
        with console.capture() as capture:
            if self.caption:
                console.print(self.caption, markup=False)
            console.print(self._to_rich())
            for note in self.notes:
                console.print(note, markup=False)
        return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines())

    def to_markdown(self) -> str:
        """Returns the table in Markdown, without its caption; the notes stand below it."""
        head = [escape_markdown(f"{column.group} {column.title}".strip()) for column in self.columns]
        rule = [":--" if column.words else "--:" for column in self.columns]
        rows = [[_make_cell(cell).to_markdown() for cell in row.cells] for row in self.rows]
        lines = [f"| {' | '.join(line)} |" for line in (head, rule, *rows)]
        return "\n".join([*lines, *(f"\n{escape_markdown(note)}" for note in self.notes)])

    def to_html(self) -> Markup:
        """Returns the table in HTML, in a box that scrolls where the page is too narrow."""
        caption = Markup("<caption>{}</caption>").format(self.caption) if self.caption else Markup("")
        heads = [self._render_group_head()] if self._has_groups else []
        titles = (
            Markup('<th scope="col"{}><bdi>{}</bdi></th>').format(
                _write_attributes(_join_classes(column, ""), title=column.tooltip), column.title
            )
            for column in self.columns
        )
        heads.append(Markup("<tr>{}</tr>").format(Markup("").join(titles)))
        rows = (self._render_row(row) for row in self.rows)
        table = Markup("<table{}>{}<thead>{}</thead>\n<tbody>\n{}\n</tbody></table>").format(
            _write_attributes(self.html_class), caption, Markup("").join(heads), Markup("\n").join(rows)
        )
        notes = (Markup('<p class="note">{}</p>').format(note) for note in self.notes)
        return Markup('<div class="scroll" tabindex="0">{}</div>').format(table) + Markup("").join(notes)

    def _to_rich(self) -> rich.table.Table:
        table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        columns = []
        for place, column in enumerate(self.columns):
            cells = [_make_cell(row.cells[place]) for row in self.rows]
            suffix_width = max((len(cell.suffix) for cell in cells), default=0)
            texts = [cell.to_text(suffix_width) for cell in cells]
            begins = not place or self.columns[place - 1].group != column.group
            head = [column.group if begins else "", column.title] if self._has_groups else [column.title]
            if not column.words:
                # Padded here, because rich strips the space in the place of a suffix before it aligns to the right.
                width = max(map(cell_len, [*texts, *head]))
                texts, head = ([" " * (width - cell_len(text)) + text for text in part] for part in (texts, head))
            table.add_column(rich.text.Text("\n".join(head)), no_wrap=True, vertical="bottom")
            columns.append(texts)
        for row in zip(*columns, strict=True):
            table.add_row(*map(rich.text.Text, row))
        return table

    @property
    def _has_groups(self) -> bool:
        return any(column.group for column in self.columns)

    def _render_group_head(self) -> Markup:
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = column.group, spans[-1][1] + 1
            else:
                spans.append((column.group, 1))
        cells = (Markup('<th scope="colgroup" colspan="{}">{}</th>').format(span, group) for group, span in spans)
        return Markup("<tr>{}</tr>").format(Markup("").join(cells))

    def _render_row(self, row: Row) -> Markup:
        first, *rest = map(_make_cell, row.cells)
        attributes = _write_attributes(first.html_class, style=first.html_style, title=first.tooltip)
        cells = [Markup('<th scope="row"{}><bdi>{}</bdi></th>').format(attributes, first.to_html())]
        for column, cell in zip(self.columns[1:], rest, strict=True):
            attributes = _write_attributes(
                _join_classes(column, cell.html_class), style=cell.html_style, title=cell.tooltip
            )
            cells.append(Markup("<td{}>{}</td>").format(attributes, cell.to_html()))
        return Markup("<tr{}>{}</tr>").format(_write_attributes(row.html_class), Markup("").join(cells))


def escape_markdown(text: object) -> str:
    r"""Returns a text that Markdown shows as it is, on one line.

    >>> escape_markdown("a|b *c* MLP_layers=1 _x_\n<b>")
    'a\\|b \\*c\\* MLP_layers=1 \\_x\\_ \\<b\\>'
    """
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def number(value: float | None, format: str, path: Sequence[Key] = (), **options: Any) -> Cell:
    """Returns a cell that holds one number; `options` are other attributes of `Cell`."""
    return Cell((Number(value, format, tuple(path)),), **options)


def rank_values(values: Sequence[float | None]) -> list[Rank | None]:
    """Returns the rank of each value, by full precision, the highest being the best; equal values share a rank.

    >>> rank_values([0.3, 0.5, None, 0.4, 0.5])
    [None, 'best', None, 'second', 'best']
    >>> rank_values([0.3, None])
    [None, None]

    Args:
        values: values to compare; None where there is none, and for what does not compete.

    Returns:
        ``best``, ``second`` or None for each value; None for a value without a competitor.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return [None] * len(values)
    best = max(known)
    second = max((value for value in known if not is_same_number(value, best)), default=None)

    def rank(value: float | None) -> Rank | None:
        if value is None:
            return None
        if is_same_number(value, best):
            return "best"
        return "second" if second is not None and is_same_number(value, second) else None

    return [rank(value) for value in values]


def _make_cell(cell: Cell | Part) -> Cell:
    return cell if isinstance(cell, Cell) else Cell((cell,) if cell else ())


def _join_text(parts: Sequence[Part]) -> str:
    return "".join(part.to_text() if isinstance(part, Number) else _strip_markup(part) for part in parts)


def _strip_markup(part: str) -> str:
    return part.striptags() if isinstance(part, Markup) else part


def _join_html(parts: Sequence[Part]) -> Markup:
    return Markup("").join(part.to_html() if isinstance(part, Number) else escape(part) for part in parts)


def _join_classes(column: Column, of_cell: str) -> str:
    return " ".join(filter(None, ["words" if column.words else "", column.html_class, of_cell]))


def _write_attributes(html_class: str, **others: str) -> Markup:
    """Returns the attributes of an element that are not empty, each with a space before it."""
    found = {"class": html_class, **others}
    return Markup("").join(Markup(' {}="{}"').format(name, value) for name, value in found.items() if value)
