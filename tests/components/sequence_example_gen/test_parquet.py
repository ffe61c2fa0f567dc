"""Parquet as people have it: ids of many types, schemas that differ, files that cannot be a log."""

import base64
import datetime
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.sequence_example_gen.casting import cast_to_text
from tests.components.sequence_example_gen.conftest import user

CUT = {"cutoffs": ["1970-01-11"]}
TIMES = [100, 864_000]
USERS = [uuid.UUID(int=1), uuid.UUID(int=1)]


def write(path, **columns):
    table = {"user_id": [7, 7], "item_id": [1, 2], "scene_id": ["s", "s"], "timestamp": TIMES, **columns}
    pq.write_table(pa.table(table), path)
    return {"path": str(path), "format": "parquet"}


def test_whole_numbers_as_pandas_writes_them_with_a_missing_value(ingest, tmp_path):
    nan = float("nan")
    columns = {"user_id": [7.0, 7.0, nan, 7.0], "item_id": [1.0, 2.0, 3.0, nan], "scene_id": [4.0, 4.0, 4.0, 5.0]}
    log = write(tmp_path / "log.parquet", **columns, timestamp=[100.0, 864_000.0, 1.0, 1.0])
    run = ingest({**log, "max_bad_share": 0.5}, CUT)
    assert run.raw("train") == {user("7"): [(["1"], ["2"])]}
    assert [raw for _, raw in run.id_map("scenes")] == ["4"]
    listed = [line.split('",', 1)[1] for line in run.rejects().splitlines()[1:]]
    assert listed == [f'{row},"missing_field","column {name}: empty"' for row, name in ((3, "user_id"), (4, "item_id"))]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array([5, 5], pa.decimal128(10, 0)), "5"),
        (pa.array([5, 5], pa.uint8()), "5"),
        (pa.array([5.0, 5.0], pa.float32()), "5"),
        (pa.array([True, True]), "true"),
        (pa.array([user_id.bytes for user_id in USERS], pa.binary(16)), str(USERS[0])),
        (pa.array(["é", "é"], pa.large_string()), "é"),
        (pa.array(["é", "é"]).dictionary_encode(), "é"),
        (pa.array([b"x", b"x"]), "x"),
    ],
)
def test_ids_of_every_type(ingest, tmp_path, column, text):
    run = ingest(write(tmp_path / "log.parquet", user_id=column, scene_id=column), CUT)
    assert run.raw("train") == {user(text): [(["1"], ["2"])]}
    assert [raw for _, raw in run.id_map("scenes")] == [text]


@pytest.mark.skipif(hasattr(pa, "string_view"), reason="this Arrow knows the type; see the test below")
def test_a_type_that_this_arrow_does_not_know_is_read_by_the_schema_of_parquet(ingest, tmp_path):
    """As newer versions of Arrow write string_view: here the number of the type string is replaced by that of it."""
    log = write(tmp_path / "log.parquet")
    data = (tmp_path / "log.parquet").read_bytes()
    encoded = pq.read_metadata(tmp_path / "log.parquet").metadata[b"ARROW:schema"]
    schema = base64.b64decode(encoded)
    found = 0
    for place in (place for place, byte in enumerate(schema) if byte == 5):  # 5 is the type string, 24 string_view
        changed = base64.b64encode(schema[:place] + b"\x18" + schema[place + 1 :])
        (tmp_path / "log.parquet").write_bytes(data.replace(encoded, changed))
        if _read_scene_type(tmp_path / "log.parquet") == "string_view":
            found += 1
            assert ingest(log, CUT).raw("train") == {user("7"): [(["1"], ["2"])]}
    assert found == 1


@pytest.mark.skipif(not hasattr(pa, "string_view"), reason="this Arrow does not know the type; see the test above")
def test_views_are_text():
    array = pa.array(["7", None, "é"], pa.string()).cast(pa.string_view())
    assert cast_to_text(array, "scene_id").to_pylist() == ["7", None, "é"]


def _read_scene_type(path):
    """The type of the scenes, also if this Arrow does not know it."""
    try:
        return str(pq.read_schema(path).field("scene_id").type)
    except pa.ArrowInvalid as error:
        return {"Unrecognized type:24": "string_view"}.get(str(error))
    except OSError:  # The place held something else.
        return None


@pytest.mark.parametrize(
    ("name", "column", "found", "expected"),
    [
        ("item_id", [[1], [2]], "list<", "text, whole numbers, booleans or UUIDs"),
        ("user_id", [{"a": 1}, {"a": 2}], "struct<a: int64>", "text, whole numbers, booleans or UUIDs"),
        ("scene_id", pa.array([b"abcd", b"abcd"], pa.binary(4)), r"fixed_size_binary\[4\]", "text, whole numbers"),
        ("scene_id", [datetime.date(2024, 1, 1)] * 2, "date32", "text, whole numbers"),
        ("timestamp", [True, False], "bool", "times as text, numbers, dates or timestamps"),
        ("timestamp", pa.array([1, 2], pa.duration("s")), "duration", "times as text, numbers"),
    ],
)
def test_other_types_are_refused_in_one_sentence(ingest, tmp_path, name, column, found, expected):
    for file in ("a", "b", "c"):
        write(tmp_path / f"{file}.parquet", **{name: column})
    source = {"path": str(tmp_path / "*.parquet"), "format": "parquet"}
    said = rf"a.parquet: column '{name}' holds {found}.*; expected {expected}.*The same holds for 2 more files\.$"
    with pytest.raises(ValueError, match=said) as error:
        ingest(source, CUT)
    assert "\n" not in str(error.value)


def test_numbers_that_are_no_ids_cost_their_row(ingest, tmp_path):
    columns = {"user_id": [7, 7, 7], "scene_id": ["s"] * 3, "timestamp": [100, 200, 864_000]}
    log = write(tmp_path / "log.parquet", **columns, item_id=[1.0, 1.5, 2.0])
    run = ingest({**log, "max_bad_share": 0.5}, CUT)
    assert run.raw("train") == {user("7"): [(["1"], ["2"])]}
    assert ',2,"wrong_type","column item_id: a number that is not whole' in run.rejects()


def test_whole_numbers_of_different_types_are_the_same_ids(ingest, tmp_path):
    write(tmp_path / "a.parquet", item_id=pa.array([5, 6], pa.int64()), timestamp=[1, 2])
    write(tmp_path / "b.parquet", item_id=pa.array([5.0, None]), timestamp=[864_000, 864_000])
    write(tmp_path / "c.parquet", item_id=pa.array([6, 6], pa.decimal128(5, 0)), timestamp=[864_001, 864_001])
    write(tmp_path / "d.parquet", item_id=pa.nulls(2))
    run = ingest({"path": str(tmp_path / "*.parquet"), "format": "parquet", "max_bad_share": 0.5}, CUT)
    assert run.raw("train") == {user("7"): [(["5", "6"], ["5", "6", "6"])]}


def test_numbers_and_text_in_one_log_are_refused(ingest, tmp_path):
    write(tmp_path / "a.parquet")
    for file in ("b", "c"):
        write(tmp_path / f"{file}.parquet", item_id=["01", "2"])
    said = r"Column 'item_id' holds text in \S+b.parquet and whole numbers in \S+a.parquet: .*same type in all files"
    with pytest.raises(ValueError, match=said) as error:
        ingest({"path": str(tmp_path / "*.parquet"), "format": "parquet"}, CUT)
    assert "\n" not in str(error.value)


def test_columns_of_a_filter_may_be_of_different_types(ingest, tmp_path):
    write(tmp_path / "a.parquet", rating=[5, 3], timestamp=[1, 2])
    write(tmp_path / "b.parquet", rating=["5.0", "4.0"], timestamp=[864_000, 864_001])
    run = ingest({"path": str(tmp_path / "*.parquet"), "format": "parquet", "keep": {"rating": [5]}}, CUT)
    assert run.raw("train") == {user("7"): [(["1"], ["1"])]} and run.count("events_filtered") == 2


def test_files_without_rows_are_no_log_but_may_be_part_of_one(ingest, tmp_path):
    empty = pa.schema([("user_id", pa.int64()), ("item_id", pa.int64()), ("scene_id", pa.int64())])
    empty = empty.append(pa.field("timestamp", pa.int64()))
    pq.write_table(empty.empty_table(), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a.parquet holds no events\. Check"):
        ingest({"path": str(tmp_path / "a.parquet"), "format": "parquet"}, CUT)
    write(tmp_path / "b.parquet")  # Its scenes are text; those of the empty file are none.
    run = ingest({"path": str(tmp_path / "*.parquet"), "format": "parquet"}, CUT)
    assert run.raw("train") == {user("7"): [(["1"], ["2"])]}


def test_many_files_that_are_no_parquet_are_told_in_one_sentence(ingest, tmp_path):
    for file in range(5):
        (tmp_path / f"{file}.parquet").write_text("user_id,item_id\nprivate-ann,1\n" * 20)
    with pytest.raises(
        ValueError, match=r"0.parquet cannot be read; expected parquet.*The same holds for 4 more files"
    ) as error:
        ingest({"path": str(tmp_path / "*.parquet"), "format": "parquet"}, CUT)
    assert "private" not in str(error.value)


def test_local_timestamps(ingest, tmp_path):
    times = [datetime.datetime(1970, 1, 10, 23, 30), datetime.datetime(1970, 1, 11, 2)]
    log = write(tmp_path / "log.parquet", timestamp=pa.array(times, pa.timestamp("us")))
    (row,) = ingest({**log, "timezone": "Europe/Berlin"}, {"cutoffs": ["1970-01-11"]}).sequences("train")
    assert (row["history_timestamps"], row["future_timestamps"]) == ((864_000 - 5_400,), (864_000 + 3_600,))
