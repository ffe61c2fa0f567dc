"""Compressed and encoded files are read; what is no text is refused with the way to make text of it."""

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from components.sequence_example_gen import text_input
from tests.components.sequence_example_gen.reading import HEADER, read

LOG = HEADER + "u,é,s,1\nv,ø,s,2\n".encode()
GOOD = [(2, (b"u", "é".encode(), b"s", b"1")), (3, (b"v", "ø".encode(), b"s", b"2"))]
JSON = '{"user_id": "u", "item_id": "é", "scene_id": "s", "timestamp": 1}\n'.encode()


def compress_gzip(data: bytes) -> bytes:
    """Returns the same bytes at any time, because they become part of the names of tests."""
    return gzip.compress(data, mtime=0)


def zstd(data):
    return pa.Codec("zstd").compress(data, asbytes=True)


def zipped(name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, LOG)
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("log.csv"))
    return file.getvalue()


def written(write):
    file = io.BytesIO()
    write(pa.table({"user_id": ["u"]}), file)
    return file.getvalue()


def database(path):
    connection = sqlite3.connect(path)
    connection.execute("create table log (user_id)")
    connection.commit()
    connection.close()
    return path.read_bytes()


PACKED = {"gz": gzip.compress, "GZ": gzip.compress, "bz2": bz2.compress, "Bz2": bz2.compress, "zst": zstd}


@pytest.mark.parametrize("ending", PACKED)
def test_files_are_decompressed_by_their_ending(tmp_path, ending):
    pack = PACKED[ending]
    members = pack(LOG[:40]) + pack(LOG[40:])  # As `cat a.gz b.gz` makes them.
    assert read(tmp_path / f"log.csv.{ending}", members) == (GOOD, [])
    good, bad = read(tmp_path / f"log.jsonl.{ending}", pack(JSON), format="jsonl")
    assert good == [(1, ("u", "é", "s", "1"))] and not bad


@pytest.mark.parametrize("ending", PACKED)
def test_a_compressed_file_that_is_cut_short_is_refused(tmp_path, ending):
    whole = PACKED[ending](HEADER + b"".join(b"u,%d,s,%d\n" % (i * i, i) for i in range(2000)))
    for cut in (1, 5, len(whole) // 2):
        with pytest.raises(ValueError, match=rf"log.csv.{ending} cannot be read; expected \w+ compressed csv .OSError"):
            read(tmp_path / f"log.csv.{ending}", whole[:-cut])


@pytest.mark.parametrize("ending", ["gz", "bz2", "zst"])
def test_what_is_not_compressed_as_its_ending_says_is_refused(tmp_path, ending):
    path = tmp_path / f"log.csv.{ending}"
    with pytest.raises(ValueError, match=rf"is not compressed; expected csv compressed as its ending .{ending} says"):
        read(path, LOG)
    with pytest.raises(ValueError, match=rf"is a ZIP archive; expected csv compressed as its ending .{ending} says"):
        read(path, zipped("log.csv"))
    with pytest.raises(ValueError, match="is a ZIP archive; expected csv as utf-8 text: unpack it"):
        read(path, PACKED[ending](zipped("log.csv")))


@pytest.mark.parametrize(
    ("name", "data", "command"),
    [
        ("log.csv.gz", compress_gzip(compress_gzip(LOG)), "gzip -dc {path} > NEW_FILE.gz"),
        ("log.csv.GZ", compress_gzip(bz2.compress(LOG)), "gzip -dc {path} > NEW_FILE.bz2"),
        ("log.csv.bz2", bz2.compress(zstd(LOG)), "bzip2 -dc {path} > NEW_FILE.zst"),
        ("log.csv.zst", zstd(compress_gzip(LOG)), "zstd -dc {path} > NEW_FILE.gz"),
    ],
)
def test_what_is_compressed_twice_is_refused_with_the_command_that_helps(tmp_path, name, data, command):
    path = tmp_path / name
    with pytest.raises(ValueError) as error:
        read(path, data)
    assert f"{path} is compressed twice: unpacked, it is " in str(error.value)
    assert str(error.value).endswith(f"Unpack it once, and read the new file: {command.format(path=path)}.")


KINDS = {
    "gzip data": (compress_gzip(LOG), "let its name end with .gz: mv {path} {path}.gz"),
    "bzip2 data": (bz2.compress(LOG), "let its name end with .bz2: mv {path} {path}.bz2"),
    "Zstandard data": (zstd(LOG), "let its name end with .zst: mv {path} {path}.zst"),
    "xz data": (lzma.compress(LOG), "unpack it: xz -d {path}"),
    "a ZIP archive": (zipped("log.csv"), "unpack it: unzip {path}"),
    "an Excel workbook": (zipped("xl/worksheets/sheet1.xml"), "save its sheet as CSV"),
    "a tar archive": (tarred(), "unpack it: tar -xf {path}"),
    "a RAR archive": (b"Rar!\x1a\x07\x01\0rest", "unpack it: unrar x {path}"),
    "an ORC file": (written(pyarrow.orc.write_table), "write it as CSV or Parquet"),
    "Parquet": (written(pq.write_table), "set source.format: parquet"),
    "an Arrow file": (written(pyarrow.feather.write_feather), "write it as CSV or Parquet"),
    "UTF-16 text": (LOG.decode().encode("utf-16"), "set source.encoding: utf-16"),
    "UTF-32 text": (LOG.decode().encode("utf-32"), "set source.encoding: utf-32"),
    "binary data": (bytes(range(32)) * 20 + b"\0" * 300, "write it as CSV or Parquet"),
}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_of_files_are_refused_by_name(tmp_path, kind, form):
    data, advice = KINDS[kind]
    path = tmp_path / f"log.{form}"
    with pytest.raises(ValueError) as error:
        read(path, data, format=form)
    assert str(error.value) == f"{path} is {kind}; expected {form} as utf-8 text: {advice.format(path=path)}."


def test_a_database_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="is an SQLite database; expected csv"):
        read(tmp_path / "log.csv", database(tmp_path / "log.db"))


def test_a_header_may_begin_as_an_orc_file_does(tmp_path):
    assert read(tmp_path / "log.csv", b"ORCID," + LOG.replace(b"\n", b"\n1,").removesuffix(b"1,"))[0] == GOOD


@pytest.mark.parametrize(("order", "expected"), [("le", "utf-16-le"), ("be", "utf-16-be")])
def test_utf_16_without_a_mark_is_recognised(tmp_path, order, expected):
    data = LOG.decode().encode(f"utf-16-{order}")
    with pytest.raises(ValueError, match=f"without a byte order mark; .*: set source.encoding: {expected}"):
        read(tmp_path / "log.csv", data)
    assert read(tmp_path / "log.csv", data, encoding=expected) == (GOOD, [])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 24])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"])
def test_encodings_read_alike_whatever_the_pieces(tmp_path, monkeypatch, encoding, size):
    monkeypatch.setattr(text_input, "READ_BYTES", size)
    assert read(tmp_path / "log.csv", LOG.decode().encode(encoding), encoding=encoding) == (GOOD, [])
    packed = compress_gzip(JSON.decode().encode(encoding))
    assert read(tmp_path / "log.json.gz", packed, encoding=encoding, format="jsonl")[0] == [(1, ("u", "é", "s", "1"))]


def test_what_an_encoding_does_not_know_costs_its_field(tmp_path):
    data = HEADER + b"u,a,s,1\nu,\x81,s,2\nu,\x93b\x94,s,3\n"  # In cp1252 no character has the number 81.
    good, bad = read(tmp_path / "log.csv", data, encoding="cp1252")
    assert not bad and [values[1] for _, values in good] == [b"a", b"\xff", "“b”".encode()]
    odd = (HEADER + b"u,a,s,1\n").decode().encode("utf-16-le") + b"u"
    good, bad = read(tmp_path / "log.csv", odd, encoding="utf-16-le")
    assert [row for row, _ in good] == [2] and bad == [(3, "wrong_column_count")]


def test_only_the_wanted_names_of_a_header_must_be_readable(tmp_path):
    header = b"Gr\xf6\xdfe," + HEADER
    assert read(tmp_path / "log.csv", header + b"XL,u,i,s,1\nL\xf6,u,j,s,2\n")[0] == [
        (2, (b"u", b"i", b"s", b"1")),
        (3, (b"u", b"j", b"s", b"2")),
    ]
    columns = {"item_id": "Größe"}
    with pytest.raises(
        ValueError, match="no column 'Größe': its header is not utf-8 text. Set source.encoding .*iconv"
    ):
        read(tmp_path / "log.csv", header + b"XL,u,i,s,1\n", columns=columns)
    good, _ = read(tmp_path / "log.csv", header + b"\xdc,u,i,s,1\n", columns=columns, encoding="latin-1")
    assert good == [(2, (b"u", "Ü".encode(), b"s", b"1"))]


def test_a_file_that_is_nothing_but_repetition_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_input, "READ_BYTES", 1 << 16)
    monkeypatch.setattr(text_input, "EXPANSION_FREE_BYTES", 1 << 20)
    bomb = HEADER + b"\n" * (4 << 20)
    with pytest.raises(ValueError, match="log.csv.gz expands to more than 500 times its size, as no log does"):
        read(tmp_path / "log.csv.gz", compress_gzip(bomb))
    assert read(tmp_path / "log.csv", bomb) == ([], [])
    monkeypatch.setattr(text_input, "EXPANSION_FREE_BYTES", 8 << 20)
    assert read(tmp_path / "log.csv.gz", compress_gzip(bomb)) == ([], [])
