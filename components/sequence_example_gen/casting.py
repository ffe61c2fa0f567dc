"""Casts of whole columns in which single bad values become null instead of failing the column."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from schemas.errors import UserError


class SourceError(UserError):
    """A log that cannot be read at all; the message says what, where, what was expected and what to do."""


def cast_or_null(array: pa.Array, to: pa.DataType) -> pa.Array:
    """Casts a column; values that cannot be cast become null.

    Good columns cost one Arrow cast. A column with bad values is halved until the bad ones stand alone, so `b` bad
    values among `n` cost about `b * log(n)` casts.

    Args:
        array: any Arrow array [n].
        to: the type to cast to.

    Returns:
        Array of type `to` [n].
    """
    try:
        return array.cast(to)
    except pa.ArrowInvalid:
        if len(array) == 1:
            return pa.nulls(1, to)
        half = len(array) // 2
        return pa.concat_arrays([cast_or_null(array[:half], to), cast_or_null(array[half:], to)])


def is_text(kind: pa.DataType) -> bool:
    """Tells whether values of this type are text, or bytes that should be text."""
    return pt.is_string(kind) or pt.is_large_string(kind) or pt.is_binary(kind) or pt.is_large_binary(kind)


def cast_to_text(array: pa.Array, name: str) -> pa.StringArray:
    """Returns a column as text: text itself, whole numbers in decimal; invalid UTF-8 becomes null.

    Args:
        array: text, bytes, integers, or a dictionary of these [n].
        name: the column's name, for the error.

    Returns:
        StringArray [n].

    Raises:
        SourceError: if the column holds another type.
    """
    kind = array.type
    if pt.is_dictionary(kind):
        return cast_to_text(array.dictionary_decode(), name)
    if is_text(kind):
        # Files of type string are not checked when read: through binary, the cast back checks every value.
        return cast_or_null(array.cast(pa.binary()), pa.string())
    if pt.is_integer(kind) or pt.is_null(kind):
        return array.cast(pa.string())
    raise SourceError(f"Column {name!r} holds {kind}; expected text or whole numbers. Convert it before ingest.")


def find_nulls(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Returns which values of a column are null, as bool [n]."""
    return pc.is_null(array).to_numpy(zero_copy_only=False)
