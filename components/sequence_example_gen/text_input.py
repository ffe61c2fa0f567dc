"""Text of a log's file: decompressed and brought to UTF-8, piece by piece."""

import codecs
import itertools
from collections.abc import Iterable, Iterator

import pyarrow as pa

from components.sequence_example_gen import file_kinds, files
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.file_kinds import FileKind

READ_BYTES = 16 << 20
"""Large enough that the users of a piece repeat, small enough to stay quick in memory."""

MAX_EXPANSION = 500
"""How many times its stored size a compressed file may have; real logs reach 50."""

EXPANSION_FREE_BYTES = 512 << 20
"""How much of a file is read before its expansion is judged."""

UNDECODABLE = b"\xff"
"""What stands in UTF-8 for bytes that are no text: itself no UTF-8, so only the field that holds it is bad."""

_MARK = "dspnet.mark_undecodable"


def read_text(path: str, source: SourceConfig) -> Iterator[bytes]:
    """Reads a file as UTF-8 text.

    Args:
        path: the file; its ending says whether it is compressed.
        source: format and encoding of the log.

    Yields:
        Pieces of some `READ_BYTES`, none of them empty. Text in UTF-8 is passed on as it is, right or wrong.

    Raises:
        SourceError: if the file is no text, or expands so much that it cannot be a log.
        OSError: if the file cannot be read or is cut short.
    """
    check_compression(path, source.format)
    _check_text(path, source)
    pieces = _read_pieces(path)
    yield from pieces if is_utf_8(source.encoding) else _transcode(pieces, source.encoding, path)


def is_utf_8(encoding: str) -> bool:
    """Tells whether text in an encoding is UTF-8 already.

    >>> is_utf_8("UTF8"), is_utf_8("utf-16")
    (True, False)
    """
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def check_compression(path: str, form: str) -> None:
    """Checks that a file whose name says that it is compressed is.

    Args:
        path: the file.
        form: what it should hold, for the error.

    Raises:
        SourceError: if it is not.
    """
    codec = files.find_codec(path)
    if not codec:
        return
    with files.open_stored(path) as stored:
        head = stored.read(file_kinds.HEAD_BYTES)
    kind = file_kinds.recognise(head)
    if head and (kind is None or kind.codec != codec):
        ending = path[path.rindex(".") :]
        found = kind.name if kind else "not compressed"
        raise SourceError(
            f"{path} is {found}; expected {form} compressed as its ending {ending} says: rename it to what it is."
        )


def _check_text(path: str, source: SourceConfig) -> None:
    """Checks by the first bytes of a file, decompressed, that it is text in the encoding that is configured."""
    with files.open_input(path) as file:
        head = file.read(file_kinds.HEAD_BYTES)
    kind = file_kinds.recognise(head)
    if is_utf_8(source.encoding):
        kind = kind or file_kinds.recognise_by_nulls(head)
    elif kind and kind.encoding:
        kind = None
    if kind:
        raise make_kind_error(path, kind, f"{source.format} as {source.encoding} text")


def make_kind_error(path: str, kind: FileKind, expected: str) -> SourceError:
    """Returns the error for a file that is of another kind, unpacked as its ending says, than is expected."""
    if command := file_kinds.describe_unpacking(path, kind):
        twice = f"{path} is compressed twice: unpacked, it is {kind.name}"
        return SourceError(f"{twice}. Unpack it once, and read the new file: {command}.")
    return SourceError(f"{path} is {kind.name}; expected {expected}: {kind.advice.format(path=path)}.")


def _read_pieces(path: str) -> Iterator[bytes]:
    codec = files.find_codec(path)
    with files.open_stored(path) as stored:
        stream = pa.CompressedInputStream(stored, codec) if codec else stored
        size = 0
        while piece := stream.read(READ_BYTES):
            size += len(piece)
            if codec and size > max(EXPANSION_FREE_BYTES, MAX_EXPANSION * stored.tell()):
                raise SourceError(
                    f"{path} expands to more than {MAX_EXPANSION} times its size, as no log does: its text is nothing "
                    "but repetition. If it is meant, decompress it before the run."
                )
            yield piece


def _transcode(pieces: Iterable[bytes], encoding: str, path: str) -> Iterator[bytes]:
    """Yields text as UTF-8; what cannot be decoded becomes `UNDECODABLE`.

    Raises:
        SourceError: if the file as a whole is not in the encoding.
    """
    codecs.register_error(_MARK, _mark_undecodable)
    decoder = codecs.getincrementaldecoder(encoding)(_MARK)
    for piece, final in itertools.chain(((piece, False) for piece in pieces), [(b"", True)]):
        try:
            text = decoder.decode(piece, final)
        except UnicodeError as error:  # Of the whole file: a byte order mark that is missing.
            raise SourceError(
                f"{path} does not begin as {encoding} text does. If it has no byte order mark, name the order of its "
                "bytes in source.encoding, as in utf-16-le."
            ) from error
        if text:
            yield text.encode("utf-8", _MARK)


def _mark_undecodable(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end  # Half of a character: it is no text, and comes back when it is encoded.
    assert isinstance(error, UnicodeEncodeError)
    return UNDECODABLE, error.end
