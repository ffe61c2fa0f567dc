"""Filter of rows, `source.keep`: a log of clicks, carts and buys is read as a log of one of them."""

import operator
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from components.sequence_example_gen.casting import cast_or_null, cast_to_text, encode, keep_matching
from components.sequence_example_gen.config import COMPARISON, SourceConfig
from components.sequence_example_gen.sources import name_filter_field

Wanted = tuple[str | bool | int | float, ...] | str
"""Values of a column, or a comparison with a number."""

_COMPARISONS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


def find_kept_rows(columns: Mapping[str, pa.Array], source: SourceConfig) -> npt.NDArray[np.bool_]:
    """Finds the rows of a batch that `source.keep` keeps.

    Args:
        columns: the fields of `sources.select_columns` [n].
        source: what to keep.

    Returns:
        bool [n].

    Raises:
        SourceError: if a column has a type that cannot be compared.
    """
    kept = np.ones(len(next(iter(columns.values()))), bool)
    for column, wanted in source.keep.items():
        kept &= find_kept(columns[name_filter_field(source, column)], wanted, column)
    return kept


def find_kept(array: pa.Array, wanted: Wanted, name: str) -> npt.NDArray[np.bool_]:
    """Finds the rows that a column keeps.

    Values are compared as ids are, as text; numbers by their value, so 4, "4" and 4.0 are equal. A row without a value
    is not kept.

    Args:
        array: the column [n], of a type that ids may have.
        wanted: the values to keep, or a comparison.
        name: the column's name, for the error.

    Returns:
        bool [n].

    Raises:
        SourceError: if the column holds another type.
    """
    encoded = encode(array)
    values = encoded.dictionary
    if pt.is_floating(values.type) or pt.is_decimal(values.type):
        text = values.cast(pa.float64()).cast(pa.string())  # Fractions are no ids, but good numbers here.
    else:
        text = cast_to_text(values, name)
    kept = _compare(text, wanted) if isinstance(wanted, str) else _find_among(text, wanted)
    return np.append(kept, False)[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)]


def _compare(text: pa.StringArray, comparison: str) -> npt.NDArray[np.bool_]:
    match = COMPARISON.fullmatch(comparison)
    assert match is not None, comparison  # SourceConfig has checked it.
    sign, number = match.groups()
    return _COMPARISONS[sign](_read_numbers(text), float(number))  # NaN, where there is no number, is never kept.


def _find_among(text: pa.StringArray, wanted: tuple[str | bool | int | float, ...]) -> npt.NDArray[np.bool_]:
    texts = pa.array([spelling for value in wanted for spelling in _spell(value)])
    numbers = _read_numbers(texts)
    by_text = pc.is_in(text, value_set=texts).to_numpy(zero_copy_only=False)
    return by_text | np.isin(_read_numbers(text), numbers[~np.isnan(numbers)])


def _spell(value: str | bool | int | float) -> list[str]:
    # YAML reads True as a boolean, and programs write booleans in each of these ways.
    return [str(value), str(value).lower(), str(value).upper()] if isinstance(value, bool) else [str(value)]


def _read_numbers(text: pa.StringArray) -> npt.NDArray[np.float64]:
    """Returns the numbers that texts hold [n]; NaN for a text that is none."""
    numbers = pc.utf8_trim_whitespace(keep_matching(text, _NUMBER))
    return cast_or_null(numbers, pa.float64()).to_numpy(zero_copy_only=False)
