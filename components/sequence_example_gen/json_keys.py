"""Keys of JSON Lines: whether a file holds records at all, and whether their keys are the columns of the log."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.sequence_example_gen import csv_header, hive_folders, rejects
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import select_columns, show_names

Record = dict[str, Any] | str
"""A record, or the reason why its line holds none."""

_HEAD_BYTES = 1 << 10
"""How much of a file tells whether it is one JSON document."""

_MOST_KEYS = 20
"""Keys that a message shows."""

_FEWEST_COLUMNS = 3
"""A line of CSV has a user, an item and a time at least."""


def check_lines(path: str, text: bytes) -> None:
    """Checks by the beginning of a file that it is no single JSON document.

    Raises:
        SourceError: if it is one.
    """
    start = text.lstrip()[:_HEAD_BYTES]
    if start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"[", b""):
        what = "begins with '[': a JSON array"
    elif start[:1] == b"{" and len(start.splitlines()[0]) == 1:
        what = "begins with '{' in a line of its own: a JSON document over several lines"
    else:
        return
    raise SourceError(
        f"{path} {what}; expected JSON Lines, an object a line. Write it so (pandas: to_json(orient='records', "
        "lines=True); or: jq -c '.[]' FILE > NEW_FILE)."
    )


def check_records(
    path: str, rows: Sequence[int], first_line: bytes, records: Sequence[Record], source: SourceConfig
) -> None:
    """Checks by the first lines of a file that they hold records, and a column of the log among their keys.

    Args:
        path: the file.
        rows: numbers of the lines [n], blank ones left out.
        first_line: the first of the lines.
        records: what they hold [n].
        source: columns and layout of the log.

    Raises:
        SourceError: if no line holds an object, or no record has a column that is read.
    """
    row, first = next(((row, record) for row, record in zip(rows, records, strict=True) if _is_object(record)), (0, ""))
    if not isinstance(first, str):
        folders = hive_folders.read_folder_columns(path)
        wanted = [column for column in select_columns(source).values() if column not in folders]
        if wanted and not any(column in record for record in records if _is_object(record) for column in wanted):
            raise SourceError(f"{path}, line {row:,}: the record has {_describe_keys(first, wanted, source)}")
    # A line that begins as an object does is a record that was cut: a bad row.
    elif all(record == rejects.MALFORMED_RECORD for record in records) and not first_line.lstrip().startswith(b"{"):
        raise SourceError(f"{path}, line {rows[0]:,} {_describe_line(first_line, source)}")


def _is_object(record: Record) -> bool:
    return not isinstance(record, str)


def _describe_keys(record: Mapping[str, Any], wanted: Sequence[str], source: SourceConfig) -> str:
    """Returns the keys of a record, those that were expected, and what helps."""
    keys = [*show_names([*record][:_MOST_KEYS]), *(["..."] if len(record) > _MOST_KEYS else [])]
    found = f"the keys {', '.join(keys)}" if keys else "no keys"
    advice = (
        "Name the log's keys under source.columns; a log without scenes is read with source.columns.scene_id: null."
        if source.layout == "events"
        else "Write the sequences with these keys or, where a record is an event, set source.layout: events."
    )
    return f"{found}; expected {', '.join(wanted)}. {advice}"


def _describe_line(line: bytes, source: SourceConfig) -> str:
    """Returns what a line is that holds no record, what was expected, and what helps."""
    guess = csv_header.guess_header(line, source)
    if guess is None or len(guess[1]) < _FEWEST_COLUMNS:
        return (
            "is no JSON object; expected JSON Lines, an object a line. Check source.format, and that the file is a log."
        )
    delimiter, names = guess
    settings = ["source.format: csv"]
    if delimiter != source.delimiter:
        settings.append(f"source.delimiter: {csv_header.show_delimiter(delimiter)}")
    # Every time has digits, and hardly any name has. A line with a time is an event, and would tell its user.
    has_header = sum(character.isdigit() for name in names for character in name or "") < 4
    if not has_header:
        settings.append("source.header to the names of its columns")
    header = ", ".join(show_names([name or "" for name in names]))
    return (
        f"is not JSON: it looks like CSV {f'with the header {header}' if has_header else 'without a header'}; expected "
        f"JSON Lines, an object a line. Set {' and '.join(settings)}."
    )
