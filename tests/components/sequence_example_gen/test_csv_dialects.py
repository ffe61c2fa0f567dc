"""CSV as people have it: no header, any delimiter, quotes that are text, fields that run over lines."""

import hypothesis
import hypothesis.strategies as st
import pytest

from components.sequence_example_gen import readers, text_input
from components.sequence_example_gen.casting import SourceError
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.sources import InputShard
from tests.components.sequence_example_gen.conftest import user
from tests.components.sequence_example_gen.reading import HEADER, NAMES, read
from tests.components.sequence_example_gen.test_csv_reader import parse

CUT = {"cutoffs": ["2024-06-05"]}
EXPECTED = {user(f"u{person}"): [([f"i{event}" for event in range(4)], ["i4", "i5"])] for person in range(3)}


def write_log(path, delimiter=",", header=True, encoding="utf-8", extra="", title="title"):
    """Writes 3 users by 6 days; a last column `extra` holds a title."""
    lines = [delimiter.join([*NAMES, *([extra] if extra else [])])] if header else []
    for person in range(3):
        for event in range(6):
            values = [f"u{person}", f"i{event}", f"s{event % 2}", str(1717200000 + 86400 * event)]
            lines.append(delimiter.join([*values, *([title] if extra else [])]))
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return {"path": str(path)}


def test_a_log_without_a_header(ingest, tmp_path):
    log = write_log(tmp_path / "u.data", "\t", header=False)
    with pytest.raises(
        ValueError, match=r"is the header missing\? .*source.header, as in \[user_id, item_id, scene_id"
    ):
        ingest({**log, "delimiter": "tab"}, CUT)
    run = ingest({**log, "delimiter": "tab", "header": [*NAMES]}, CUT)
    assert run.raw("train") == EXPECTED and run.count("events_in") == run.count("events_kept") == 18


@pytest.mark.parametrize("text", ["i", "ï", "\udcff"])
def test_a_row_of_another_width_says_how_wide_it_is(tmp_path, text):
    widths = (4, 3, 4, 5, 3, 2000)
    rows = [",".join(["u", text, *["s"] * (width - 3), "1"]) for width in widths]
    data = "".join(f"{row}\n" for row in rows).encode("utf-8", "surrogateescape")
    (tmp_path / "log.csv").write_bytes(data)
    source = SourceConfig(path=str(tmp_path / "log.csv"), header=[*NAMES, "title"])
    (raw,) = readers.read_shard(InputShard(0, source.path), source)
    details = sorted((row["row"], row["detail"]) for row in raw.rejects.to_pylist())
    assert raw.rows.tolist() == [4] and details == [
        (1, "source.header names 5 columns, and the line holds 4"),
        (2, "source.header names 5 columns, and the line holds 3"),
        (3, "source.header names 5 columns, and the line holds 4"),
        (5, "source.header names 5 columns, and the line holds 3"),
        (6, "source.header names 5 columns, and the line holds more than 1,029"),
    ]
    (tmp_path / "log.csv").write_bytes(HEADER + b"u,i,s\n")
    source = SourceConfig(path=source.path)
    (raw,) = readers.read_shard(InputShard(0, source.path), source)
    assert raw.rejects["detail"].to_pylist() == ["the header names 4 columns, and the line holds 3"]


def test_a_header_of_the_wrong_length_is_told_with_both_numbers(ingest, tmp_path):
    log = write_log(tmp_path / "u.data", header=False)
    with pytest.raises(
        ValueError,
        match=r"18 wrong_column_count \(source.header names 5 columns, and the line holds 4\).*source.header and",
    ):
        ingest({**log, "header": [*NAMES, "title"]}, CUT)


@pytest.mark.parametrize("delimiter", ["::", "|", "\t", "||", "~", ", ", "¦", "→"])
def test_any_delimiter(ingest, tmp_path, delimiter):
    log = write_log(tmp_path / "ratings.dat", delimiter)
    assert ingest({**log, "delimiter": delimiter}, CUT).raw("train") == EXPECTED


def test_a_header_of_another_encoding_in_an_unused_column(ingest, tmp_path):
    log = write_log(tmp_path / "log.csv", encoding="latin-1", extra="Größe", title="très")
    assert ingest(log, CUT).raw("train") == EXPECTED


def test_quotes_may_be_text(ingest, tmp_path):
    log = write_log(tmp_path / "log.csv", extra="title", title='"12 inch mix')
    with pytest.raises(ValueError, match="18 of 18 rows are bad|a quote opens a field there and is never closed"):
        ingest(log, CUT)
    run = ingest({**log, "quote": "none"}, CUT)
    assert run.raw("train") == EXPECTED and run.count("events_in") == 18


def test_quotes_as_text_mean_nothing(tmp_path):
    data = HEADER + b'"u,"i"",s",1\n"\n"u","i","s","2"\n'
    good, bad = read(tmp_path / "log.csv", data, quote="none")
    assert good == [(2, (b'"u', b'"i""', b's"', b"1")), (4, (b'"u"', b'"i"', b'"s"', b'"2"'))]
    assert bad == [(3, "wrong_column_count")]


def test_a_delimiter_of_several_characters_means_nothing_in_quotes(tmp_path):
    rows = ['u::"a::b"::s::1', "u:::i::s::2", '"u""::"::"i"::s::3', "u\x1f::i::s::4", "u::i::s", "u::i::s::5::"]
    data = HEADER.replace(b",", b"::") + "\n".join(rows).encode()
    good, bad = read(tmp_path / "log.csv", data, delimiter="::")
    assert good == [
        (2, (b"u", b"a::b", b"s", b"1")),
        (3, (b"u", b":i", b"s", b"2")),
        (4, (b'u"::', b"i", b"s", b"3")),
        # The character that stands for the delimiter is no text of such a file, as bytes that are not UTF-8 are none.
        (5, (b"u\xff", b"i", b"s", b"4")),
    ]
    assert bad == [(6, "wrong_column_count"), (7, "wrong_column_count")]
    good, _ = read(tmp_path / "log.csv", data, delimiter="::", quote="none")
    assert good[0] == (3, (b"u", b":i", b"s", b"2"))


@pytest.mark.parametrize(
    ("delimiter", "advice"), [(";", '";"'), ("\t", "tab"), ("|", '"|"'), ("::", '"::"'), (" ", '" "')]
)
def test_a_header_that_another_delimiter_splits_is_recognised(tmp_path, delimiter, advice):
    data = HEADER.replace(b",", delimiter.encode()) + delimiter.join(["private-ann", "i", "s", "1"]).encode()
    with pytest.raises(ValueError) as error:
        read(tmp_path / "log.csv", data)
    assert f"separated otherwise than by ','. Set source.delimiter: {advice}." in str(error.value)
    assert "private" not in str(error.value)


def test_a_header_without_its_line_break_tells_no_user(tmp_path):
    row = b"private-ann,i,s,1\n"
    for data in (HEADER.rstrip() + row * 2, HEADER.rstrip() + row):
        with pytest.raises(ValueError, match="its header has 7 columns, and the line behind it has not") as error:
            read(tmp_path / "log.csv", data)
        assert "private" not in str(error.value)


def test_json_named_csv_and_a_column_twice(tmp_path):
    with pytest.raises(ValueError, match="line 1 looks like JSON. Set source.format: jsonl"):
        read(tmp_path / "log.csv", b'{"user_id": 1}\n')
    with pytest.raises(ValueError, match="log.csv has 2 columns named 'item_id'"):
        read(tmp_path / "log.csv", b"item_id," + HEADER + b"i,u,j,s,1\n")
    assert read(tmp_path / "log.csv", b"x,x," + HEADER + b"1,2,u,j,s,1\n")[0] == [(2, (b"u", b"j", b"s", b"1"))]


def test_a_bad_row_that_is_not_utf_8_costs_itself_alone(tmp_path):
    data = HEADER + b"u,i,s,1\nu\xff,i\nu,\xffj,s,2\n\n\xff\xff\nu,k,s,3\n" + b'u,"\xff,s,4\nu,"l",s,5\n'
    good, bad = read(tmp_path / "log.csv", data)
    assert [(row, values[1]) for row, values in good] == [(2, b"i"), (4, b"\xffj"), (7, b"k"), (9, b"l")]
    assert bad == [(3, "wrong_column_count"), (6, "wrong_column_count"), (8, "line_break_in_field")]
    good, bad = read(tmp_path / "log.csv", data.replace(b'"\xff', b'"\xff"'), newlines_in_fields=True)
    assert [row for row, _ in good] == [2, 4, 7, 8, 9] and [row for row, _ in bad] == [3, 6]


TOKENS = ['"', '""', "a", ",", "\n", "\r\n", "\n\n", "é", "u,i,s,1\n", 'u,"i,i",s,1\n', 'u,"i\ni",s,1\n', ',"', '",']


def read_records(text):
    """Records of CSV whose fields run over lines: their first lines and fields; the line of a quote left open."""
    records, line, rest = [], 2, text.splitlines(keepends=True)
    while rest:
        for size in range(1, len(rest) + 1):
            record = "".join(rest[:size])
            fields, opened = parse(record.removesuffix("\n"))
            if opened is None:
                break
        else:
            return records, line + record[:opened].count("\n")
        if record != "\n":
            records.append((line, fields))
        rest, line = rest[size:], line + size
    return records, None


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join), st.integers(1, 64), st.booleans())
def test_fields_over_lines_read_as_a_plain_reader_reads_them(tmp_path_factory, text, size, wide):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    records, open_line = read_records(text.replace("\r\n", "\n"))
    data = HEADER + text.replace("\r\n", "\n").encode()
    if wide:
        data = data.replace(b",", b"::")
        records = [(line, tuple(field.replace(b",", b"::") for field in fields)) for line, fields in records]
    source = {"newlines_in_fields": True, "delimiter": "::" if wide else ","}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_input, "READ_BYTES", size)
        if open_line:
            with pytest.raises(ValueError, match=f"any.csv, line {open_line}: a quote opens a field there"):
                read(path, data, **source)
            return
        good, bad = read(path, data, **source)
    assert good == [(line, fields) for line, fields in records if len(fields) == 4]
    assert bad == [(line, "wrong_column_count") for line, fields in records if len(fields) != 4]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("text", ["i{}", "ï{}"])
@pytest.mark.parametrize("number", [1_000, 150_000, 1_100_000])
def test_a_row_of_very_many_fields_is_one_bad_row(tmp_path, number, text, quoted):
    """Arrow writes beyond its buffer for such a row, into its neighbours or to the end of the process."""
    rows = [f"u,{text.format(place)},s,{place}" for place in range(960)]
    wide = '"a,b"' * quoted + "," * number
    good, bad = read(tmp_path / "log.csv", "\n".join([",".join(NAMES), *rows[:480], wide, *rows[480:], ""]).encode())
    assert bad == [(482, "wrong_column_count")]
    assert [values for _, values in good] == [
        (b"u", text.format(place).encode(), b"s", str(place).encode()) for place in range(960)
    ]


def test_delimiters_inside_quotes_make_no_fields(tmp_path):
    value = '"' + 'a,""' * 50_000 + '"'
    good, bad = read(tmp_path / "log.csv", HEADER + f"u,{value},s,1\nu,i,{value},2\n{value},i,s,3,4\n".encode())
    assert [number for number, _ in good] == [2, 3] and bad == [(4, "wrong_column_count")]


def test_more_columns_than_a_log_has(tmp_path):
    with pytest.raises(SourceError, match="line 1 has 10,005 columns; expected at most 10,000. Check source.delimiter"):
        read(tmp_path / "log.csv", HEADER[:-1] + b",x" * 10_001 + b"\n")


def test_an_encoding_that_wants_a_byte_order_mark(tmp_path):
    data = (HEADER.decode() + "u,i,s,1\n").encode("utf-16-le")
    with pytest.raises(SourceError, match="does not begin as utf-16 text does.*as in utf-16-le"):
        read(tmp_path / "log.csv", data, encoding="utf-16")
    assert read(tmp_path / "log.csv", data, encoding="utf-16-le") == ([(2, (b"u", b"i", b"s", b"1"))], [])
