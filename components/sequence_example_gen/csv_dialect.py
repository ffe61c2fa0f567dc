"""Dialect of a CSV file: what separates its fields, and what encloses them."""

import dataclasses
import functools
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from components.sequence_example_gen.config import STAND_IN, SourceConfig
from components.sequence_example_gen.text_input import UNDECODABLE

_STAND_IN = STAND_IN.encode()


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Arrow parses delimiters of one ASCII character alone. Any other delimiter is replaced by a character that stands
    for it before text is parsed, so that it still means nothing inside quotes, and put back into the fields.

    Attributes:
        written_delimiter: the delimiter as it stands in the file, in UTF-8.
        quoting: whether a double quote encloses fields.
        newlines_in_fields: whether a quoted field may run over lines.
    """

    written_delimiter: bytes
    quoting: bool
    newlines_in_fields: bool

    @property
    def delimiter(self) -> bytes:
        """The one byte that separates fields in prepared text."""
        return _STAND_IN if self._is_replaced else self.written_delimiter

    @property
    def _is_replaced(self) -> bool:
        return len(self.written_delimiter) > 1

    def prepare(self, text: bytes) -> bytes:
        """Returns text in which `delimiter` separates fields."""
        if not self._is_replaced:
            return text
        # A stand-in that was there before is made undecodable: it costs the field that holds it, and moves no other.
        return text.replace(_STAND_IN, UNDECODABLE).replace(self.written_delimiter, _STAND_IN)

    def restore_text(self, text: bytes) -> bytes:
        """Returns prepared text as it stands in the file."""
        return text.replace(_STAND_IN, self.written_delimiter) if self._is_replaced else text

    def restore(self, fields: pa.Array) -> pa.Array:
        """Returns fields [n] of prepared text as they stand in the file."""
        if not (self._is_replaced and self.quoting):
            return fields
        return pc.replace_substring(fields, STAND_IN, self.written_delimiter.decode())

    def count_fields(self, row: bytes) -> int:
        """Returns how many fields a row of prepared text has, or more if a quote is left open in it."""
        if self.quoting and b'"' in row:
            # Delimiters inside quotes are text.
            row = _compile_quoted(self.delimiter).sub(b"", row)
        return row.count(self.delimiter) + 1

    def make_parse_options(self, **options: Any) -> pyarrow.csv.ParseOptions:
        """Returns Arrow's options for prepared text."""
        return pyarrow.csv.ParseOptions(
            delimiter=self.delimiter.decode(),
            quote_char='"' if self.quoting else False,
            double_quote=self.quoting,
            newlines_in_values=self.newlines_in_fields,
            **options,
        )


@functools.cache
def _compile_quoted(delimiter: bytes) -> re.Pattern[bytes]:
    """Returns the pattern of what a quoted field holds between its first quote and the one that closes it."""
    return re.compile(rb'(?:^|(?<=%b))"[^"]*+(?:""[^"]*+)*+"' % re.escape(delimiter))


def make_dialect(source: SourceConfig) -> Dialect:
    """Returns the dialect that a configuration names."""
    quoting = source.quote != "none"
    return Dialect(source.delimiter.encode(), quoting, source.newlines_in_fields and quoting)
