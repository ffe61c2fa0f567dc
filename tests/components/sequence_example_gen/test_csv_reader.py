"""A row of CSV is a line: no quote swallows the rows behind it, and every line is accounted for."""

import gzip
import json
import os
import time

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.sequence_example_gen import csv_reader, line_readers, parsing, readers, sequence_files, text_input
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import InputShard
from schemas import sequences
from tests.components.sequence_example_gen.reading import HEADER as HEADER_LINE
from tests.components.sequence_example_gen.reading import NAMES, read

HEADER = HEADER_LINE.removesuffix(b"\n")
CUT = {"cutoffs": ["2024-06-05"]}
OPEN, MISCOUNTED = "line_break_in_field", "wrong_column_count"
LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def write_log(path, stray, column, user="u{}"):
    """Writes a log of 20 users by 8 events, lines 2 to 161; a quote stands in front of a column's value in some."""
    lines = ["user_id,item_id,scene_id,timestamp,title"]
    for place in range(160):
        person, event = divmod(place, 8)
        values = [user.format(person), f"i{event}", f"s{event % 2}", str(1717200000 + 86400 * event), f"title {event}"]
        if place + 2 in stray:
            values[column] = '"' + values[column]
        lines.append(",".join(values))
    path.write_text("\n".join(lines) + "\n")
    return {"path": str(path)}


def test_a_quote_costs_its_own_row_only(ingest, tmp_path):
    log = write_log(tmp_path / "log.csv", stray=(52, 132), column=4)
    with pytest.raises(ValueError, match=r"2 of 160 rows are bad \(1.25%\): 2 line_break_in_field"):
        ingest(log, CUT)
    run = ingest({**log, "max_bad_share": 0.02}, CUT)
    assert [line.split(",")[1:3] for line in run.rejects().splitlines()[1:]] == [
        ["52", f'"{OPEN}"'],
        ["132", f'"{OPEN}"'],
    ]
    assert (run.count("events_in"), run.count("events_rejected"), run.count("events_kept")) == (160, 2, 158)


def test_a_quote_that_is_never_closed_names_its_line(ingest, tmp_path):
    log = write_log(tmp_path / "log.csv", stray=(52,), column=4)
    with pytest.raises(ValueError, match=r"log.csv, line 52: a quote opens a field there and is never closed.*Mend"):
        ingest({**log, "max_bad_share": 1.0}, CUT)


def test_quotes_carry_no_user_into_an_item(ingest, tmp_path):
    log = write_log(tmp_path / "log.csv", stray=(53, 59), column=1, user="private-{}@example.com")
    run = ingest({**log, "max_bad_share": 1.0}, CUT)
    assert sorted(raw for _, raw in run.id_map("items")) == [f"i{event}" for event in range(8)]
    assert sorted(raw for _, raw in run.id_map("scenes")) == ["s0", "s1"]
    assert run.count("rejected_line_break_in_field") == run.count("rows_rejected") == 2
    written = [os.path.join(folder, name) for folder, _, names in os.walk(run.folder) for name in names]
    assert len(written) >= 7
    for path in written:
        data = open(path, "rb").read()
        if path.endswith(".gz"):
            data = b"".join(tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator())
        assert b"private" not in data and b"example.com" not in data, path


TRICKY = b"".join(
    [
        b"\xef\xbb\xbf" + HEADER + b',"ti""tle"\r\n',
        b"u,i,s,1,x\r\n",
        b'u,"i,""2""",s,2,x\r\n',  # 3: a delimiter and doubled quotes inside quotes
        b"\r\n\n\r",  # 4 to 6: blank
        b'"u"x"y,i,s,3,x\n',  # 7: text behind a closing quote
        b'u,i"b,s,4,5" x\r',  # 8: quotes inside unquoted fields
        b'u,i"b,"s,5,x\n',  # 9: an even number of quotes leaves a field open
        b"u,i\n",  # 10: too few
        b'u,"i"",s,6,x\r\n',  # 11: a doubled quote closes nothing
        b"\xef\xbb\xbfu,i,s,7,x\n",  # 12: a byte order mark inside the file is text
        b'u,"' + b"i" * 300 + b'",s,8,x\n',  # 13: longer than a block
        b'u,"","",9,""\n',  # 14
        b'u,i,s,"10,x\n',  # 15: opens a field that 16 closes, for readers of fields over lines
        b'u,i,"s,11,x',  # 16: no line end
    ]
)
TRICKY_GOOD = [
    (2, (b"u", b"i", b"s", b"1")),
    (3, (b"u", b'i,"2"', b"s", b"2")),
    (7, (b'ux"y', b"i", b"s", b"3")),
    (8, (b"u", b'i"b', b"s", b"4")),
    (12, (b"\xef\xbb\xbfu", b"i", b"s", b"7")),
    (13, (b"u", b"i" * 300, b"s", b"8")),
    (14, (b"u", b"", b"", b"9")),
]
TRICKY_BAD = [(9, OPEN), (10, MISCOUNTED), (11, OPEN), (15, OPEN), (16, OPEN)]


@pytest.mark.parametrize("size", [*range(1, 65), 1 << 24])
def test_borders_of_blocks_change_nothing(tmp_path, monkeypatch, size):
    monkeypatch.setattr(text_input, "READ_BYTES", size)
    assert read(tmp_path / "log.csv", TRICKY) == (TRICKY_GOOD, TRICKY_BAD)


def test_other_ends_delimiters_and_packings_read_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(text_input, "READ_BYTES", 64)
    for delimiter in (b";", b"\t", b"|", b"]", b"^", b"-", b"\\"):
        data = TRICKY.replace(b",", delimiter)
        values = [(row, tuple(v.replace(b",", delimiter) for v in values)) for row, values in TRICKY_GOOD]
        assert read(tmp_path / "log.csv", data, delimiter=delimiter.decode()) == (values, TRICKY_BAD)
    members = gzip.compress(TRICKY[:90]) + gzip.compress(TRICKY[90:])
    assert read(tmp_path / "log.csv.gz", members) == (TRICKY_GOOD, TRICKY_BAD)
    unix = TRICKY.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for end in (b"\n", b"\r", b"\r\n"):
        assert read(tmp_path / "log.csv", unix.replace(b"\n", end)) == (TRICKY_GOOD, TRICKY_BAD)


def test_what_a_first_line_may_not_be(tmp_path):
    rows = b"\nu,i,s,1\n"
    cases = [
        (b"\xef\xbb\xbf", "is empty; expected CSV with a header"),
        (b"\n\r\n", "is empty; expected CSV with a header"),
        (b"\n" + HEADER + rows, "begins with a blank line"),
        (HEADER + b',"ti\ntle"\nu,i,s,1,x\n', "line 1: a quote opens the name of a column and is not closed"),
    ]
    for data, message in cases:
        with pytest.raises(ValueError, match=message):
            read(tmp_path / "log.csv", data)
    assert read(tmp_path / "log.csv", HEADER) == ([], [])


def parse(text):
    """The fields of CSV whose fields may run over lines, letter by letter; and the quote still open at the end."""
    fields, field, state, opened, place = [], "", "start", None, 0
    while place < len(text):
        letter = text[place]
        if state == "quoted":
            if text[place : place + 2] == '""':
                field += '"'
                place += 1
            elif letter == '"':
                state, opened = "plain", None
            else:
                field += letter
        elif letter in ",\n":
            fields.append(field.encode())
            field, state = "", "start"
        elif letter == '"' and state == "start":
            state, opened = "quoted", place
        else:
            field += letter
            state = "plain"
        place += 1
    return (*fields, field.encode()), opened


TOKENS = ['"', '""', "a", ",", "\n", "\r", "\r\n", "\n\n", "\ufeff", "u,i,s,1\n", 'u,"i,i",s,1\n', ',"', '",', "b\n"]


@hypothesis.settings(max_examples=400, deadline=None)
@hypothesis.given(st.lists(st.sampled_from(TOKENS), max_size=30).map("".join), st.integers(1, 64))
def test_any_csv_reads_as_a_plain_reader_reads_its_lines(tmp_path_factory, text, size):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    text = HEADER.decode() + "\n" + text
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    good, bad, blank = [], [], 0
    for number, line in enumerate(lines[1:], 2):
        fields, opened = parse(line)
        if not line:
            blank += 1
        elif opened is not None:
            bad.append((number, OPEN))
        elif len(fields) != 4:
            bad.append((number, MISCOUNTED))
        else:
            good.append((number, fields))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_input, "READ_BYTES", size)
        whole = "\n".join(lines)
        opened = parse(whole)[1]
        if opened is None:
            assert read(path, text.encode()) == (good, bad)
        else:
            number = 1 + whole[:opened].count("\n")
            with pytest.raises(ValueError, match=f"any.csv, line {number}: a quote opens a field there"):
                read(path, text.encode())
            # With one more line, which closes the quote, all rows are as they were.
            ending = "" if text.endswith(("\r", "\n")) else "\n"
            more = 1 + len(lines)
            assert read(path, f'{text}{ending}"'.encode()) == (good, [*bad, (more, OPEN)])
    assert len(lines) == 1 + blank + len(good) + len(bad)


def test_time_grows_with_the_file_alone(tmp_path, monkeypatch):
    """A line of many blocks, and quotes that close nothing, take no more than their share."""
    monkeypatch.setattr(text_input, "READ_BYTES", 1 << 12)
    begin = time.process_time()
    long = b'u,"' + b"i" * (8 << 20) + b'",s,1\n'
    assert [len(values[1]) for _, values in read(tmp_path / "log.csv", HEADER + b"\n" + long)[0]] == [8 << 20]
    monkeypatch.setattr(text_input, "READ_BYTES", 1 << 24)
    for line in (b'a"b,"c\na"\n', b'""""""\n', b'"x\n"y\n', b'x"x"x"\n'):
        good, bad = read(tmp_path / "log.csv", HEADER + b"\n" + line * 100_000)
        assert len(good) + len(bad) == 100_000 * line.count(b"\n")
    assert time.process_time() - begin < 20


def test_a_row_that_the_parser_loses_stops_the_run(tmp_path, monkeypatch):
    parse = csv_reader._parse_any

    def lose(*args):
        table, bad = parse(*args)
        return table.slice(1), bad

    monkeypatch.setattr(csv_reader, "_parse_any", lose)
    with pytest.raises(ValueError, match=r"log.csv, lines 2 to 5: 3 lines should each be a row, but 2 rows were read"):
        read(tmp_path / "log.csv", HEADER + b"\nu,i,s,1\n\nu,i,s,2\nu\n")
    batch = line_readers._batch
    monkeypatch.setattr(line_readers, "_batch", lambda rows, records, *rest: batch(rows[1:], records[1:], *rest))
    with pytest.raises(ValueError, match=r"log.jsonl, lines 1 to 4: 3 lines should each be a row, but 2 rows were"):
        read(tmp_path / "log.jsonl", b'{"user_id": 1}\n\n{}\n{\n', format="jsonl")


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_an_id_with_a_line_break_is_no_id(tmp_path, kind):
    breaks = LINE_BREAKS.replace("\n", "").replace("\r", "") if kind == "csv" else LINE_BREAKS
    rows = [tuple(f"a{letter}b" if i == column else "a" for i in range(3)) for column in range(3) for letter in breaks]
    rows = [(*row, "1") for row in [("é ok", "a\tb", "c d"), *rows]]
    path = tmp_path / f"log.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table(dict(zip(NAMES, zip(*rows, strict=True), strict=True))), path)
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps(dict(zip(NAMES, row, strict=True))) for row in rows))
    else:
        path.write_bytes("".join(",".join(row) + "\n" for row in [NAMES, *rows]).encode())
    source = SourceConfig(path=str(path), format=kind)
    (raw,) = readers.read_shard(InputShard(0, str(path)), source)
    parsed = parsing.parse_events(raw, source, lambda _: bytes(16))
    assert parsed.items["id"].to_pylist() == ["a\tb"]
    assert parsed.rejects["reason"].to_pylist() == ["line_break_in_id"] * 3 * len(breaks)
    details = [f"column {name}: an id with a line break" for name in NAMES[:3] for _ in breaks]
    assert parsed.rejects["detail"].to_pylist() == details


def test_an_id_with_a_line_break_rejects_its_sequence(tmp_path):
    good = {"user_id": "u"}
    for name in sequences.SEQUENCE_FEATURES[1:]:
        good[name] = ["1", "2"]
    ids = [name for name in sequences.SEQUENCE_FEATURES[1:] if "timestamps" not in name]
    bad = [{**good, "user_id": "u\nv"}, *({**good, name: ["1", "a\u2028b"]} for name in ids)]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, [good, *bad])))
    source = SourceConfig(path=str(path), format="jsonl", layout="sequences")
    (raw,) = readers.read_shard(InputShard(0, str(path)), source)
    parsed = sequence_files.parse_sequences(raw, source, lambda _: bytes(16), 0)
    assert parsed.rejects["row"].to_pylist() == [2, 3, 4, 5, 6] and len(parsed.events) == 4
    assert set(parsed.rejects["reason"].to_pylist()) == {"line_break_in_id"}
