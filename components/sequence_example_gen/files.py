"""Files on any Beam filesystem: opened as Arrow streams, written whole or not at all."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems


@contextlib.contextmanager
def open_input(path: str) -> Iterator[pa.NativeFile]:
    """Opens a file for reading; a name that ends with .gz is decompressed by Arrow, outside Python's lock."""
    raw = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    with contextlib.closing(raw):
        stream = pa.PythonFile(raw, mode="r")
        yield pa.CompressedInputStream(stream, "gzip") if path.endswith(".gz") else stream


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
