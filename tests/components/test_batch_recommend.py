"""The batch job on small logs: what it writes for whom, what it leaves out, what it refuses."""

import datetime
import functools
import glob
import logging
import os
import pathlib
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems

from components.batch_recommend import histories, job, recommend
from components.batch_recommend.config import BatchConfig
from components.batch_recommend.output import RECOMMENDATIONS
from components.sequence_example_gen.config import SourceConfig
from schemas import identity
from schemas.errors import UserError
from schemas.served_model import RANKINGS
from serving import saved_model
from serving.saved_model import ask_signature
from tests import served_model

BEAM_ARGS = ("--runner=FnApiRunner", "--direct_num_workers=1")
SALT = "the salt of the tests"
HEADER = "user_id,item_id,scene_id,timestamp"
DAY = 86_400
AS_OF = datetime.datetime(1970, 1, 21)

Event = tuple[str, str, str, int]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return served_model.export(served_model.build(), tmp_path_factory.mktemp("model") / "1")


@pytest.fixture(scope="module")
def loaded(model):
    return tf.saved_model.load(model)


@pytest.fixture(scope="module")
def load_once():
    """Loads each model once for all jobs of this file: to load one and to ask it for the first time takes seconds."""
    return functools.cache(saved_model.load_saved_model)


@pytest.fixture
def run(model, load_once, tmp_path, monkeypatch):
    """Returns a function that runs the job and returns its rows by user, and its summary."""
    monkeypatch.setenv("DSPNET_SALT", SALT)
    monkeypatch.setattr(saved_model, "load_saved_model", load_once)
    runs = iter(range(100))

    def start(source: dict, **given):
        config = BatchConfig(
            **{
                "source": SourceConfig.model_validate(source),
                "max_history": 4,
                "partitions": 2,
                "demo": False,
                "beam_args": BEAM_ARGS,
                "model": model,
                "out": str(tmp_path / f"out{next(runs)}"),
                "top": 5,
                **given,
            }
        )
        summary = job.run(config)
        return read(config.out, config.partitions), summary

    return start


def read(out: str, partitions: int) -> dict[str, dict]:
    names = sorted(os.path.basename(path) for path in glob.glob(f"{out}/*"))
    shards = [f"recommendations-{shard:05d}-of-{partitions:05d}.parquet" for shard in range(partitions)]
    assert names == ["_SUCCESS", "_rejects", *shards]
    for shard in shards:
        assert pq.read_schema(f"{out}/{shard}").equals(RECOMMENDATIONS)
    rows = pq.read_table(out).to_pylist()  # what is no Parquet is passed over
    assert len(rows) == len({row["user_id"] for row in rows})
    return {row["user_id"]: row for row in rows}


def user(raw_id: str) -> str:
    return identity.make_user_hasher(SALT.encode())(raw_id).hex()


def write(path: pathlib.Path, events: list[Event], *more: str) -> dict:
    lines = [",".join(map(str, event)) for event in events]
    path.write_text("\n".join([HEADER, *lines, *more]) + "\n")
    return {"path": str(path)}


def random_events(rows: int = 400, users: int = 40, seed: int = 0) -> list[Event]:
    rng = random.Random(seed)
    pick = rng.randrange
    return [
        (f"private-{pick(users)}", f"item{pick(14)}", f"scene{pick(4)}", pick(40 * DAY)) for _ in range(rows)
    ]  # 12 items and 3 scenes are known to the model


def by_user(events: list[Event], as_of: float = float("inf")) -> dict[str, list[Event]]:
    """Events before a time, the slow way; sorting keeps the log's order at equal times."""
    result: dict[str, list[Event]] = {}
    for event in sorted((event for event in events if event[3] < as_of), key=lambda event: event[3]):
        result.setdefault(event[0], []).append(event)
    return result


def asked(loaded, history: list[Event], top: int, signature: str = "serving_default", as_of: int = 0, **more) -> dict:
    """What the model answers to one user's raw ids."""
    inputs = {
        "history_item_ids": tf.constant([[event[1] for event in history]]),
        "history_scene_ids": tf.constant([[event[2] for event in history]]),
        "history_timestamps": tf.constant([[event[3] for event in history]], tf.int64),
        "request_time": tf.constant([as_of], tf.int64),
    }
    answer = {name: value.numpy()[0] for name, value in ask_signature(loaded, signature, {**inputs, **more}).items()}
    result = {}
    for kind in RANKINGS:
        filled = [place for place, raw_id in enumerate(answer[f"{kind}_ids"]) if raw_id][:top]
        result[f"{kind}_ids"] = [answer[f"{kind}_ids"][place].decode() for place in filled]
        result[f"{kind}_scores"] = [answer[f"{kind}_scores"][place] for place in filled]
    return result


def same(row: dict, expected: dict) -> None:
    for kind in RANKINGS:
        assert row[f"{kind}_ids"] == expected[f"{kind}_ids"]
        np.testing.assert_allclose(row[f"{kind}_scores"], expected[f"{kind}_scores"], atol=1e-5)


def test_each_row_is_what_the_model_answers(run, loaded, tmp_path):
    events = random_events()
    rows, summary = run(write(tmp_path / "log.csv", events))
    expected = by_user(events)
    assert set(rows) == set(map(user, expected)) and summary.users == len(expected) == 40
    assert (summary.rows_in, summary.rows_rejected, summary.without_history) == (400, 0, 0)
    for raw_id, history in expected.items():
        row = rows[user(raw_id)]
        assert row["history_length"] == len(history[-4:])
        same(row, asked(loaded, history[-4:], top=5))
    assert any(row["item_ids"] != row["period_item_ids"] for row in rows.values())


def test_events_at_one_time_have_the_order_that_they_have_in_training(run, tmp_path):
    """It is not that of the rows, unless asked for."""
    events = [(u, item, scene, time // DAY * DAY) for u, item, scene, time in random_events()]
    forth, _ = run(write(tmp_path / "forth.csv", events))
    back, _ = run(write(tmp_path / "back.csv", events[::-1]), partitions=3)
    assert forth.keys() == back.keys()
    for name, row in forth.items():
        same(row, back[name])
    forth, back = (
        run(write(tmp_path / f"{name}.csv", rows), ties="log")[0] for name, rows in (("f", events), ("b", events[::-1]))
    )
    assert any(row["item_ids"] != back[name]["item_ids"] for name, row in forth.items())


def test_nothing_at_or_after_the_date_matters(run, loaded, tmp_path):
    events = random_events()
    cutoff = 20 * DAY
    events += [("private-0", "item1", "scene1", cutoff - 1), ("private-0", "item2", "scene2", cutoff)]
    earlier = [event for event in events if event[3] < cutoff]
    rows, summary = run(write(tmp_path / "log.csv", [*events, ("late", "item1", "scene1", cutoff)]), as_of=AS_OF)
    alone, _ = run(write(tmp_path / "early.csv", earlier), as_of=AS_OF)
    changed = [(u, "item5", "scene0", t + 1) if t >= cutoff else (u, i, s, t) for u, i, s, t in events]
    other, _ = run(write(tmp_path / "changed.csv", changed), as_of=AS_OF.replace(tzinfo=datetime.timezone.utc))
    assert rows == alone == other
    assert summary.without_history == 1 + len(by_user(events)) - len(by_user(earlier)) and user("late") not in rows
    same(rows[user("private-0")], asked(loaded, by_user(earlier)["private-0"][-4:], top=5, as_of=cutoff))
    assert by_user(earlier)["private-0"][-1][1] == "item1"


def test_histories_reach_back_as_far_as_in_training(run, tmp_path):
    events = random_events()
    early = [("private-early", "item1", "scene1", 16 * DAY - 1)]
    kept = [event for event in events if event[3] >= 16 * DAY]
    rows, summary = run(write(tmp_path / "log.csv", events + early), as_of=AS_OF, history_days=4)
    alone, _ = run(write(tmp_path / "kept.csv", kept), as_of=AS_OF)
    assert rows == alone and user("private-early") not in rows and summary.without_history >= 1


def test_items_from_before_the_days_that_are_read_are_left_out_too(run, tmp_path):
    events = random_events()
    rows, _ = run(write(tmp_path / "log.csv", events), as_of=AS_OF, history_days=4, unseen=True, top=100)
    histories_of = by_user(events, as_of=20 * DAY)
    for raw_id, history in histories_of.items():
        if user(raw_id) in rows:
            row = rows[user(raw_id)]
            assert not {*row["item_ids"], *row["period_item_ids"]} & {event[1] for event in history}
    assert any(event[3] < 16 * DAY for history in histories_of.values() for event in history)


def test_a_date_before_the_log_leaves_nobody(run, tmp_path):
    rows, summary = run(write(tmp_path / "log.csv", random_events()), as_of=datetime.datetime(1970, 1, 1))
    assert rows == {} and (summary.users, summary.without_history) == (0, 40)


def test_items_of_the_users_own_events_are_left_out(run, loaded, tmp_path):
    events = random_events(rows=300, users=20)
    rows, _ = run(write(tmp_path / "log.csv", events), unseen=True, top=100, as_of=AS_OF)
    histories_of = by_user(events, as_of=20 * DAY)
    assert any(len(history) > 4 for history in histories_of.values())
    for raw_id, history in histories_of.items():
        row = rows[user(raw_id)]
        assert not set(row["item_ids"]) & {event[1] for event in history}  # those before the last 4, too
        older = tf.constant([[event[1] for event in history[:-4]] or [""]])
        same(row, asked(loaded, history[-4:], 100, "recommend_unseen", 20 * DAY, exclude_item_ids=older))
        assert len(row["item_ids"]) < 12 and "" not in row["item_ids"]


def test_equal_times_keep_the_order_of_the_log_on_demand(run, loaded, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    write(folder / "b.csv", [("u", "item5", "scene2", 100), ("u", "item6", "scene0", 100)])
    write(folder / "a.csv", [("u", "item1", "scene0", 100), ("u", "item2", "scene1", 100)])
    rows, _ = run({"path": str(folder)}, max_history=3, ties="log")
    history = [("u", "item2", "scene1", 100), ("u", "item5", "scene2", 100), ("u", "item6", "scene0", 100)]
    same(rows[user("u")], asked(loaded, history, top=5))


def test_partitions_change_nothing(run, tmp_path):
    log = write(tmp_path / "log.csv", random_events())
    one, _ = run(log, partitions=1)
    two, _ = run(log, partitions=2)
    assert one.keys() == two.keys()
    for name, row in one.items():
        assert row["history_length"] == two[name]["history_length"]
        same(row, two[name])


def test_parquet_with_several_row_groups(run, tmp_path):
    events = random_events()
    expected, _ = run(write(tmp_path / "log.csv", events))
    columns = dict(zip(HEADER.split(","), map(list, zip(*events, strict=True)), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "log.parquet", row_group_size=70)
    rows, summary = run({"path": str(tmp_path / "log.parquet"), "format": "parquet"})
    assert rows == expected and summary.rows_in == 400


def test_futures_of_sequence_files_are_ignored(run, loaded, tmp_path):
    fields = [
        ("user_id", "private-ann"),
        ("history_item_ids", "item1,item2,item3"),
        ("history_scene_ids", "scene0,scene1,scene2"),
        ("history_timestamps", "100,200,300"),
        ("future_item_ids", "item9"),
        ("future_scene_ids", "scene0"),
        ("future_timestamps", "400"),
    ]
    later = dict(fields) | {"history_timestamps": "100,200,301", "history_item_ids": "item4,item5,item6"}
    no_history = dict(fields) | {"user_id": "private-bob"} | {name: "" for name, _ in fields[1:4]}
    records = [later, dict(fields), no_history]
    lines = [f"{name}: {value}" for record in records for name, value in record.items()]
    (tmp_path / "log").write_text("\n".join(lines))
    source = {"path": str(tmp_path / "log"), "format": "fields", "layout": "sequences"}
    rows, summary = run(source)
    assert set(rows) == {user("private-ann")} and summary.without_history == 1
    history = [("u", f"item{number}", f"scene{number - 4}", time) for number, time in ((4, 100), (5, 200), (6, 301))]
    same(rows[user("private-ann")], asked(loaded, history, top=5))
    # Both records end at 200 now, and the second of them counts.
    rows, _ = run(source, as_of=datetime.datetime(1970, 1, 1, 0, 5))
    history = [("u", "item1", "scene0", 100), ("u", "item2", "scene1", 200)]
    same(rows[user("private-ann")], asked(loaded, history, top=5, as_of=300))


def test_bad_rows_are_listed_and_raw_users_written_nowhere(run, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    log = write(tmp_path / "log.csv", random_events(), "private-x,item1,scene0,soon", "private-x,item1")
    rows, summary = run({**log, "max_bad_share": 0.5})
    assert (summary.rows_in, summary.rows_rejected) == (402, 2) and user("private-x") not in rows
    assert "2 of 402 rows rejected" in str(summary) and "users/s" in str(summary)
    written = [path for path in (tmp_path / "out0").rglob("*") if path.is_file()]
    assert {path.name for path in written if path.suffix == ".csv"} == {"rejects-00000-00000.csv"}
    (rejected,) = (path.read_text() for path in written if path.suffix == ".csv")
    assert '402,"bad_timestamp"' in rejected and '403,"wrong_column_count"' in rejected
    assert not [path for path in written if b"private" in path.read_bytes() or SALT.encode() in path.read_bytes()]
    for path in (path for path in written if path.suffix == ".parquet"):  # its pages are compressed
        assert "private" not in str(pq.read_table(path).to_pylist())
    assert "private" not in caplog.text


def test_too_many_bad_rows_leave_their_list_alone(run, tmp_path):
    log = write(tmp_path / "log.csv", random_events(rows=3), "x,item1,scene0,soon")
    with pytest.raises(ValueError, match=r"1 of 4 rows is bad \(25.00%\): 1 bad_timestamp.*max_bad_share"):
        run({**log, "max_bad_share": 0.1})
    assert [path.name for path in (tmp_path / "out0").rglob("*") if path.is_file()] == ["rejects-00000-00000.csv"]


def test_a_log_that_cannot_be_read_leaves_nothing(run, tmp_path):
    (tmp_path / "log.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="log.csv has no column 'user_id'"):
        run({"path": str(tmp_path / "log.csv")})
    assert not (tmp_path / "out0").exists()


def test_a_job_that_breaks_leaves_nothing(run, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of order")

    monkeypatch.setattr(recommend, "to_rows", fail)
    with pytest.raises(Exception, match="out of order"):
        run(write(tmp_path / "log.csv", random_events()))
    assert not (tmp_path / "out0").exists()


def test_results_that_cannot_all_be_moved_are_none(run, tmp_path, monkeypatch):
    rename = FileSystems.rename

    def fail(sources, destinations):
        rename(sources[:1], destinations[:1])
        if len(sources) > 1:
            raise OSError("no space left")

    monkeypatch.setattr(FileSystems, "rename", fail)
    with pytest.raises(OSError, match="no space left"):
        run(write(tmp_path / "log.csv", random_events()))
    assert [path.name for path in (tmp_path / "out0").iterdir()] == ["_rejects"]


def test_the_folder_of_a_failed_job_is_used_again(run, tmp_path):
    out = tmp_path / "out"
    events = random_events()
    with pytest.raises(ValueError, match="rows are bad"):
        run(write(tmp_path / "bad.csv", [(*event[:3], "today") for event in events]), out=str(out))
    assert [path.name for path in out.iterdir()] == ["_rejects"]
    assert len(list((out / "_rejects").iterdir())) == 1
    run(write(tmp_path / "log.csv", events), out=str(out))
    assert (out / "_SUCCESS").exists()
    lines = [path.read_text().splitlines() for path in (out / "_rejects").iterdir()]
    assert [len(file) for file in lines] == [1]  # the header alone


@pytest.mark.parametrize("name", ["recommendations-00000-of-00002.parquet", "_incomplete", "notes.txt"])
def test_results_are_never_overwritten(run, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).touch()
    with pytest.raises(UserError, match=rf"--out: {out} is not empty \('{name}'\)") as error:
        run(write(tmp_path / "log.csv", random_events()), out=str(out))
    assert ("killed" in str(error.value)) == (name == "_incomplete")
    assert [path.name for path in out.iterdir()] == [name]
    with pytest.raises(UserError, match="--out: .* is not empty"):
        run(write(tmp_path / "log.csv", random_events()), out=str(out / name))


def test_an_empty_folder_will_do_and_the_model_is_loaded_once(run, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    folders, load = [], saved_model.load_saved_model
    monkeypatch.setattr(saved_model, "load_saved_model", lambda folder: folders.append(folder) or load(folder))
    rows, _ = run(write(tmp_path / "log.csv", random_events()), out=str(tmp_path / "out"), partitions=5)
    assert len(rows) == 40 and len(folders) == 1


def test_refused_before_any_work(run, tmp_path, monkeypatch):
    log = write(tmp_path / "log.csv", random_events())
    with pytest.raises(UserError, match="is no file; expected a csv file"):
        run({"path": str(tmp_path / "nothing.csv")})
    monkeypatch.delenv("DSPNET_SALT")
    with pytest.raises(UserError, match="DSPNET_SALT is missing or empty"):
        run(log)
    tf.saved_model.save(tf.Module(), str(tmp_path / "old"))
    monkeypatch.setenv("DSPNET_SALT", SALT)
    with pytest.raises(UserError, match="has no recommend_fingerprints, .*answers.*run the pipeline again"):
        run(log, model=str(tmp_path / "old"))
    with pytest.raises(UserError, match="--model: .*none cannot be loaded"):
        run(log, model=str(tmp_path / "none"))
    assert not list(tmp_path.glob("out*"))


def test_batches_are_of_similar_length_and_bounded(monkeypatch):
    monkeypatch.setattr(histories, "BATCH_ROWS", 4)
    monkeypatch.setattr(histories, "BATCH_PLACES", 20)
    lengths = np.array([1, 9, 1, 30, 2, 1, 1, 3, 0, 8])
    batches = [batch.tolist() for batch in histories.cut_batches(lengths)]
    assert batches == [[8, 0, 2, 5], [6, 4], [7, 9], [1], [3]]
    assert list(histories.cut_batches(lengths[:0])) == []


def test_ranges_are_padded_at_the_end():
    values = np.array([5, 6, 7, 8])
    rows = histories.pad_ranges(values, np.array([0, 3, 2]), np.array([3, 4, 2]))
    assert rows.tolist() == [[5, 6, 7], [8, -1, -1], [-1, -1, -1]] and rows.dtype == np.int64
    assert histories.pad_ranges(values[:0], np.zeros(2, int), np.zeros(2, int)).shape == (2, 0)
