"""The filter of rows, `source.keep`."""

import datetime
import decimal
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import pytest

from components.sequence_example_gen import parsing, readers
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.row_filter import find_kept
from components.sequence_example_gen.sources import InputShard
from tests.components.sequence_example_gen.conftest import user

CUT = {"cutoffs": ["1970-01-11"]}


@pytest.mark.parametrize(
    ("array", "wanted", "kept"),
    [
        (pa.array(["buy", "view", "", None, "buy"]), ("buy",), [1, 0, 0, 0, 1]),
        (pa.array([b"buy", b"cart", b"\xff"]), ("buy", "cart"), [1, 1, 0]),
        (pa.array(["4", "4.0", "5", "4x", " 4"]), (4,), [1, 1, 0, 0, 1]),
        (pa.array([4, 5, None]), ("4",), [1, 0, 0]),
        (pa.array([4.0, 4.5, float("nan"), None]), (4, "4.50"), [1, 1, 0, 0]),
        (pa.array([True, False, None]), (True,), [1, 0, 0]),
        (pa.array(["True", "true", "TRUE", "1", "false"]), (True,), [1, 1, 1, 0, 0]),
        (pa.array(["buy", "view"]).dictionary_encode(), ("buy",), [1, 0]),
        (pa.array([3.5, 4.0, 4.5, float("nan"), None]), ">=4", [0, 1, 1, 0, 0]),
        (pa.array(["3.5", "4", "4.5", "", "many", None]), ">4", [0, 0, 1, 0, 0, 0]),
        (pa.array([decimal.Decimal("4.5"), decimal.Decimal("3.5")]), ">= 4", [1, 0]),
        (pa.array([-2, -1, 0]), "<=-1", [1, 1, 0]),
        (pa.array([1, 2]), "<1.5", [1, 0]),
        (pa.array(["a", "b"]), ">=0", [0, 0]),
    ],
)
def test_kept_rows(array, wanted, kept):
    assert find_kept(array, wanted, "c").tolist() == [bool(value) for value in kept]


@pytest.mark.parametrize("wanted", ["buy", ">=", ">=4 and <5", [], "=4"])
def test_wrong_filters_are_refused_by_the_configuration(wanted):
    with pytest.raises(ValueError, match="event_type needs"):
        SourceConfig(path="log", keep={"event_type": wanted})


@pytest.mark.parametrize("wanted", [[None], None, ["buy", None], [["buy"]], {"buy": 1}])
def test_what_is_no_value_is_refused_in_plain_words(wanted):
    with pytest.raises(pydantic.ValidationError) as error:
        SourceConfig(path="log", keep={"event_type": wanted})
    (detail,) = error.value.errors()
    assert detail["loc"] == ("keep",) and detail["msg"] == (
        "Value error, event_type needs texts, numbers, true or false, as in [buy]; a row without a value (null) is "
        f"never kept. Received: {wanted!r}"
    )


def test_values_are_taken_as_yaml_reads_them():
    given = {"dt": [datetime.date(2024, 7, 1)], "rating": 5, "verified": True, "code": ["007"]}
    kept = SourceConfig(path="log", keep=given).keep
    assert kept == {"dt": ("2024-07-01",), "rating": (5,), "verified": (True,), "code": ("007",)}
    assert SourceConfig.model_validate_json(SourceConfig(path="log", keep=given).model_dump_json()).keep == kept


def test_sequences_have_no_rows_to_filter():
    with pytest.raises(ValueError, match="keep and missing_scene are for events"):
        SourceConfig(path="log", layout="sequences", keep={"event_type": ["buy"]})


ROWS = [
    ("ann", "a", "view", 4.5, 100),
    ("ann", "b", "buy", 4.0, 200),
    ("ann", "c", "buy", 3.5, 300),
    ("ann", "d", "buy", 5.0, 864_000),
    ("", "e", "view", 5.0, 400),  # bad, but nobody asks
    ("", "f", "buy", 5.0, 500),  # bad
]
NAMES = ("user_id", "item_id", "event_type", "rating", "timestamp")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_rows_left_out_are_counted_and_never_judged(ingest, tmp_path, form):
    if form == "csv":
        text = "\n".join(",".join(map(str, row)) for row in [NAMES, *ROWS])
        (tmp_path / "log").write_text(text)
    elif form == "jsonl":
        (tmp_path / "log").write_text("\n".join(json.dumps(dict(zip(NAMES, row, strict=True))) for row in ROWS))
    else:
        pq.write_table(pa.table(dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True))), tmp_path / "log")
    source = {
        "path": str(tmp_path / "log"),
        "format": form,
        "columns": {"scene_id": "event_type"},  # a filter may look at a field, too
        "keep": {"event_type": ["buy"], "rating": ">=4"},
        "max_bad_share": 0.4,
    }
    run = ingest(source, CUT)
    assert run.raw("train") == {user("ann"): [(["b"], ["d"])]}
    assert (run.count("events_in"), run.count("events_kept"), run.count("events_filtered")) == (6, 2, 3)
    assert (run.count("rows_in"), run.count("rows_filtered"), run.count("rows_rejected")) == (6, 3, 1)
    assert [raw for _, raw in run.id_map("scenes")] == ["buy"]
    # 1 of the 3 rows that are left is bad.
    with pytest.raises(ValueError, match=r"1 of 3 rows is bad \(33.33%\): 1 missing_field \(column user_id: empty\)"):
        ingest({**source, "max_bad_share": 0.3}, CUT)


def test_json_that_is_left_out_is_not_judged(tmp_path):
    records = [
        {"user_id": [1], "item_id": "a", "scene_id": "s", "timestamp": 1, "rating": 3.5},
        {"user_id": [1], "item_id": "a", "scene_id": "s", "timestamp": 1, "rating": 4.5},
        {"user_id": "u", "item_id": "a", "scene_id": "s", "timestamp": 1, "rating": [5]},
        {"user_id": "u", "item_id": "a", "scene_id": "s", "timestamp": 1, "rating": 4.5},
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, records)))
    source = SourceConfig(path=str(tmp_path / "log.jsonl"), format="jsonl", keep={"rating": ">=4"})
    (raw,) = readers.read_shard(InputShard(0, source.path), source)
    parsed = parsing.parse_events(raw, source, lambda _: bytes(16))
    assert parsed.rejects.to_pydict()["row"] == [2] and parsed.rejects.to_pydict()["reason"] == ["wrong_type"]
    assert (parsed.rows_in, parsed.rows_filtered, len(parsed.events)) == (4, 2, 1)


def test_a_filter_that_leaves_nothing_or_has_no_column(ingest, tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,scene_id,timestamp\nann,a,s,1\n")
    with pytest.raises(ValueError, match=r"source.keep leaves no event of .*log.csv: none of its 1 rows.*scene_id"):
        ingest({"path": str(tmp_path / "log.csv"), "keep": {"scene_id": ["buy"]}}, CUT)
    with pytest.raises(ValueError, match="has no column 'event_type'"):
        ingest({"path": str(tmp_path / "log.csv"), "keep": {"event_type": ["buy"]}}, CUT)
