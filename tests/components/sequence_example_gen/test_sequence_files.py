"""The paper's seven-field files, in every format."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas import sequences
from tests.components.sequence_example_gen.conftest import user

# The example of appendix B.
ANN = ["0", "12,32,3,90,7", "293,43,53,23,11", "20240701,20240701,20240708,20240721,20240721"]
ANN += ["9,101,35", "73,91,137", "20240802,20240807,20240807"]
BOB = ["private-bob", "1", "2", "20240701", "", "", ""]
BAD = ["private-bad", "1,2", "2", "20240701,20240702", "5", "5", "20240801"]
EXPECTED = {user("0"): [(["3", "90", "7"], ["9", "101", "35"])]}


def fields():
    records = [
        [f"{name}: {value}" for name, value in zip(sequences.SEQUENCE_FEATURES, row, strict=True)]
        for row in (ANN, BOB, BAD)
    ]
    records[0][0] = "user id: 0"  # As the paper prints it.
    return "\n\n".join("\n".join(record) for record in records) + "\nuser_id: private-z\nhistory_item_ids\n"


def rows():
    return [dict(zip(sequences.SEQUENCE_FEATURES, row, strict=True)) for row in (ANN, BOB, BAD)]


def as_lists(row):
    split = {name: value.split(",") if value else [] for name, value in row.items()}
    return {**split, "user_id": row["user_id"]}


def write(path, form):
    if form == "fields":
        path.write_text(fields())
    elif form == "csv":
        lines = [",".join(f'"{value}"' for value in row) for row in (ANN, BOB, BAD)]
        path.write_text("\n".join([",".join(sequences.SEQUENCE_FEATURES), *lines, "private-z,1"]) + "\n")
    elif form == "jsonl":
        mixed = [as_lists(rows()[0]), rows()[1], as_lists(rows()[2])]
        mixed[0]["history_item_ids"] = [12, 32, 3, 90, 7]
        path.write_text("\n".join([*map(json.dumps, mixed), "private-z"]))
    else:
        pq.write_table(pa.Table.from_pylist([as_lists(row) for row in rows()]), path)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "fields"])
def test_every_format(ingest, tmp_path, form):
    write(tmp_path / "log", form)
    source = {"path": str(tmp_path / "log"), "format": form, "layout": "sequences", "timestamp_format": "yyyymmdd"}
    run = ingest({**source, "max_bad_share": 1.0}, {"max_history": 3})
    assert run.raw("train") == EXPECTED
    assert run.sequences("train")[0]["future_timestamps"][0] == 1722556800
    unread = 0 if form == "parquet" else 1
    assert run.count("rejected_misaligned_lists") == 1 and run.count("rows_rejected") == 1 + unread
    fates = [run.count(f"events_{fate}") for fate in ("kept", "beyond_max_history", "filtered_users", "rejected")]
    assert fates == [6, 2, 1, 3 + unread] and run.count("events_in") == sum(fates)
    assert "private" not in run.rejects()


def test_bad_elements_reject_the_row(ingest, tmp_path):
    bad = [list(ANN) for _ in range(4)]
    bad[0][1], bad[1][3], bad[2][6], bad[3][0] = "12,,3,90,7", ANN[3].replace("20240708", "x"), "1,2,3", ""
    lines = [",".join(f'"{value}"' for value in row) for row in (*bad, ANN)]
    (tmp_path / "log.csv").write_text("\n".join([",".join(sequences.SEQUENCE_FEATURES), *lines]) + "\n")
    source = {
        "path": str(tmp_path / "log.csv"),
        "layout": "sequences",
        "timestamp_format": "yyyymmdd",
        "max_bad_share": 1.0,
    }
    run = ingest(source, {"max_history": 3})
    assert run.raw("train") == EXPECTED
    reasons = [line.split(",")[1:3] for line in run.rejects().splitlines()[1:]]
    kinds = ["missing_field", "bad_timestamp", "bad_timestamp", "missing_field"]
    assert reasons == [[str(row), f'"{kind}"'] for row, kind in enumerate(kinds, 2)]
    assert run.count("events_rejected") == 32


def test_rows_of_one_user_stay_apart_and_in_one_split(ingest, tmp_path):
    lines = [",".join(f'"{value}"' for value in row) for row in [ANN] * 3]
    for index in range(200):
        lines.append(lines[0].replace('"0"', f'"{index}"', 1))
    (tmp_path / "log.csv").write_text("\n".join([",".join(sequences.SEQUENCE_FEATURES), *lines]) + "\n")
    source = {"path": str(tmp_path / "log.csv"), "layout": "sequences", "timestamp_format": "yyyymmdd"}
    run = ingest(source, split={"by": "user"}, partitions=3)
    users = {split: [row["user_id"] for row in run.sequences(split)] for split in sequences.SPLITS}
    assert sum(map(len, users.values())) == 203
    assert sorted(found.count(user("0")) for found in users.values()) == [0, 0, 4]
