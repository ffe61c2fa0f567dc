"""Casting, ids and times of single columns."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from components.sequence_example_gen import parsing, rejects
from components.sequence_example_gen.casting import SourceError, cast_or_null, cast_to_text
from components.sequence_example_gen.sources import RawBatch
from components.sequence_example_gen.timestamps import parse_timestamps

SECOND = 1_506_826_800  # 2017-10-01T03:00:00Z


def test_cast_or_null_nulls_only_the_bad():
    values = [str(i) for i in range(100)]
    values[3] = values[70] = "x"
    cast = cast_or_null(pa.array(values), pa.int64()).to_pylist()
    assert [i for i, value in enumerate(cast) if value is None] == [3, 70]
    assert cast[71] == 71
    assert cast_or_null(pa.array([b"a", b"\xff", None]), pa.string()).to_pylist() == ["a", None, None]


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array([7, None, -1]), ["7", None, "-1"]),
        (pa.array(["é", ""]), ["é", ""]),
        (pa.array([b"x"], pa.large_binary()), ["x"]),
        (pa.array(["a", "a"]).dictionary_encode(), ["a", "a"]),
    ],
)
def test_ids_keep_their_raw_text(array, texts):
    assert cast_to_text(array, "item_id").to_pylist() == texts


def test_other_types_are_refused_by_name():
    with pytest.raises(SourceError, match="'item_id' holds double"):
        cast_to_text(pa.array([1.5]), "item_id")
    with pytest.raises(SourceError, match="'t' holds bool"):
        parse_timestamps(pa.array([True]), "unix_s", "t")


def test_ids_point_out_what_is_missing_or_invalid():
    ids = parsing.parse_ids(pa.array([b"a", b"", None, b"\xff", b"a"]), "item_id")
    assert ids.missing.tolist() == [False, True, True, False, False]
    assert ids.invalid.tolist() == [False, False, False, True, False]
    kept = ids.filter(np.array([True, False, False, False, True]))
    assert kept.values.to_pylist() == ["a"] and kept.codes.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" * 512, None),
        ("é" * 256, None),
        ("a" * 513, "id_too_long"),
        ("é" * 257, "id_too_long"),
        ("a\0", "nul_in_id"),
        ("\0", "nul_in_id"),
        ("a\nb", "line_break_in_id"),
    ],
)
def test_what_is_no_id_is_a_bad_row_in_every_column(text, reason):
    for column in ("user_id", "item_id", "scene_id"):
        names = ("user_id", "item_id", "scene_id")
        columns = {name: pa.array(["x", text if name == column else "x"]) for name in names}
        raw = RawBatch({**columns, "timestamp": pa.array([1, 1])}, np.array([1, 2]), rejects.make_empty_rejects())
        parsed = parsing.parse_events(raw, "unix_s", lambda _: bytes(16))
        assert parsed.rejects["reason"].to_pylist() == ([reason] if reason else [])
        assert parsed.rejects["row"].to_pylist() == ([2] if reason else [])
        assert all(column in detail for detail in parsed.rejects["detail"].to_pylist())


@pytest.mark.parametrize(
    ("array", "form"),
    [
        (pa.array([str(SECOND)]), "unix_s"),
        (pa.array([b"1506826800000"]), "unix_ms"),
        (pa.array([SECOND * 1_000_000]), "unix_us"),
        (pa.array([float(SECOND)]), "unix_s"),
        (pa.array(["1506826800.0"]), "unix_s"),
        (pa.array(["2017-10-01T03:00:00Z"]), "iso8601"),
        (pa.array(["2017-10-01 03:00:00"]), "iso8601"),
        (pa.array(["2017-10-01T05:00:00+02:00"]), "iso8601"),
        (pa.array(["2017-10-01T03:00:00.000000000Z"]), "iso8601"),
        (pa.array([datetime.datetime(2017, 10, 1, 3)], pa.timestamp("ns")), "unix_s"),
        (pa.array([datetime.datetime(2017, 10, 1, 3)], pa.timestamp("ms", "Europe/Paris")), "unix_s"),
    ],
)
def test_times_of_every_format(array, form):
    times = parse_timestamps(array, form, "t")
    assert times.microseconds.tolist() == [SECOND * 1_000_000]
    assert not (times.missing | times.unparsable | times.out_of_range).any()


@pytest.mark.parametrize(
    "array", [pa.array(["20171001"]), pa.array([20171001]), pa.array([datetime.date(2017, 10, 1)])]
)
def test_days(array):
    assert parse_timestamps(array, "yyyymmdd", "t").microseconds.tolist() == [1_506_816_000 * 1_000_000]


@pytest.mark.parametrize(
    ("value", "form", "fault"),
    [
        ("", "unix_s", "missing"),
        (None, "unix_s", "missing"),
        ("soon", "unix_s", "unparsable"),
        ("nan", "unix_s", "out_of_range"),
        ("-1", "unix_s", "out_of_range"),
        ("1506826800000", "unix_s", "out_of_range"),
        ("20171301", "yyyymmdd", "unparsable"),
        ("2017-10-01", "yyyymmdd", "unparsable"),
        ("2017-02-30T00:00:00", "iso8601", "unparsable"),
        ("1969-12-31T23:59:59Z", "iso8601", "out_of_range"),
        ("9999-01-01", "iso8601", "out_of_range"),
        (b"\xff\xfe", "unix_s", "unparsable"),
    ],
)
def test_bad_times_are_told_apart(value, form, fault):
    array = pa.array([value], pa.binary() if isinstance(value, bytes) else pa.string())
    times = parse_timestamps(array, form, "t")
    found = [name for name in ("missing", "unparsable", "out_of_range") if getattr(times, name)[0]]
    assert found == [fault]


def test_milliseconds_keep_their_order_and_mixed_zones_are_read():
    times = parse_timestamps(pa.array(["1506826800001", "1506826800000"]), "unix_ms", "t").microseconds
    assert times[0] > times[1]
    mixed = parse_timestamps(pa.array(["2017-10-01T05:00:00+02:00", "2017-10-01T03:00:00", "x"]), "iso8601", "t")
    assert mixed.microseconds[0] == mixed.microseconds[1] and mixed.unparsable.tolist() == [False, False, True]
