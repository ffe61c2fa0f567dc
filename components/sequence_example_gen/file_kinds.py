"""Kinds of files that are no UTF-8 text, told by their first bytes, and how to make text of each."""

import dataclasses
import re

from components.sequence_example_gen import files

HEAD_BYTES = 4096
"""How much of a file tells its kind."""


@dataclasses.dataclass(frozen=True)
class FileKind:
    """A kind of file that is no UTF-8 text.

    Attributes:
        name: what it is called, with its article.
        beginnings: the bytes that it may begin with; none of them begins a text.
        advice: what to do with such a file, where ``{path}`` is its name.
        codec: the compression that it is, in Arrow's words, if the ingest reads it.
        encoding: of text, by its name in Python.
    """

    name: str
    beginnings: tuple[bytes, ...]
    advice: str
    codec: str | None = None
    encoding: str | None = None


_CONVERT = "write it as CSV or Parquet"
_WORKBOOK = FileKind("an Excel workbook", (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",), "save its sheet as CSV")
_ORC = FileKind("an ORC file", (), _CONVERT)
_TAR = FileKind("a tar archive", (), "unpack it: tar -xf {path}")
_BZIP2 = tuple(b"BZh%d%b" % (level, block) for level in range(1, 10) for block in (b"1AY&SY", b"\x17rE8P"))

_PROGRAMS = {"gzip": "gzip", "bz2": "bzip2", "zstd": "zstd"}
"""Programs that unpack what the ingest reads compressed, by codec."""


def _make_compressed(name: str, beginnings: tuple[bytes, ...], codec: str) -> FileKind:
    ending = files.ENDINGS[codec]
    return FileKind(name, beginnings, f"let its name end with {ending}: mv {{path}} {{path}}{ending}", codec)


def _make_text(name: str, beginnings: tuple[bytes, ...], encoding: str) -> FileKind:
    return FileKind(name, beginnings, f"set source.encoding: {encoding}", encoding=encoding)


PARQUET = FileKind("Parquet", (b"PAR1\x15", b"PAR1\x19"), "set source.format: parquet")

_KINDS = (
    _WORKBOOK,
    _make_compressed("gzip data", (b"\x1f\x8b",), "gzip"),
    _make_compressed("bzip2 data", _BZIP2, "bz2"),
    _make_compressed("Zstandard data", (b"\x28\xb5\x2f\xfd",), "zstd"),
    FileKind("xz data", (b"\xfd7zXZ\0",), "unpack it: xz -d {path}"),
    FileKind("LZ4 data", (b"\x04\x22\x4d\x18",), "unpack it: lz4 -d {path}"),
    FileKind("a ZIP archive", (b"PK\x03\x04", b"PK\x05\x06"), "unpack it: unzip {path}"),
    FileKind("a 7-Zip archive", (b"7z\xbc\xaf\x27\x1c",), "unpack it: 7z x {path}"),
    FileKind("a RAR archive", (b"Rar!\x1a\x07",), "unpack it: unrar x {path}"),
    PARQUET,
    FileKind("an Arrow file", (b"ARROW1\0\0", b"\xff\xff\xff\xff"), _CONVERT),
    FileKind("an Avro file", (b"Obj\x01",), _CONVERT),
    FileKind("an SQLite database", (b"SQLite format 3\0",), _CONVERT),
    FileKind("a pickle of Python", (b"\x80\x03", b"\x80\x04", b"\x80\x05"), _CONVERT),
    FileKind("an HDF5 file", (b"\x89HDF\r\n\x1a\n",), _CONVERT),
    FileKind("a PDF document", (b"%PDF-",), _CONVERT),
    _make_text("UTF-32 text", (b"\xff\xfe\0\0", b"\0\0\xfe\xff"), "utf-32"),
    _make_text("UTF-16 text", (b"\xff\xfe", b"\xfe\xff"), "utf-16"),
)


_NO_TEXT = re.compile(rb"[\0-\x08\x0e-\x1a]")
"""Bytes that no text in UTF-8 holds."""


def recognise(head: bytes) -> FileKind | None:
    """Returns the kind of the file that begins with some bytes, or None if it is none of those that are known."""
    if head.startswith(b"PK") and (b"[Content_Types].xml" in head or b"xl/" in head):
        return _WORKBOOK
    if head[257:262] == b"ustar":
        return _TAR
    if head.startswith(b"ORC") and _NO_TEXT.search(head):  # Names of columns begin so, too: ORCID.
        return _ORC
    return next((kind for kind in _KINDS if head.startswith(kind.beginnings)), None)


def describe_unpacking(path: str, kind: FileKind) -> str | None:
    """Returns the command that unpacks a file once which is compressed twice.

    Args:
        path: the file; its ending says how it is compressed.
        kind: what is in it, unpacked by its ending.

    Returns:
        The command; None if the file is not compressed twice.
    """
    codec = files.find_codec(path)
    if not codec or not kind.codec:
        return None
    return f"{_PROGRAMS[codec]} -dc {path} > NEW_FILE{files.ENDINGS[kind.codec]}"


def recognise_by_nulls(head: bytes) -> FileKind | None:
    """Returns what a file is whose first bytes hold too many NULs for text; in UTF-16 every second byte may be one."""
    even, odd = (head[start::2].count(b"\0") / max(len(head) // 2, 1) for start in (0, 1))
    if max(even, odd) > 0.4 and min(even, odd) < 0.05:
        order = "be" if even > odd else "le"
        return _make_text("UTF-16 text without a byte order mark", (), f"utf-16-{order}")
    return FileKind("binary data", (), _CONVERT) if even + odd > 0.2 else None
