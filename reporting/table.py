"""The table that every output shares: rendered to text for a terminal, to Markdown, and to HTML."""

import dataclasses
import io
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import rich.box
import rich.console
import rich.table
import rich.text
from markupsafe import Markup, escape
from rich.cells import cell_len

from reporting.numbers import FORMATS, MISSING, Key, pointer

_MARKDOWN = re.compile(r"([\\`*<>&\[\]|#~]|(?<![^\W_])_|_(?![^\W_]))")
"""Characters that Markdown would read as more than themselves; an underscore within a word is none."""

_TEXT_RANKS = {"best": "¹", "second": "²", None: ""}
_SIGNIFICANT = "*"
_MARKDOWN_RANKS = {"best": "**{}**", "second": "<u>{}</u>", None: "{}"}
_HTML_RANKS = {"best": "<strong>{}</strong>", "second": "<u>{}</u>", None: "{}"}


@dataclasses.dataclass(frozen=True)
class Number:
    """A number and how it is shown.

    Attributes:
        value: all its digits; None where it was not measured.
        format: key of `reporting.numbers.FORMATS`.
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


Part = Number | str
"""A piece of a cell. Text is escaped in Markdown and HTML; `Markup` is HTML already."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table: its parts, one after the other.

    Attributes:
        parts: what it says.
        rank: whether it is the best of its column, or the second.
        significant: whether it is a difference that chance does not explain; a star marks it.
        small: parts behind it in small print, such as an interval; in text and Markdown after a space.
        html_class: CSS class of the cell.
    """

    parts: tuple[Part, ...]
    rank: Literal["best", "second"] | None = None
    significant: bool = False
    small: tuple[Part, ...] = ()
    html_class: str = ""

    @property
    def mark(self) -> str:
        """What stands behind its parts in plain text: ¹ best of its column, ² second, * significant."""
        return _TEXT_RANKS[self.rank] + (_SIGNIFICANT if self.significant else "")

    def to_text(self, mark_width: int = 0) -> str:
        """Returns the cell in plain text, its mark filled up to a width, so that the digits of a column are aligned."""
        small = _join_text(self.small)
        return (_join_text(self.parts) + self.mark.ljust(mark_width) + (f" {small}" if small else "")) if self else ""

    def __bool__(self) -> bool:
        return bool(self.parts or self.small)

    def to_markdown(self) -> str:
        """Returns the cell in Markdown; the best of a column is bold, the second underlined."""
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
        title: stands above it.
        group: stands above it and those of its neighbours that have the same group.
        words: whether it holds words, aligned to the left, rather than numbers.
    """

    title: str
    group: str = ""
    words: bool = False


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: one a column; text stands for a cell that says no more.
        html_class: CSS class of the row.
        rule: whether a line parts it from the row above.
    """

    cells: tuple[Cell | str, ...]
    html_class: str = ""
    rule: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: columns, rows, and what has to be known to read them.

    Attributes:
        columns: from left to right; the first one names the rows.
        rows: from top to bottom.
        caption: what the table is about; stands above it.
        notes: sentences below it.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"rows: expected {len(self.columns)} cells. Received: {len(row.cells)}")

    def to_rich(self) -> rich.table.Table:
        """Returns the table for a `rich` console; the best of a column is bold there."""
        table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        cells = [[_as_cell(cell) for cell in row.cells] for row in self.rows]
        lines: list[list[rich.text.Text]] = [[] for _ in self.rows]
        for number, column in enumerate(self.columns):
            of_column = [line[number] for line in cells]
            marks = max((len(cell.mark) for cell in of_column), default=0)
            texts = [cell.to_text(marks) for cell in of_column]
            begins = not number or self.columns[number - 1].group != column.group
            head = [column.group if begins else "", column.title] if self._has_groups else [column.title]
            if not column.words:
                # Padded here, because rich strips the space in the place of a mark before it aligns to the right.
                width = max(map(cell_len, [*texts, *head]))
                texts, head = ([" " * (width - cell_len(text)) + text for text in part] for part in (texts, head))
            table.add_column(rich.text.Text("\n".join(head)), no_wrap=True, vertical="bottom")
            for line, cell, text in zip(lines, of_column, texts, strict=True):
                line.append(rich.text.Text(text, style="bold" if cell.rank == "best" else ""))
        for row, line in zip(self.rows, lines, strict=True):
            if row.rule:
                table.add_section()
            table.add_row(*line)
        return table

    def to_text(self, width: int = 1000) -> str:
        """Returns the caption, the table and the notes as plain text, without colours, as wide as it needs to be.

        Args:
            width: cells of the terminal, at which notes are wrapped and the table is cut.
        """
        console = rich.console.Console(file=io.StringIO(), width=width, color_system=None, emoji=False, highlight=False)
        with console.capture() as capture:
            if self.caption:
                console.print(self.caption, markup=False)
            console.print(self.to_rich())
            for note in self.notes:
                console.print(note, markup=False)
        return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines())

    def to_markdown(self) -> str:
        """Returns the table in Markdown, without its caption; the notes stand below it."""
        head = [escape_markdown(f"{column.group} {column.title}".strip()) for column in self.columns]
        rule = [":--" if column.words else "--:" for column in self.columns]
        rows = [[_as_cell(cell).to_markdown() for cell in row.cells] for row in self.rows]
        lines = [f"| {' | '.join(line)} |" for line in (head, rule, *rows)]
        return "\n".join([*lines, *(f"\n{escape_markdown(note)}" for note in self.notes)])

    def to_html(self) -> Markup:
        """Returns the table in HTML, in a box that scrolls where the page is too narrow."""
        caption = Markup("<caption>{}</caption>").format(self.caption) if self.caption else Markup("")
        heads = [self._group_head()] if self._has_groups else []
        titles = (
            Markup('<th scope="col"{}>{}</th>').format(_class("words" if column.words else ""), column.title)
            for column in self.columns
        )
        heads.append(Markup("<tr>{}</tr>").format(Markup("").join(titles)))
        rows = (self._html_row(row) for row in self.rows)
        table = Markup("<table>{}<thead>{}</thead>\n<tbody>\n{}\n</tbody></table>").format(
            caption, Markup("").join(heads), Markup("\n").join(rows)
        )
        notes = (Markup('<p class="note">{}</p>').format(note) for note in self.notes)
        return Markup('<div class="scroll" tabindex="0">{}</div>').format(table) + Markup("").join(notes)

    @property
    def _has_groups(self) -> bool:
        return any(column.group for column in self.columns)

    def _group_head(self) -> Markup:
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = column.group, spans[-1][1] + 1
            else:
                spans.append((column.group, 1))
        cells = (Markup('<th scope="colgroup" colspan="{}">{}</th>').format(span, group) for group, span in spans)
        return Markup("<tr>{}</tr>").format(Markup("").join(cells))

    def _html_row(self, row: Row) -> Markup:
        first, *rest = map(_as_cell, row.cells)
        cells = [Markup('<th scope="row"{}><bdi>{}</bdi></th>').format(_class(first.html_class), first.to_html())]
        for column, cell in zip(self.columns[1:], rest, strict=True):
            classes = " ".join(filter(None, ["words" if column.words else "", cell.html_class]))
            cells.append(Markup("<td{}>{}</td>").format(_class(classes), cell.to_html()))
        return Markup("<tr{}>{}</tr>").format(_class(row.html_class), Markup("").join(cells))


def escape_markdown(text: object) -> str:
    r"""Returns a text that Markdown shows as it is, on one line.

    >>> escape_markdown("a|b *c* MLP_layers=1 _x_\n<b>")
    'a\\|b \\*c\\* MLP_layers=1 \\_x\\_ \\<b\\>'
    """
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def number(value: float | None, format: str, path: Sequence[Key] = (), **options: object) -> Cell:
    """Returns a cell that holds one number; `options` are other attributes of `Cell`."""
    return Cell((Number(value, format, tuple(path)),), **options)  # type: ignore[arg-type]


def rank_values(values: Sequence[float | None]) -> list[Literal["best", "second"] | None]:
    """Returns the rank of each value, the highest being the best; equal values share a rank, one value has none.

    >>> rank_values([0.1, 0.3, None, 0.2, 0.3])
    [None, 'best', None, 'second', 'best']
    """
    distinct = sorted({value for value in values if value is not None}, reverse=True)
    if len(distinct) < 2:
        return [None] * len(values)
    ranks: Mapping[float, Literal["best", "second"]] = {distinct[1]: "second", distinct[0]: "best"}
    return [None if value is None else ranks.get(value) for value in values]


def _as_cell(cell: Cell | str) -> Cell:
    return Cell((cell,) if cell else ()) if isinstance(cell, str) else cell


def _join_text(parts: Sequence[Part]) -> str:
    return "".join(part.to_text() if isinstance(part, Number) else _plain(part) for part in parts)


def _plain(part: str) -> str:
    return part.striptags() if isinstance(part, Markup) else part


def _join_html(parts: Sequence[Part]) -> Markup:
    return Markup("").join(part.to_html() if isinstance(part, Number) else escape(part) for part in parts)


def _class(names: str) -> Markup:
    return Markup(' class="{}"').format(names) if names else Markup("")
