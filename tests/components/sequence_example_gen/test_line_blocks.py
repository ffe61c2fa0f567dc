"""Lines: numbered as an editor does, and bounded, so that no file takes more memory or time than it should."""

import subprocess
import sys
import textwrap
import time

import pytest

from components.sequence_example_gen import line_blocks, text_input
from components.sequence_example_gen.config import SourceConfig
from tests.components.sequence_example_gen.reading import HEADER, read

TOO_LONG = "line_too_long"


@pytest.fixture
def small(monkeypatch):
    """Makes 64 bytes the longest line."""
    monkeypatch.setattr(text_input, "READ_BYTES", 16)
    monkeypatch.setattr(line_blocks, "MAX_LINE_BYTES", 64)


@pytest.mark.parametrize("size", [*range(1, 20), 64])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_blocks_hold_all_lines_in_order(tmp_path, monkeypatch, size, end):
    monkeypatch.setattr(text_input, "READ_BYTES", size)
    monkeypatch.setattr(line_blocks, "MAX_LINE_BYTES", 64)
    lines = ["a", "", "b" * 62, "", "", "c" * 65, "d" * 1000, "e", "f" * 300, "last"]
    path = tmp_path / "log"
    path.write_bytes(end.join(lines).encode())
    found = []
    for block in line_blocks.read_line_blocks(str(path), SourceConfig(path=str(path))):
        assert block.first_line == len(found) + 1 and len(block.text) == (0 if block.too_long else block.ends[-1])
        found += [None] if block.too_long else [line.decode().rstrip("\r\n") for line in block.split()]
    assert found == [None if len(line) > 64 else line for line in lines]


@pytest.mark.parametrize("most", [1, 2, 3, 7, 100])
def test_a_block_holds_so_many_lines_at_most(tmp_path, monkeypatch, most):
    monkeypatch.setattr(line_blocks, "MAX_BLOCK_LINES", most)
    lines = [b'"u,i,s,1\n', b'u",i,s,1\n', b"\n", b"u,i,s\n", b"\r\n", b"u,i,s,1\n", b'"u\n']
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER + b"".join(lines))
    blocks = [*line_blocks.read_line_blocks(str(path), SourceConfig(path=str(path)))]
    assert max(len(block.ends) for block in blocks) <= most
    assert [line for block in blocks for line in block.split()] == [HEADER, *lines]
    with pytest.raises(ValueError, match="log.csv, line 8: a quote opens a field there and is never closed"):
        read(path)
    good, bad = read(path, HEADER + b"".join(lines[:-1]))
    assert [row for row, _ in good] == [3, 7] and bad == [(2, "line_break_in_field"), (5, "wrong_column_count")]
    good, bad = read(path, HEADER + b"".join(lines[:-1]), newlines_in_fields=True)
    assert [row for row, _ in good] == [2, 7] and bad == [(5, "wrong_column_count")]


@pytest.mark.parametrize("size", [1, 7, 16, 64])
@pytest.mark.parametrize("last", [b"u,k,s,3\n", b"u,k,s,3", b""])
def test_a_line_that_is_too_long_is_one_bad_row(tmp_path, small, monkeypatch, size, last):
    monkeypatch.setattr(text_input, "READ_BYTES", size)
    data = HEADER + b"u,i,s,1\n" + b"u," + b"x" * 500 + b",s,2\nu,j,s,2\nu,k\n" + b"y" * 70 + b"\n" + last
    good, bad = read(tmp_path / "log.csv", data)
    expected = [(2, b"i"), (4, b"j"), *([(7, b"k")] if last else [])]
    assert [(row, values[1]) for row, values in good] == expected
    assert bad == [(3, TOO_LONG), (5, "wrong_column_count"), (6, TOO_LONG)]


def test_a_last_line_that_is_too_long_is_one_bad_row(tmp_path, small):
    assert read(tmp_path / "log.csv", HEADER + b"x" * 500) == ([], [(2, TOO_LONG)])


def test_records_that_are_too_long_are_bad_rows(tmp_path, small):
    line = b'{"user_id": 1, "item_id": 2, "timestamp": 3}\n'
    data = line + b'{"user_id": "' + b"x" * 100 + b'"}\n' + line
    good, bad = read(tmp_path / "log.jsonl", data, format="jsonl")
    assert [row for row, _ in good] == [1, 3] and bad == [(2, TOO_LONG)]


def test_where_fields_run_over_lines_no_row_may_be_too_long(tmp_path, small):
    for row in (b"x" * 500, b'"' + b"x\n" * 250 + b'",i,s,1'):
        with pytest.raises(ValueError, match="log.csv, line 3: the row is longer than 0 MiB. Is a quote open there"):
            read(tmp_path / "log.csv", HEADER + b"u,i,s,1\n" + row + b"\nu,j,s,2\n", newlines_in_fields=True)


def test_a_header_without_end_is_refused(tmp_path):
    with pytest.raises(ValueError, match="log.csv: line 1 is longer than 1 MiB; expected CSV with a header line"):
        read(tmp_path / "log.csv", b"x," * (1 << 20))


def test_a_line_without_end_is_refused(tmp_path, small, monkeypatch):
    monkeypatch.setattr(line_blocks, "MAX_SKIPPED_BYTES", 1 << 10)
    for form, begin in (("csv", HEADER), ("jsonl", b'{"user_id": 1}\n')):
        with pytest.raises(ValueError, match=f"log.{form} holds a line longer than .*expected a row a line"):
            read(tmp_path / f"log.{form}", begin + b"x" * 2000, format=form)


HUGE = """
import resource, sys
from tests.components.sequence_example_gen.reading import read
import pathlib
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    good, bad = read(pathlib.Path(sys.argv[1]), format=sys.argv[2])
    print(len(good), bad)
except ValueError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_huge_lines_end_soon_in_little_memory(tmp_path, form):
    """A line of 40 MB before good rows is skipped; 60 MB without a line break are refused, or one bad row."""
    path = tmp_path / f"log.{form}"
    begin = HEADER if form == "csv" else b""
    row = b"u,i,s,1\n" if form == "csv" else b'{"user_id":1}\n'
    cases = {
        begin + row + b"x" * (40 << 20) + b"\n" + row * 1000: f"1001 [({2 + (form == 'csv')}, '{TOO_LONG}')]",
        b"x" * (60 << 20): "line 1 is longer" if form == "csv" else f"0 [(1, '{TOO_LONG}')]",
    }
    for data, expected in cases.items():
        path.write_bytes(data)
        start = time.monotonic()
        command = [sys.executable, "-c", textwrap.dedent(HUGE), str(path), form]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        told, mebibytes = done.stdout.strip().rsplit("\n", 1)
        assert expected in told and int(mebibytes) < 400
        assert time.monotonic() - start < 60
