"""Casts of whole columns in which single bad values become null instead of failing the column."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from schemas.errors import UserError


class SourceError(UserError):
    """A log that cannot be read at all; the message says what, where, what was expected and what to do."""


TEXT, WHOLE_NUMBERS, BOOLEANS, UUIDS, NOTHING = "text", "whole numbers", "booleans", "UUIDs", "nothing"
"""What a column of ids may hold."""

ID_TYPES = "text, whole numbers, booleans or UUIDs"

_UUID_BYTES = 16
_UUID_GROUPS = (0, 8, 12, 16, 20, 32)
"""Where the hexadecimal digits of a UUID are parted by dashes: 8-4-4-4-12."""


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


def keep_matching(text: pa.StringArray, pattern: str) -> pa.StringArray:
    """Returns the texts [n] in which a pattern is found, else null."""
    return keep_where(text, pc.match_substring_regex(text, pattern))


def keep_where(text: pa.StringArray, mask: pa.BooleanArray) -> pa.StringArray:
    """Returns the texts [n] where a mask is set, else null."""
    return pc.if_else(pc.fill_null(mask, False), text, pa.scalar(None, pa.string()))


def is_text(kind: pa.DataType) -> bool:
    """Tells whether values of this type are text, or bytes that should be text."""
    return pt.is_string(kind) or pt.is_large_string(kind) or pt.is_binary(kind) or pt.is_large_binary(kind)


def find_plain_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type behind dictionaries, extension types and views: what `to_plain` makes of a column."""
    if pt.is_dictionary(kind):
        return find_plain_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return find_plain_type(kind.storage_type)
    # By name, because Arrow has views only since version 16.
    return {"string_view": pa.string(), "binary_view": pa.binary()}.get(str(kind), kind)


def to_plain(array: pa.Array) -> pa.Array:
    """Returns the column [n] without dictionary, extension type or view, in the type of `find_plain_type`."""
    if pt.is_dictionary(array.type):
        return to_plain(array.dictionary_decode())
    if isinstance(array.type, pa.BaseExtensionType):
        return to_plain(array.storage)
    kind = find_plain_type(array.type)
    return array if kind == array.type else array.cast(kind)


def encode(array: pa.Array) -> pa.DictionaryArray:
    """Returns the column [n] as codes into its distinct values, which are of the type of `find_plain_type`."""
    if pt.is_dictionary(array.type) and find_plain_type(array.type) == array.type.value_type:
        return array
    return to_plain(array).dictionary_encode()


def classify_ids(kind: pa.DataType) -> str | None:
    """Returns what ids a column of this type holds, as one of `ID_TYPES` or `NOTHING`; None if it can hold no ids."""
    kind = find_plain_type(kind)
    if is_text(kind):
        return TEXT
    if pt.is_integer(kind) or pt.is_decimal(kind) or pt.is_float32(kind) or pt.is_float64(kind):
        return WHOLE_NUMBERS
    if pt.is_boolean(kind):
        return BOOLEANS
    if pt.is_fixed_size_binary(kind) and kind.byte_width == _UUID_BYTES:
        return UUIDS
    return NOTHING if pt.is_null(kind) else None


def cast_to_text(array: pa.Array, name: str) -> pa.StringArray:
    """Returns ids as text: whole numbers in decimal, booleans as true and false, UUIDs with dashes.

    Args:
        array: ids of one of the types that `classify_ids` knows [n].
        name: the column's name, for the error.

    Returns:
        StringArray [n]; null where the value is null, no valid UTF-8, or a number that is not whole or too large to be
        held exactly (NaN stands for a missing value, and becomes null likewise).

    Raises:
        SourceError: if the column holds another type.
    """
    array = to_plain(array)
    kind = array.type
    if is_text(kind):
        # Files of type string are not checked when read: through binary, the cast back checks every value.
        return cast_or_null(array.cast(pa.binary()), pa.string())
    if pt.is_decimal(kind):
        return _decimals_to_text(array)
    if pt.is_float32(kind) or pt.is_float64(kind):
        return _floats_to_text(array)
    if classify_ids(kind) == UUIDS:
        return _uuids_to_text(array)
    if classify_ids(kind) is None:
        raise SourceError(f"column {name!r} holds {kind}; expected {ID_TYPES}. Convert it before ingest.")
    return array.cast(pa.string())


def find_nulls(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Returns which values of a column are null, as bool [n]."""
    return pc.is_null(array).to_numpy(zero_copy_only=False)


def find_missing(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Returns which values of a column are null or NaN, by which pandas writes what is missing, as bool [n]."""
    return pc.is_null(array, nan_is_null=True).to_numpy(zero_copy_only=False)


def _floats_to_text(array: pa.Array) -> pa.StringArray:
    values = array.to_numpy(zero_copy_only=False)
    # From this on, two whole numbers may have become one when they were written as floats.
    exact = 2 ** (np.finfo(values.dtype).nmant + 1)
    with np.errstate(invalid="ignore"):
        whole = (np.abs(values) < exact) & (values == np.floor(values))
    return pa.array(np.where(whole, values, 0).astype(np.int64), mask=~whole).cast(pa.string())


def _decimals_to_text(array: pa.Array) -> pa.StringArray:
    # In Python, because Arrow casts no decimal to text, and a decimal may be larger than any integer of Arrow.
    values = array.to_pylist()
    texts = [None if value is None or value != value.to_integral_value() else str(int(value)) for value in values]
    return pa.array(texts, pa.string())


def _uuids_to_text(array: pa.Array) -> pa.StringArray:
    values = [None if value is None else value.hex() for value in array.to_pylist()]
    parts = list(zip(_UUID_GROUPS, _UUID_GROUPS[1:], strict=False))
    texts = [value and "-".join(value[start:stop] for start, stop in parts) for value in values]
    return pa.array(texts, pa.string())
