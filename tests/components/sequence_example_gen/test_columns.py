"""Casting, ids and times of single columns."""

import datetime
import decimal
import random
import uuid
import zoneinfo

import numpy as np
import pyarrow as pa
import pytest

from components.sequence_example_gen import parsing, rejects
from components.sequence_example_gen.casting import SourceError, cast_or_null, cast_to_text
from components.sequence_example_gen.column_types import (
    PLAIN_NUMBERS,
    POINT_NUMBERS,
    TWO_SPELLINGS,
    classify_spelling,
)
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.local_times import parse_by_pattern, to_utc
from components.sequence_example_gen.sources import RawBatch
from components.sequence_example_gen.timestamps import format_time, parse_timestamps

SECOND = 1_506_826_800  # 2017-10-01T03:00:00Z
ONE, TWO = uuid.UUID("0123abcd-0000-4000-8000-00000000000f"), uuid.UUID(int=2)


def source(form="unix_s", **keys):
    return SourceConfig(path="log", timestamp_format=form, **keys)


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
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array([5.0, float("nan"), None, -0.0, -3.0]), ["5", None, None, "0", "-3"]),
        (pa.array([5.0, 2.0**24 - 1], pa.float32()), ["5", "16777215"]),
        (pa.array([2.0**53 - 1, 1 - 2.0**53]), ["9007199254740991", "-9007199254740991"]),
        (pa.array([decimal.Decimal(5), None], pa.decimal128(10, 0)), ["5", None]),
        (pa.array([decimal.Decimal("5.00"), decimal.Decimal("5.50")], pa.decimal128(10, 2)), ["5", None]),
        (pa.array([decimal.Decimal(10**30)], pa.decimal128(38, 0)), ["1" + "0" * 30]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([ONE.bytes, TWO.bytes, None], pa.binary(16)), [str(ONE), str(TWO), None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_ids_keep_their_raw_text(array, texts):
    assert cast_to_text(array, "item_id").to_pylist() == texts


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1.5, float("inf"), -float("inf")]),
        pa.array([2.0**53, -(2.0**60)]),  # 2**53 + 1 has become 2**53
        pa.array([2.0**24 + 2], pa.float32()),
    ],
)
def test_numbers_that_are_no_ids_are_bad_rows_of_their_own(array):
    ids = parsing.parse_ids(array, "item_id")
    assert ids.invalid.all() and not ids.missing.any()
    ((mask, detail),) = [(m, d) for m, reason, d in parsing.find_id_errors(ids, "sku") if reason == "wrong_type"]
    assert mask.all() and detail.startswith("column sku: a number that is not whole")


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["5", "7"], {PLAIN_NUMBERS}),
        (["5.0", "7.00", "x.0", "1.2.0"], {POINT_NUMBERS}),
        (["5", "6.0", "x", ".0"], {PLAIN_NUMBERS, POINT_NUMBERS}),
        (["5", "x", "5.00"], {PLAIN_NUMBERS, POINT_NUMBERS, TWO_SPELLINGS}),
        (["-5.0", "-5.00"], {POINT_NUMBERS, TWO_SPELLINGS}),
        (["5.50", "5.5", "05", None, ""], {PLAIN_NUMBERS}),
        ([], set()),
    ],
)
def test_spellings_of_whole_numbers(texts, found):
    assert classify_spelling(pa.array(texts, pa.string())) == found


def test_other_types_are_refused_by_name():
    with pytest.raises(SourceError, match="'sku' holds list<item: int64>; expected text, whole numbers"):
        cast_to_text(pa.array([[1]]), "sku")
    with pytest.raises(SourceError, match="'t' holds bool; expected times"):
        parse_timestamps(pa.array([True]), source(), "t")


def test_ids_point_out_what_is_missing_or_invalid():
    ids = parsing.parse_ids(pa.array([b"a", b"", None, b"\xff", b"a"]), "item_id")
    assert ids.missing.tolist() == [False, True, True, False, False]
    assert ids.invalid.tolist() == [False, False, False, True, False]
    kept = ids.filter(np.array([True, False, False, False, True]))
    assert kept.values.to_pylist() == ["a"] and kept.codes.tolist() == [0, 0]
    filled = ids.fill_missing("none")
    assert [filled.values[int(code)].as_py() for code in filled.codes] == ["a", "none", "none", None, "a"]


def test_nan_and_null_are_missing_also_in_a_dictionary():
    codes = pa.array([0, 1, 2, None], pa.int8())
    ids = parsing.parse_ids(pa.DictionaryArray.from_arrays(codes, pa.array([1.0, None, float("nan")])), "item_id")
    assert ids.missing.tolist() == [False, True, True, True] and not ids.invalid.any()


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
        parsed = parsing.parse_events(raw, source(), lambda _: bytes(16))
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
        (pa.array(["2017-10-01T03"]), "iso8601"),
        (pa.array(["2017-10-01T03:00"]), "iso8601"),
        (pa.array(["2017-10-01t03:00:00z"]), "iso8601"),
        (pa.array(["2017-10-01 03:00:00 UTC"]), "iso8601"),
        (pa.array(["2017-10-01 05:00:00 +0200"]), "iso8601"),
        (pa.array(["2017-10-01 01:00:00.0-02"]), "iso8601"),
        (pa.array([decimal.Decimal(SECOND)], pa.decimal128(12, 0)), "unix_s"),
        (pa.array([str(SECOND)]).dictionary_encode(), "unix_s"),
        (pa.array([datetime.datetime(2017, 10, 1, 3)], pa.timestamp("ns")), "unix_s"),
        (pa.array([datetime.datetime(2017, 10, 1, 3)], pa.timestamp("ms", "Europe/Paris")), "unix_s"),
    ],
)
def test_times_of_every_format(array, form):
    times = parse_timestamps(array, source(form), "t")
    assert times.microseconds.tolist() == [SECOND * 1_000_000]
    assert not (times.missing | times.unparsable | times.out_of_range).any()


@pytest.mark.parametrize(
    ("array", "form"),
    [
        (pa.array(["20171001"]), "yyyymmdd"),
        (pa.array([20171001]), "yyyymmdd"),
        (pa.array([20171001.0]), "yyyymmdd"),
        (pa.array([datetime.date(2017, 10, 1)]), "unix_s"),
        (pa.array(["2017-10-01"]), "iso8601"),
    ],
)
def test_days(array, form):
    day = 1_506_816_000 * 1_000_000
    assert parse_timestamps(array, source(form), "t").microseconds.tolist() == [day]
    kolkata = parse_timestamps(array, source(form, timezone="Asia/Kolkata"), "t")
    assert kolkata.microseconds.tolist() == [day - 19_800 * 1_000_000]


@pytest.mark.parametrize(
    ("value", "form", "fault"),
    [
        ("", "unix_s", "missing"),
        (None, "unix_s", "missing"),
        ("soon", "unix_s", "unparsable"),
        (float("nan"), "unix_s", "missing"),
        ("nan", "unix_s", "unparsable"),
        ("2017-10-01 soon", "iso8601", "unparsable"),
        ("2017", "iso8601", "unparsable"),
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
    array = pa.array([value], pa.string()) if value is None else pa.array([value])
    times = parse_timestamps(array, source(form), "t")
    found = [name for name in ("missing", "unparsable", "out_of_range") if getattr(times, name)[0]]
    assert found == [fault]


def test_milliseconds_keep_their_order_and_mixed_zones_are_read():
    times = parse_timestamps(pa.array(["1506826800001", "1506826800000"]), source("unix_ms"), "t").microseconds
    assert times[0] > times[1]
    mixed = pa.array(["2017-10-01T05:00:00+02:00", "2017-10-01T03:00:00", "x"])
    mixed = parse_timestamps(mixed, source("iso8601"), "t")
    assert mixed.microseconds[0] == mixed.microseconds[1] and mixed.unparsable.tolist() == [False, False, True]


ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # changes by half an hour
    "Pacific/Apia",  # has skipped a whole day
)


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_become_utc_as_python_reads_them(zone):
    rng = random.Random(zone)
    days = [datetime.datetime(2024, 3, 10), datetime.datetime(2024, 3, 31), datetime.datetime(2024, 4, 7)]
    days += [datetime.datetime(2024, 10, 6), datetime.datetime(2024, 10, 27), datetime.datetime(2024, 11, 3)]
    days += [datetime.datetime(2011, 12, 30), datetime.datetime(1971, 1, 1)]
    times = [day + datetime.timedelta(minutes=minutes) for day in days for minutes in range(0, 24 * 60, 15)]
    times += [days[-1] + datetime.timedelta(seconds=rng.randrange(60 * 365 * 86_400)) for _ in range(1000)]
    expected = [
        time.replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(datetime.timezone.utc).replace(tzinfo=None)
        for time in times
    ]
    assert to_utc(pa.array(times, pa.timestamp("us")), zone).to_pylist() == expected


def test_only_times_without_a_zone_are_local():
    berlin = source("iso8601", timezone="Europe/Berlin")
    texts = pa.array(["2017-10-01T05:00:00", "2017-10-01T03:00:00Z", "2017-10-01 05:00:00"])
    assert parse_timestamps(texts, berlin, "t").microseconds.tolist() == [SECOND * 1_000_000] * 3
    local = datetime.datetime(2017, 10, 1, 5)
    for kind, hours in ((pa.timestamp("ms"), 0), (pa.timestamp("ms", "UTC"), 2)):
        times = parse_timestamps(pa.array([local], kind), berlin, "t")
        assert times.microseconds.tolist() == [(SECOND + hours * 3600) * 1_000_000]
    assert parse_timestamps(pa.array([SECOND]), source(timezone="Europe/Berlin"), "t").microseconds[0] == SECOND * 10**6


def test_the_hour_that_repeats_and_the_hour_that_is_skipped():
    berlin = source("iso8601", timezone="Europe/Berlin")
    texts = pa.array(["2024-10-27 02:30", "2024-03-31 02:30", "2024-03-31 03:30"])
    first, skipped, behind = parse_timestamps(texts, berlin, "t").microseconds.tolist()
    assert format_time(first) == "2024-10-27 00:30:00"
    assert format_time(skipped) == format_time(behind) == "2024-03-31 01:30:00"


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("31/12/2024 10:05", "%d/%m/%Y %H:%M", "2024-12-31 10:05:00"),
        ("1/2/2024 1:2", "%d/%m/%Y %H:%M", "2024-02-01 01:02:00"),
        ("29/02/2024 00:00", "%d/%m/%Y %H:%M", "2024-02-29 00:00:00"),
        ("01/03/2023 00:00", "%d/%m/%Y %H:%M", "2023-03-01 00:00:00"),
        ("10/Oct/2000:13:55:36 -0700", "%d/%b/%Y:%H:%M:%S %z", "2000-10-10 20:55:36"),
        ("Oct 10, 2000 1:55 PM", "%b %d, %Y %I:%M %p", "2000-10-10 13:55:00"),
        ("10.10.2000 13:55:36.75", "%d.%m.%Y %H:%M:%S.%f", "2000-10-10 13:55:36.750000"),
        ("2024 060", "%Y %j", "2024-02-29 00:00:00"),
    ],
)
def test_times_by_a_pattern(text, pattern, expected):
    (time,) = parse_by_pattern(pa.array([text]), source(time_pattern=pattern).time_pattern).to_pylist()
    assert str(time) == expected
    zoned = datetime.datetime.strptime(text, pattern)
    assert (zoned.astimezone(datetime.timezone.utc) if zoned.tzinfo else zoned).replace(tzinfo=None) == time


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("30/02/2024 10:05", "%d/%m/%Y %H:%M"),  # C reads March 1
        ("31/04/2024 10:05", "%d/%m/%Y %H:%M"),
        ("29/02/2023 10:05", "%d/%m/%Y %H:%M"),
        ("29/Feb/2023:01:00:00 +0500", "%d/%b/%Y:%H:%M:%S %z"),
        ("31/12/2024 10:05x", "%d/%m/%Y %H:%M"),
        ("31/12/2024", "%d/%m/%Y %H:%M"),
        ("12/31/2024 10:05", "%d/%m/%Y %H:%M"),
        ("2024-01-01 10:00:00", "%Y-%m-%d %H:%M:%S.%f"),
    ],
)
def test_texts_that_do_not_fit_the_pattern(text, pattern):
    times = parse_timestamps(pa.array([text, ""]), source(time_pattern=pattern), "t")
    assert times.unparsable.tolist() == [True, False] and times.missing.tolist() == [False, True]


def test_a_pattern_takes_the_place_of_the_format_and_knows_the_zone():
    times = parse_timestamps(pa.array([20240701]), source(time_pattern="%Y%m%d", timezone="Europe/Berlin"), "t")
    assert [format_time(time) for time in times.microseconds.tolist()] == ["2024-06-30 22:00:00"]
    zoned = source(time_pattern="%Y%m%d %z", timezone="Europe/Berlin")
    times = parse_timestamps(pa.array(["20240701 +0000"]), zoned, "t")
    assert [format_time(time) for time in times.microseconds.tolist()] == ["2024-07-01 00:00:00"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"time_pattern": "%d/%m/%Y %H:%M %p"}, "%I, the hour of twelve, and %p go together"),
        ({"time_pattern": "%d/%m/%Y %I:%M"}, "%I, the hour of twelve, and %p go together"),
        ({"delimiter": "\0"}, "must be text in one line"),
        ({"time_pattern": "%d/%m"}, "needs year, month and day"),
        ({"time_pattern": "yyyy-mm-dd"}, "needs year, month and day"),
        ({"time_pattern": "%d/%m/%Y %Z"}, "%Z is not known"),
        ({"time_pattern": "%d/%m/%Y %"}, "is not known"),
        ({"time_pattern": "%S.%f %d.%m.%Y"}, "must follow the last point"),
        ({"timezone": "Berlin"}, "IANA name of a zone"),
        ({"timezone": "../etc/passwd"}, "IANA name of a zone"),
    ],
)
def test_wrong_patterns_and_zones_are_refused_by_the_configuration(keys, message):
    with pytest.raises(ValueError, match=message):
        source(**keys)


def test_many_bad_times_are_found_quickly():
    # One by one, these would be some millions of casts.
    texts = pa.array(["soon"] * 300_000 + [str(SECOND)])
    for form in ("unix_s", "iso8601"):
        times = parse_timestamps(texts, source(form), "t")
        assert times.unparsable.sum() == (300_000 if form == "unix_s" else 300_001)


@pytest.mark.parametrize(
    "array",
    [
        # In microseconds these wrap around into 2024.
        pa.array([(1717200000 * 10**6 + 2**64) // 1000, -((2**64 - 1717200000 * 10**6) // 1000)], pa.timestamp("ms")),
        pa.array([(1717200000 * 10**6 + 2**64) // 10**6, -(2**62)], pa.timestamp("s", "Europe/Berlin")),
        pa.array([2**31 - 1, -(2**31)], pa.int32()).cast(pa.date32()),
        pa.array([2**62, -(2**62)], pa.int64()).cast(pa.timestamp("ns")),
    ],
)
def test_times_far_out_of_range_do_not_wrap_into_it(array):
    times = parse_timestamps(array, source(timezone="America/Lima"), "t")
    assert times.out_of_range.all() and not times.missing.any()
