"""The executor on small logs: what it writes, what it counts, what it refuses."""

import glob
import logging
import os
import random
import re

import pytest
import tensorflow as tf

from schemas import identity, sequences
from tests.components.sequence_example_gen.conftest import SALT, user

HEADER = "user_id,item_id,scene_id,timestamp\n"
DAY = 86_400
CUT = {"cutoffs": ["1970-01-11"]}
GOOD = "private-ann,a,s,100\nprivate-ann,b,s,200\nprivate-ann,c,t,864000\n"


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return {"path": str(path)}


def random_log(path, rows=600, users=40, seed=0):
    rng = random.Random(seed)
    lines = [
        f"private-{rng.randrange(users)},i{rng.randrange(30)},s{rng.randrange(4)},{rng.randrange(40 * DAY)}"
        for _ in range(rows)
    ]
    return write(path, HEADER + "\n".join(lines) + "\n")


def test_histories_futures_and_id_maps(ingest, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dspnet")
    run = ingest(write(tmp_path / "log.csv", HEADER + GOOD + "bob,a,s,5\n"), CUT)
    (row,) = run.sequences("train")
    assert row["user_id"] == user("private-ann")
    assert row["history_item_ids"] == tuple(identity.fingerprints(["a", "b"]))
    assert row["history_scene_ids"] == tuple(identity.fingerprints(["s", "s"]))
    assert row["history_timestamps"] == (100, 200)
    assert row["future_item_ids"] == tuple(identity.fingerprints(["c"]))
    assert row["future_timestamps"] == (864000,)
    assert sorted(raw for _, raw in run.id_map("items")) == ["a", "b", "c"]
    assert dict(run.id_map("scenes")) == {int(identity.fingerprints([s])[0]): s for s in ("s", "t")}
    assert (run.count("events_in"), run.count("events_kept"), run.count("events_filtered_users")) == (4, 3, 1)
    assert "4 events in = 3 kept" in caplog.text
    assert run.sequences("val") == run.sequences("test") == []
    assert run.examples.get_string_custom_property("file_format") == "tfrecords_gzip"
    assert run.examples.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    assert run.rejects() == '"file","row","reason","detail"\n'


def test_equal_times_keep_file_order_then_row_order_on_demand(ingest, tmp_path):
    folder = tmp_path / "log"
    (folder / "sub").mkdir(parents=True)
    write(folder / "b.csv", HEADER + "u,3,s,100\nu,4,s,100\n")
    write(folder / "a.csv", HEADER + "u,1,s,100\nu,2,s,100\nu,9,s,864000\nu,8,s,864000\n")
    write(folder / "sub" / "c.csv", HEADER + "u,5,s,100\n")
    write(folder / "_SUCCESS", "")
    run = ingest({"path": str(folder)}, {**CUT, "ties": "log"})
    assert run.raw("train")[user("u")] == [(["1", "2", "3", "4", "5"], ["9", "8"])]


def test_the_order_of_ties_depends_neither_on_rows_nor_on_files_nor_on_partitions(ingest, tmp_path):
    rows = [f"u{u},i{i},s{i % 3},{day * DAY}\n" for u in range(6) for day in (2, 20) for i in range(12)]
    runs = []
    for seed, (files, partitions) in enumerate([(1, 1), (1, 5), (3, 2)]):
        random.Random(seed).shuffle(rows)
        folder = tmp_path / f"log{seed}"
        folder.mkdir()
        for part in range(files):
            write(folder / f"{part}.csv", HEADER + "".join(rows[part::files]))
        runs.append(ingest({"path": str(folder)}, CUT, partitions=partitions).raw("train"))
    assert runs[0] == runs[1] == runs[2]
    orders = {tuple(items) for sequences_ in runs[0].values() for pair in sequences_ for items in pair}
    assert len(orders) == 12, "each basket has an order of its own"


def test_ties_of_the_test_split_are_counted(ingest, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dspnet")
    rows = "".join(
        f"u{u},h,s,100\n" + "".join(f"u{u},{item},s,{10 * DAY}\n" for item in "aab"[: 1 + u % 3]) for u in range(30)
    )
    run = ingest(write(tmp_path / "log.csv", HEADER + rows), CUT, {"weights": {"train": 1, "val": 0, "test": 1}})
    sets = [set(row["future_item_ids"]) for row in run.sequences("test")]
    tied, number = sum(len(items) > 1 for items in sets), sum(len(items) for items in sets)
    assert run.count("sequences_test") == len(sets) and 0 < tied < len(sets)
    assert (run.count("sequences_test_tied"), run.count("next_items_test")) == (tied, number)
    share = f"{tied / len(sets):.1%} of the test sequences have several next items"
    assert f"{share}, at one time; the mean is {number / len(sets):.1f}" in caplog.text


def test_the_last_events_of_each_user_test(ingest, tmp_path):
    """Nothing of what validation and test ask for is in a train sequence, and every event is accounted for."""
    rows = [f"u{u},u{u}t{t}{kind},s,{t * 50}\n" for u in range(20) for t in range(u) for kind in "ab"]
    run = ingest(write(tmp_path / "log.csv", HEADER + "".join(rows)), {"min_history": 4}, {"by": "last"})
    train, val, test = (run.raw(split) for split in sequences.SPLITS)
    for u in range(20):
        asked = [[f"u{u}t{t}{kind}" for kind in "ab"] for t in range(u)]
        found = [
            [sorted(part) for part in pair] for split in (train, val, test) for pair in split.get(user(f"u{u}"), [])
        ]
        places = [u - 3, u - 2, u - 1] if u >= 5 else [u - 1] if u >= 3 else []
        assert found == [[sorted(sum(asked[:place], [])), asked[place]] for place in places]
    fates = ("kept", "beyond_max_history", "outside_windows", "filtered_users")
    assert run.count("events_in") == len(rows) == sum(run.count(f"events_{fate}") for fate in fates)
    assert run.count("events_filtered_users") == 2 * (1 + 2)
    assert run.count("events_kept") == len(rows) - 2 * (1 + 2)


def test_no_user_with_enough_events_is_refused(ingest, tmp_path):
    log = write(tmp_path / "log.csv", HEADER + "u,a,s,1\nu,b,s,1\nv,a,s,1\nv,b,s,2\n")
    with pytest.raises(ValueError, match=r"None of 2 users has windows.min_history=2 events before the last time"):
        ingest(log, {"min_history": 2}, {"by": "last"})


def test_no_leakage_in_rolling_windows(ingest, tmp_path):
    log = random_log(tmp_path / "log.csv")
    cutoffs = [11 * DAY, 21 * DAY, 31 * DAY]
    windows = {"cutoffs": ["1970-01-12", "1970-01-22", "1970-02-01"], "max_history": 5}
    for by in ("user", "time"):
        run = ingest(log, windows, {"by": by})
        users = {}
        for split in sequences.SPLITS:
            for row in run.sequences(split):
                users.setdefault(split, set()).add(row["user_id"])
                end, begin = row["history_timestamps"][-1], row["future_timestamps"][0]
                assert any(end < cutoff <= begin for cutoff in cutoffs)
                assert list(row["history_timestamps"]) == sorted(row["history_timestamps"])
                if by == "time":
                    last = row["future_timestamps"][-1]
                    bound = {"train": cutoffs[1], "val": cutoffs[2], "test": 10**10}[split]
                    assert last < bound and begin >= cutoffs[sequences.SPLITS.index(split)]
                elif split != "train":
                    assert begin >= cutoffs[2]
        assert len(users) == 3
        if by == "user":
            assert not (users["train"] & users["val"] or users["train"] & users["test"] or users["val"] & users["test"])
        fates = ("kept", "beyond_max_history", "outside_windows", "filtered_users", "rejected")
        assert run.count("events_in") == 600 == sum(run.count(f"events_{fate}") for fate in fates)


def test_runs_are_equal_whatever_the_partitions(ingest, tmp_path):
    log = random_log(tmp_path / "log.csv")
    windows = {"cutoffs": ["1970-01-12", "1970-01-22"]}
    one, again, other = (ingest(log, windows, {"by": "user"}, partitions=n) for n in (3, 3, 7))
    assert one.all_sequences() == again.all_sequences() == other.all_sequences()
    for split in sequences.SPLITS:
        assert one.sequences(split) == again.sequences(split)
    for first, second in zip(*(sorted(glob.glob(f"{r.examples.uri}/*/*")) for r in (one, again)), strict=True):
        assert open(first, "rb").read() == open(second, "rb").read()
    assert sorted(one.id_map("items")) == sorted(other.id_map("items"))


def test_windows_of_one_user_are_not_side_by_side(ingest, tmp_path):
    windows = {"cutoffs": [f"1970-01-{day}" for day in range(10, 30)]}
    rows = ingest(random_log(tmp_path / "log.csv"), windows, partitions=1).sequences("train")
    neighbours = sum(one["user_id"] == two["user_id"] for one, two in zip(rows, rows[1:], strict=False))
    assert len(rows) > 300 and neighbours < 0.1 * len(rows)


def test_bad_rows_of_each_kind_are_listed_and_counted(ingest, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dspnet")
    bad = (
        b"private-x,a,s\n"  # row 5
        b",a,s,100\nprivate-x,,s,100\nprivate-x,a,s,\n"  # 6 to 8
        b"private-x,a,s,soon\nprivate-x,a,s,-5\n"  # 9, 10
        b"private-x\xff,a,s,100\n"  # 11
        b"private-x,a,s,100,7\n"  # 12
        b'"private-bob",z,s,100\n'  # 13, good
    )
    source = write(tmp_path / "log.csv", (HEADER + GOOD).encode() + bad)
    run = ingest({**source, "max_bad_share": 1.0}, CUT)
    found = re.findall(r'"[^"]*log.csv",(\d+),"(\w+)","([^"]*)"', run.rejects())
    assert sorted((int(row), reason) for row, reason, _ in found) == [
        (5, "wrong_column_count"),
        (6, "missing_field"),
        (7, "missing_field"),
        (8, "missing_field"),
        (9, "bad_timestamp"),
        (10, "timestamp_out_of_range"),
        (11, "invalid_utf8"),
        (12, "wrong_column_count"),
    ]
    assert {detail for row, _, detail in found if row == "7"} == {"column item_id: empty"}
    assert run.count("events_rejected") == run.count("rows_rejected") == 8
    assert run.count("rejected_missing_field") == 3 and run.count("rejected_invalid_utf8") == 1
    assert "private" not in run.rejects()
    assert f"The rejected rows are listed in {run.outputs['rejects'][0].uri}/rejects-*.csv" in caplog.messages
    assert {raw for _, raw in run.id_map("items")} == {"a", "b", "c", "z"}


def test_too_many_bad_rows_stop_the_run_and_stay_listed(ingest, tmp_path):
    source = write(tmp_path / "log.csv", HEADER + GOOD + "x,a,s,soon\n")
    said = (
        r"1 of 4 rows is bad \(25.00%\): 1 bad_timestamp \(column timestamp: not a time in format unix_s\)\. "
        r"source.max_bad_share allows 10.00%\. Say how times are written with source.timestamp_format or "
        r"source.time_pattern"
    )
    with pytest.raises(ValueError, match=said) as error:
        ingest({**source, "max_bad_share": 0.1}, CUT)
    pattern = re.search(r"listed in (\S+);", str(error.value))[1]
    (kept,) = glob.glob(pattern)
    assert '5,"bad_timestamp"' in open(kept).read()
    assert glob.glob(f"{tmp_path}/run0/rejects/rejects-*.csv")


def test_raw_users_are_written_nowhere(ingest, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    rows = "private-x,a,s,soon\nprivate-y,a\nprivate-z,a,private-z,100\n".replace("private-z,100", "s,100")
    run = ingest({**write(tmp_path / "log.csv", HEADER + GOOD + rows), "max_bad_share": 1.0}, CUT)
    written = [os.path.join(folder, name) for folder, _, names in os.walk(run.folder) for name in names]
    assert len(written) >= 7
    for path in written:
        data = open(path, "rb").read()
        if path.endswith(".gz"):
            data = b"".join(tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator())
        assert b"private" not in data, path
    assert SALT.encode() not in b"".join(open(path, "rb").read() for path in written)
    assert "private" not in caplog.text


def test_a_short_salt_is_refused(ingest, tmp_path, monkeypatch):
    source = write(tmp_path / "log.csv", HEADER + GOOD)
    monkeypatch.setenv("DSPNET_SALT", "fifteen letters")
    for demo in (False, True):
        with pytest.raises(ValueError, match="DSPNET_SALT has 15 characters; expected at least 16"):
            ingest(source, CUT, demo=demo)


def test_a_missing_salt_is_refused_outside_demos(ingest, tmp_path, monkeypatch):
    source = write(tmp_path / "log.csv", HEADER + GOOD)
    salted = ingest(source, CUT).sequences("train")[0]["user_id"]
    for value in (None, ""):
        monkeypatch.delenv("DSPNET_SALT") if value is None else monkeypatch.setenv("DSPNET_SALT", value)
        with pytest.raises(ValueError, match="DSPNET_SALT is missing or empty.*demo: true"):
            ingest(source, CUT)
    assert ingest(source, CUT, demo=True).sequences("train")[0]["user_id"] != salted


def test_two_ids_with_one_fingerprint_are_refused(ingest, tmp_path, monkeypatch):
    real = identity.fingerprints
    monkeypatch.setattr(identity, "fingerprints", lambda ids: real("a" if raw == "c" else raw for raw in ids))
    with pytest.raises(ValueError, match="Two items have one fingerprint: 'a' and 'c'"):
        ingest(write(tmp_path / "log.csv", HEADER + GOOD), CUT)


def test_no_training_sequence_names_the_filter_and_the_times_of_the_log(ingest, tmp_path):
    said = (
        r"No training sequence.*fewer than windows.min_history=1.*min_future=1 after it\. The log's events lie between "
        r"1970-01-01 00:01:40 and 1970-01-11 00:00:00 \(UTC\)\. Outside of them lies cutoff 2020-01-01 00:00:00\."
    )
    with pytest.raises(ValueError, match=said):
        ingest(write(tmp_path / "log.csv", HEADER + GOOD), {"cutoffs": ["2020-01-01"]})


def test_a_wrong_unit_shows_in_the_times_of_the_log(ingest, tmp_path):
    rows = "".join(f"u{user},i,s,2024{month:02}{day:02}\n" for user in range(3) for month in (6, 7) for day in (1, 15))
    log = write(tmp_path / "log.csv", HEADER + rows)
    said = (
        r"The log's events lie between 1970-08-23 06:23:21 and 1970-08-23 06:25:15 \(UTC\)\. Outside of them lies "
        r"cutoff 2024-07-01 00:00:00\. Check windows.cutoffs against these dates, and, if the log's dates are others, "
        r"whether its times are in format unix_s"
    )
    with pytest.raises(ValueError, match=said):
        ingest(log, {"cutoffs": ["2024-07-01"]})
    run = ingest({**log, "timestamp_format": "yyyymmdd"}, {"cutoffs": ["2024-07-01"]})
    assert run.count("sequences_train") == 3


def test_a_cutoff_outside_of_the_log_is_told(ingest, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dspnet")
    ingest(write(tmp_path / "log.csv", HEADER + GOOD), {"cutoffs": ["1970-01-11", "1970-02-01"]})
    assert "The log's events lie between 1970-01-01 00:01:40 and 1970-01-11 00:00:00 (UTC)." in caplog.messages
    assert "Outside of these times: cutoff 1970-02-01 00:00:00" in caplog.messages


def test_reasons_are_told_by_frequency_with_the_columns_of_the_log(ingest, tmp_path):
    header = "who,what,where,when\n"
    rows = "a,i,s,1\n" + ",i,s,1\n" * 4 + "a,,s,1\n" * 3 + "a,i,,1\n" * 9 + "a,i,s,-1\n" * 2 + "a,i,s,x\n"
    columns = {"user_id": "who", "item_id": "what", "scene_id": "where", "timestamp": "when"}
    source = {**write(tmp_path / "log.csv", header + rows), "columns": columns}
    with pytest.raises(ValueError) as error:
        ingest(source, CUT)
    assert str(error.value).startswith(
        "19 of 20 rows are bad (95.00%): 9 missing_field (column where: empty), 4 missing_field (column who: empty), "
        "3 missing_field (column what: empty), 3 for other reasons. source.max_bad_share allows 1.00%. Events without "
        "a scene are kept with source.missing_scene: NAME. The rows are listed in "
    )


def test_one_row_is_no_rows(ingest, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dspnet")
    ingest({**write(tmp_path / "log.csv", HEADER + GOOD + "x,a,s,soon\n"), "max_bad_share": 1.0}, CUT)
    assert "0 filtered + 1 rejected; 1 row bad_timestamp -> sequences" in caplog.text


def test_events_without_a_scene_get_the_one_that_is_named(ingest, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dspnet")
    rows = "".join(f"u{user},i{day},{'' if day == 3 else 's'},{day * DAY}\n" for user in range(4) for day in range(14))
    log = write(tmp_path / "log.csv", HEADER + rows)
    with pytest.raises(ValueError, match=r"4 missing_field \(column scene_id: empty\).*source.missing_scene: NAME"):
        ingest(log, CUT)
    run = ingest({**log, "missing_scene": "elsewhere"}, CUT)
    assert run.count("rows_rejected") == 0 and run.count("events_kept") == 4 * 14
    scenes = dict(run.id_map("scenes"))
    for row in run.sequences("train"):
        assert [scenes[scene] for scene in row["history_scene_ids"]] == ["s"] * 3 + ["elsewhere"] + ["s"] * 6
    assert "4 events without a scene got 'elsewhere'" in caplog.messages


def test_a_log_without_scenes_has_one(ingest, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dspnet")
    log = write(tmp_path / "ratings.csv", "userId,movieId,rating,timestamp\nu,1,4.5,1\nu,2,3.0,864000\n")
    columns = {"user_id": "userId", "item_id": "movieId"}
    with pytest.raises(
        ValueError, match="no column 'scene_id'.*without scenes is read with source.columns.scene_id: null"
    ):
        ingest({**log, "columns": columns}, CUT)
    run = ingest({**log, "columns": {**columns, "scene_id": None}}, CUT)
    assert run.raw("train") == {user("u"): [(["1"], ["2"])]}
    assert [raw for _, raw in run.id_map("scenes")] == ["all"]
    assert "source.columns.scene_id is null: all events are in one scene, 'all'" in caplog.messages


def test_files_that_lack_a_column_are_told_in_one_sentence(ingest, tmp_path):
    for day in range(1, 42):
        write(tmp_path / f"{day:02}.csv", "user_id,item_id,timestamp\nu,a,1\n")
    with pytest.raises(ValueError) as error:
        ingest({"path": str(tmp_path / "*.csv")}, CUT)
    message = str(error.value)
    assert message.startswith(f"{tmp_path}/01.csv has no column 'scene_id'; found ['user_id', 'item_id', 'timestamp'].")
    assert message.endswith("The same holds for 40 more files.") and "\n" not in message


def test_files_that_spell_the_same_numbers_in_two_ways_are_refused(ingest, tmp_path):
    """As pandas writes whole numbers: with .0 in each file in which one of them is missing."""
    write(tmp_path / "a.csv", HEADER + "u,5,s,1\nu,6,s,2\n")
    write(tmp_path / "b.csv", HEADER + "u,5.0,s,864000\nu,,s,864000\n")
    with pytest.raises(
        ValueError, match=r"Column 'item_id' holds text such as 5 in .*a.csv and text such as 5.0 in .*b.csv"
    ):
        ingest({"path": str(tmp_path / "*.csv"), "max_bad_share": 0.5}, CUT)
    # In one file both are names like others: 5 and 5.0 may be versions.
    write(tmp_path / "one.csv", HEADER + "u,5,s,1\nu,5.0,s,2\nu,6,s,864000\n")
    assert ingest({"path": str(tmp_path / "one.csv")}, CUT).raw("train") == {user("u"): [(["5", "5.0"], ["6"])]}


def test_min_counts_and_max_history(ingest, tmp_path):
    lines = "".join(f"u,h{i},s,{i}\n" for i in range(9)) + "u,f,s,864000\nv,x,s,1\nv,f,s,864000\n"
    run = ingest(write(tmp_path / "log.csv", HEADER + lines), {**CUT, "min_history": 2, "max_history": 3})
    assert run.raw("train") == {user("u"): [(["h6", "h7", "h8"], ["f"])]}
    assert run.count("events_beyond_max_history") == 6 and run.count("events_filtered_users") == 2
