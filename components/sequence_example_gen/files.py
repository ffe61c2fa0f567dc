"""Files on any Beam filesystem: opened as Arrow streams, written whole or not at all."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

_CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""Compressions by the ending of a file's name, in Arrow's words."""

ENDINGS = {codec: ending for ending, codec in _CODECS.items()}
"""Endings of the names of compressed files, by compression."""


def find_codec(path: str) -> str | None:
    """Returns the compression that a file's name stands for, in any case of letters, or None.

    >>> find_codec("log.csv.GZ"), find_codec("log.csv")
    ('gzip', None)
    """
    return _CODECS.get(os.path.splitext(path)[1].lower())


@contextlib.contextmanager
def open_stored(path: str) -> Iterator[pa.NativeFile]:
    """Opens a file for reading as it is stored, compressed or not."""
    with contextlib.closing(FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)) as raw:
        yield pa.PythonFile(raw, mode="r")


@contextlib.contextmanager
def open_input(path: str) -> Iterator[pa.NativeFile]:
    """Opens a file for reading; what its ending says is compressed, Arrow decompresses outside Python's lock.

    A compressed file that is cut short is an OSError when its end is reached.
    """
    codec = find_codec(path)
    with open_stored(path) as stored:
        yield pa.CompressedInputStream(stored, codec) if codec else stored


@contextlib.contextmanager
def create_whole(path: str, staging: str) -> Iterator[BinaryIO]:
    """Creates a file that appears under its name only when it is complete.

    A worker that is retried writes the same name again, so half a file is never read.

    Args:
        path: the file's final name.
        staging: folder, on the same filesystem, for the file while it grows.
    """
    temporary = FileSystems.join(staging, uuid.uuid4().hex)
    with FileSystems.create(temporary, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        yield file
    FileSystems.rename([temporary], [path])
