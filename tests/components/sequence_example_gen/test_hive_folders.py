"""Columns that stand in the path of a file, as Spark, Hive, pandas and DuckDB write them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.sequence_example_gen import readers
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.hive_folders import is_hidden, read_folder_columns
from components.sequence_example_gen.sources import InputShard
from tests.components.sequence_example_gen.conftest import user

CUT = {"cutoffs": ["2024-07-02"]}
HISTORY, FUTURE = 1_719_792_000, 1_719_964_800  # 2024-07-01 and 2024-07-03
HEADER = "user_id,item_id,timestamp"


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("log/part-0.parquet", {}),
        ("log/dt=2024-07-01/scene_id=live/part=0.csv", {"dt": "2024-07-01", "scene_id": "live"}),
        ("gs://bucket/log/scene_id=a%2Fb%3D%20c/x", {"scene_id": "a/b= c"}),
        ("log/a%20b=1/x", {"a b": "1"}),
        ("log/scene_id=__HIVE_DEFAULT_PARTITION__/x", {"scene_id": None}),
        ("log/scene_id=/x", {"scene_id": ""}),
        ("log/k=a=b/k=c/=d/x", {"k": "c"}),
    ],
)
def test_columns_of_a_path(path, columns):
    assert read_folder_columns(path) == columns


def test_names_that_spark_hides():
    assert [is_hidden(path) for path in ("_SUCCESS", "a/_temporary/0/x.csv", ".ipynb_checkpoints/x.csv")] == [True] * 3
    assert [is_hidden(path) for path in ("x.csv", "a_b/c.d", "_day=1/x.csv")] == [False] * 3


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_scene_is_a_folder_in_every_format(ingest, tmp_path):
    rows = {"live": [("7", "1", HISTORY), ("7", "3", FUTURE)], "a%20b": [("7", "2", HISTORY + 5)]}
    for scene, events in rows.items():
        folder = f"scene_id={scene}"
        write_text(tmp_path / "csv" / folder / "x.csv", "\n".join([HEADER, *(f"{u},{i},{t}" for u, i, t in events)]))
        records = [{"user_id": u, "item_id": i, "timestamp": t} for u, i, t in events]
        write_text(tmp_path / "jsonl" / folder / "x.jsonl", "\n".join(map(json.dumps, records)))
        (tmp_path / "parquet" / folder).mkdir(parents=True)
        table = pa.table(dict(zip(HEADER.split(","), map(list, zip(*events, strict=True)), strict=True)))
        pq.write_table(table, tmp_path / "parquet" / folder / "x.parquet")
    runs = [ingest({"path": str(tmp_path / form), "format": form}, CUT) for form in ("csv", "jsonl", "parquet")]
    for run in runs:
        assert run.raw("train") == {user("7"): [(["1", "2"], ["3"])]}
        (row,) = run.sequences("train")
        scenes = dict(run.id_map("scenes"))
        assert [scenes[scene] for scene in row["history_scene_ids"]] == ["live", "a b"]
    assert runs[0].all_sequences() == runs[1].all_sequences() == runs[2].all_sequences()


def test_day_is_a_folder(ingest, tmp_path):
    for day, item in (("2024-07-01", 1), ("2024-07-03", 3)):
        write_text(tmp_path / "log" / f"dt={day}" / "x.csv", f"user_id,item_id,scene_id\n7,{item},s\n")
    source = {"path": str(tmp_path / "log"), "columns": {"timestamp": "dt"}, "timestamp_format": "iso8601"}
    (row,) = ingest(source, CUT).sequences("train")
    assert (row["history_timestamps"], row["future_timestamps"]) == ((HISTORY,), (FUTURE,))


def test_a_folder_without_a_value_gives_rows_without_one(ingest, tmp_path):
    write_text(tmp_path / "log" / "scene_id=s" / "x.csv", f"{HEADER}\n7,1,{HISTORY}\n7,3,{FUTURE}\n")
    write_text(tmp_path / "log" / "scene_id=__HIVE_DEFAULT_PARTITION__" / "x.csv", f"{HEADER}\n7,2,{HISTORY}\n")
    source = {"path": str(tmp_path / "log"), "max_bad_share": 0.5}
    run = ingest(source, CUT)
    assert run.raw("train") == {user("7"): [(["1"], ["3"])]}
    assert '"missing_field","column scene_id: empty"' in run.rejects()
    # The folders' names decide the order of the files: _ comes before s.
    assert ingest({**source, "missing_scene": "none"}, CUT).raw("train") == {user("7"): [(["2", "1"], ["3"])]}


def test_a_column_of_the_file_comes_before_its_folder(ingest, tmp_path):
    text = f"{HEADER},scene_id\n7,1,{HISTORY},inner\n7,3,{FUTURE},inner\n"
    write_text(tmp_path / "log" / "scene_id=outer" / "x.csv", text)
    assert [raw for _, raw in ingest({"path": str(tmp_path / "log")}, CUT).id_map("scenes")] == ["inner"]


def test_a_record_without_the_column_takes_that_of_its_folder(tmp_path):
    event = {"user_id": "u", "item_id": "1", "timestamp": HISTORY}
    path = tmp_path / "scene_id=outer" / "x.jsonl"
    write_text(
        path, "\n".join(json.dumps({**event, **more}) for more in ({}, {"scene_id": "inner"}, {"scene_id": None}))
    )
    source = SourceConfig(path=str(path), format="jsonl")
    (raw,) = readers.read_shard(InputShard(0, str(path)), source)
    assert raw.columns["scene_id"].to_pylist() == ["outer", "inner", None]


def test_users_in_names_of_folders_are_refused_without_naming_one(ingest, tmp_path):
    write_text(tmp_path / "log" / "user_id=private-ann" / "x.csv", f"item_id,timestamp,scene_id\n1,{HISTORY},s\n")
    with pytest.raises(ValueError, match=r"users stand in the names of folders \(user_id=\.\.\.\)") as error:
        ingest({"path": str(tmp_path / "log")}, CUT)
    assert "private" not in str(error.value)
    for path in (tmp_path / "log" / "user_id=private-ann", tmp_path / "log" / "user_id=private-ann" / "x.csv"):
        with pytest.raises(ValueError, match="users stand in the names of folders") as error:
            ingest({"path": str(path)}, CUT)
        assert "private" not in str(error.value)


def test_hidden_folders_are_no_part_of_a_log(ingest, tmp_path):
    good = f"{HEADER},scene_id\n7,1,{HISTORY},s\n7,3,{FUTURE},s\n"
    write_text(tmp_path / "log" / "day" / "x.csv", good)
    for folder in ("_temporary/0", ".ipynb_checkpoints", "day/_old"):
        write_text(tmp_path / "log" / folder / "x.csv", good.replace("7,", "8,"))
    for path in (tmp_path / "log", tmp_path / "log" / "*" / "x.csv"):
        assert ingest({"path": str(path)}, CUT).count("events_in") == 2
    # A file that is named is read whatever its name.
    write_text(tmp_path / "log" / "_log.csv", good)
    assert ingest({"path": str(tmp_path / "log" / "_log.csv")}, CUT).count("events_in") == 2
    assert ingest({"path": str(tmp_path / "log" / "_temporary")}, CUT).count("events_in") == 2
