"""JSON Lines: one bad record is one bad row, and what is no JSON Lines is refused."""

import gzip
import json

import pytest

from components.sequence_example_gen import line_readers, text_input
from components.sequence_example_gen.casting import SourceError
from tests.components.sequence_example_gen.conftest import user
from tests.components.sequence_example_gen.reading import NAMES, read

GOOD = {"user_id": "u", "item_id": "i", "scene_id": "s", "timestamp": 1}


def read_values(path, *records):
    """The values of good rows by row, and bad rows."""
    lines = [json.dumps({**GOOD, **record}) if isinstance(record, dict) else record for record in records]
    good, bad = read(path, "\n".join(lines).encode(), format="jsonl")
    return dict(good), bad


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5.0", "5.0"),
        (5, "5"),
        (5.0, "5"),
        (-0.0, "0"),
        (float(2**53 - 1), str(2**53 - 1)),
        (2**64 - 1, str(2**64 - 1)),
        (True, "true"),
        (False, "false"),
        (float("nan"), None),
        (None, None),
        ("é\u0000", "é\u0000"),
    ],
)
def test_ids_are_the_text_that_a_person_would_write(tmp_path, value, text):
    good, bad = read_values(tmp_path / "log.jsonl", {"scene_id": value})
    assert good == {1: ("u", "i", text, "1")} and not bad


@pytest.mark.parametrize("value", [5.5, 2.0**53 + 2, 10**30, 1e300, float("inf"), [1], {"a": 1}])
def test_what_is_no_id_is_a_bad_row(tmp_path, value):
    good, bad = read_values(tmp_path / "log.jsonl", {}, {"scene_id": value}, {})
    assert list(good) == [1, 3] and bad == [(2, "wrong_type")]


def test_times_keep_their_fractions(tmp_path):
    good, _ = read_values(tmp_path / "log.jsonl", {"timestamp": 1.5}, {"timestamp": float("nan")}, {"timestamp": "x"})
    assert [values[3] for values in good.values()] == ["1.5", None, "x"]


def test_one_bad_record_is_one_bad_row(tmp_path):
    malformed = ["[1]", "{", '{"user_id": "\\ud800"}', "[" * 100_000, '{"a":' * 100_000, "1" * 10_000, '"u"', "nul"]
    loose = [{"x": float("nan")}, {"x": [float("-inf"), 10**400]}]
    good, bad = read_values(tmp_path / "log.jsonl", *malformed, *loose, {})
    assert bad == [(row, "malformed_record") for row in range(1, len(malformed) + 1)]
    assert [values[0] for values in good.values()] == ["u", "u", "u"]
    assert read(tmp_path / "log.jsonl", b'{"user_id": "\xff"}\n{"x": NaN, "user_id": "\xff"}', format="jsonl")[1] == [
        (1, "invalid_utf8"),
        (2, "invalid_utf8"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 5, 64, 1 << 24])
def test_lines_are_numbered_as_an_editor_does(tmp_path, monkeypatch, end, size):
    monkeypatch.setattr(text_input, "READ_BYTES", size)
    lines = ["\ufeff" + json.dumps(GOOD), "", "  ", "{", json.dumps(GOOD), "", json.dumps(GOOD)]
    good, bad = read(tmp_path / "log.jsonl", end.join(lines).encode(), format="jsonl")
    assert [row for row, _ in good] == [1, 5, 7] and bad == [(4, "malformed_record")]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([GOOD, GOOD]),
        json.dumps([GOOD], indent=2),
        "\n [\n" + json.dumps(GOOD) + "]",
        json.dumps([[1, 2]]),
        json.dumps({"user_id": {"0": "u"}}, indent=1),
    ],
)
def test_one_json_document_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match=r"log.json begins with '[\[{]'.*: a JSON .*\(pandas: to_json\("):
        read(tmp_path / "log.json", text.encode(), format="jsonl")


def test_a_first_record_that_is_no_object_is_one_bad_row(tmp_path):
    good, bad = read_values(tmp_path / "log.jsonl", "[1, 2]", {})
    assert list(good) == [2] and bad == [(1, "malformed_record")]


@pytest.mark.parametrize("size", [1, 1 << 24])
def test_keys_that_are_no_columns_are_one_error_for_the_file(tmp_path, monkeypatch, size):
    monkeypatch.setattr(text_input, "READ_BYTES", size)
    record = {"who": "private-ann", "what": "i", "when": 1, "a@b.c": 1}
    path = tmp_path / "log.jsonl"
    with pytest.raises(SourceError) as error:
        read(path, b"\n" + json.dumps(record).encode() + b"\n{}\n", format="jsonl")
    assert str(error.value) == (
        f"{path}, line 2: the record has the keys who, what, when, ...; expected user_id, item_id, scene_id, "
        "timestamp. Name the log's keys under source.columns; a log without scenes is read with "
        "source.columns.scene_id: null."
    )
    names = {"user_id": "who", "item_id": "what", "timestamp": "when"}
    good, bad = read(path, columns={**names, "scene_id": "where"}, format="jsonl")
    assert [number for number, _ in good] == [2, 3] and not bad
    with pytest.raises(SourceError, match=r"line 1: the record has no keys; expected user_id, .*history_item_ids"):
        read(path, b"{}\n", format="jsonl", layout="sequences")


def test_a_record_of_another_kind_is_one_row(tmp_path):
    good, _ = read(tmp_path / "log.jsonl", b'{"ping": 1}\n' + json.dumps(GOOD).encode(), format="jsonl")
    assert good == [(1, (None,) * 4), (2, ("u", "i", "s", "1"))]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("who,what,when", "CSV with the header who, what, when; .* source.format: csv.$"),
        (
            "who;what;when;1a",
            'CSV with the header who, what, when, ...; .* source.format: csv and source.delimiter: ";".$',
        ),
        ("who\twhat\twhen", "CSV with the header who, what, when; .*format: csv and source.delimiter: tab.$"),
        ("private-ann,i,s,1717200000", "CSV without a header; .*source.format: csv and source.header"),
        ("private-ann,i,s,Jun 01 24", "CSV without a header; .*source.format: csv and source.header"),
    ],
)
def test_csv_is_one_error_for_the_file(tmp_path, line, found):
    path = tmp_path / "log.jsonl"
    with pytest.raises(SourceError, match=f"line 1 is not JSON: it looks like {found}") as error:
        read(path, f"{line}\n{line}\n".encode(), format="jsonl")
    assert "private" not in str(error.value)


@pytest.mark.parametrize("line", ["private-ann", "[1, 2]", '"private-ann"', "<html>"])
def test_lines_without_a_record_are_one_error_for_the_file(tmp_path, line):
    with pytest.raises(
        SourceError, match="line 1 is no JSON object; expected JSON Lines.*Check source.format"
    ) as error:
        read(tmp_path / "log.jsonl", f"{line}\n{line}\n".encode(), format="jsonl")
    assert "private" not in str(error.value)


def test_a_key_that_no_record_has_is_told_as_such(ingest, tmp_path):
    lines = [json.dumps({"user_id": "u", "item_id": "i", "scene_id": "s", "when": day}) for day in range(3)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    with pytest.raises(
        ValueError, match=r"column timestamp: empty.*No row has it: check how the log calls it, and source.c"
    ):
        ingest({"path": str(tmp_path / "log.jsonl"), "format": "jsonl"}, {"cutoffs": ["2024-06-05"]})


def test_records_that_are_cut_are_bad_rows(tmp_path):
    assert read(tmp_path / "log.jsonl", b'{"user_id": "u", "it', format="jsonl") == ([], [(1, "malformed_record")])


def test_booleans_and_whole_floats_are_scenes(ingest, tmp_path):
    """As reviews have them: a number of stars, or whether the purchase was verified."""
    for values, expected in (((3.0, 5.0), ["3", "5"]), ((True, False), ["false", "true"])):
        rows = [("u", event, values[event % 2], 1717200000 + 86400 * event) for event in range(8)]
        lines = [json.dumps(dict(zip(NAMES, row, strict=True))) for row in rows]
        (tmp_path / "reviews.json.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
        source = {"path": str(tmp_path / "reviews.json.gz"), "format": "jsonl"}
        run = ingest(source, {"cutoffs": ["2024-06-05"]})
        assert sorted(raw for _, raw in run.id_map("scenes")) == expected
        assert run.raw("train") == {user("u"): [(["0", "1", "2", "3"], ["4", "5", "6", "7"])]}


def test_fields_are_lines_that_are_all_accounted_for(tmp_path, monkeypatch):
    path = tmp_path / "log.fields"
    path.write_text("user_id: a\nhistory_item_ids: 1\n\nuser_id: b\nx: 1\nuser_id: c")
    source = {"format": "fields", "layout": "sequences"}
    monkeypatch.setattr("tests.components.sequence_example_gen.reading.NAMES", ("user_id",))
    for size in (1, 16, 1 << 24):
        monkeypatch.setattr(text_input, "READ_BYTES", size)
        assert read(path, **source) == ([(1, ("a",)), (6, ("c",))], [(4, "malformed_record")])
    monkeypatch.setattr(line_readers._FieldRecords, "take", lambda self, last=False: ([], []))
    with pytest.raises(ValueError, match="log.fields: 5 lines should each be a row, but 0 rows were read"):
        read(path, **source)
