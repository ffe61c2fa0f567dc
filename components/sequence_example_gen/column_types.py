"""Types of columns: whether they can hold what they should, and whether all files of a log agree."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from components.sequence_example_gen.casting import (
    BOOLEANS,
    ID_TYPES,
    NOTHING,
    TEXT,
    UUIDS,
    WHOLE_NUMBERS,
    SourceError,
    classify_ids,
    is_text,
)
from components.sequence_example_gen.timestamps import TIME_TYPES, can_hold_times
from schemas import events, sequences

PLAIN_NUMBERS, POINT_NUMBERS = "text such as 5", "text such as 5.0"
"""How whole numbers are spelled in a column of text; programs that know no missing integer write the second."""

TWO_SPELLINGS = "one number in two spellings"
"""What a column of text holds that has 5 and 5.0, or 5.0 and 5.00: two ids as texts, and most likely meant as one."""

_RIVALS = ((TEXT, WHOLE_NUMBERS, BOOLEANS, UUIDS), (PLAIN_NUMBERS, POINT_NUMBERS))
"""Types of which the files of a log may have one, for one id could else be two."""

_TIME_FIELDS = (events.TIMESTAMP, sequences.HISTORY_TIMESTAMPS, sequences.FUTURE_TIMESTAMPS)
_ID_FIELDS = (events.USER_ID, events.ITEM_ID, events.SCENE_ID)
_LIST_FIELDS = (*sequences.HISTORY_FEATURES, *sequences.FUTURE_FEATURES)


def check_types(schema: pa.Schema, wanted: Mapping[str, str], path: str) -> dict[str, str]:
    """Checks that the columns of a file can hold what they should.

    Args:
        schema: the file's columns.
        wanted: the columns to read, ``{field: column}``; all are there.
        path: the file.

    Returns:
        What each column of ids holds, ``{column: type}``; nothing for a column of nulls.

    Raises:
        SourceError: names the file, the column, and its type.
    """
    found = {}
    for field, column in wanted.items():
        kind = schema.field(column).type
        expected = TIME_TYPES if field in _TIME_FIELDS else ID_TYPES
        if field in _LIST_FIELDS:
            expected = f"lists of {expected}, or text with commas between them"
            fits = is_text(kind) or pt.is_null(kind) or _is_list(kind) and _fits(field, kind.value_type)
        else:
            fits = _fits(field, kind)
        if not fits:
            raise SourceError(
                f"{path}: column {column!r} holds {kind}; expected {expected}. Name another column under "
                "source.columns, or write the log with a plain column for it."
            )
        if field in _ID_FIELDS and classify_ids(kind) != NOTHING:
            found[column] = classify_ids(kind) or ""
    return found


def classify_spelling(values: pa.StringArray) -> set[str]:
    """Returns which of `PLAIN_NUMBERS`, `POINT_NUMBERS` and `TWO_SPELLINGS` are among texts, no two of them alike."""
    found = set()
    if pc.any(pc.ascii_is_decimal(values)).as_py():
        found.add(PLAIN_NUMBERS)
    with_point = values.filter(pc.fill_null(pc.match_substring(values, ".0"), False))
    with_point = with_point.filter(pc.match_substring_regex(with_point, r"^-?\d+\.0+$"))
    if len(with_point):
        found.add(POINT_NUMBERS)
        plain = pc.replace_substring_regex(with_point, r"\.0+$", "")
        if len(plain.unique()) < len(plain) or pc.any(pc.is_in(plain, value_set=values)).as_py():
            found.add(TWO_SPELLINGS)
    return found


def describe_two_spellings(id_types: Mapping[tuple[str, str], str]) -> list[str]:
    """Returns a sentence for each column of ids that holds one number in two spellings; arguments as below."""
    return [
        f"Column {column!r} holds one number in two ways in {file}, such as 5 and 5.0: an id is the text as it is "
        "written, so they are two ids. If they are meant to be one, write the column in one way."
        for (column, kind), file in sorted(id_types.items())
        if kind == TWO_SPELLINGS
    ]


def find_type_conflicts(id_types: Mapping[tuple[str, str], str]) -> list[str]:
    """Returns a sentence for each column of ids whose type is not the same in all files.

    Args:
        id_types: the first file of each column and type, as in `summary.Summary`.
    """
    conflicts = []
    for column in sorted({column for column, _ in id_types}):
        for rivals in _RIVALS:
            found = [(kind, id_types[column, kind]) for kind in rivals if (column, kind) in id_types]
            if len(found) > 1:
                files = " and ".join(f"{kind} in {file}" for kind, file in found)
                conflicts.append(
                    f"Column {column!r} holds {files}: one id may be written in two ways, as 5 and as 5.0, and count "
                    "as two. Write the column with the same type in all files of the log."
                )
    return conflicts


def _fits(field: str, kind: pa.DataType) -> bool:
    return can_hold_times(kind) if field in _TIME_FIELDS else classify_ids(kind) is not None


def _is_list(kind: pa.DataType) -> bool:
    return pt.is_list(kind) or pt.is_large_list(kind)
