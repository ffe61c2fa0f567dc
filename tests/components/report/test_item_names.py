import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.report.config import ItemNamesConfig
from components.report.item_names import ItemNamesError, check_table, read_names

WANTED = {"007", "7", "8", "9"}
ROWS = {
    "sku": ["007", "8", "7", "8", "9", "10", "9"],
    "title": ["Martini", "Milk", "Tea", "Butter", None, "Ale", "Egg"],
}
NAMES = {"007": "Martini", "8": "Milk", "7": "Tea", "9": "Egg"}


@pytest.fixture(params=["items.csv", "items.csv.gz", "items.parquet"])
def config(request, tmp_path) -> ItemNamesConfig:
    path = tmp_path / request.param
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"price": [1.0] * 7, **ROWS}), path, row_group_size=2)
    else:
        lines = ["price,sku,title", *(f"1.0,{sku},{title or ''}" for sku, title in zip(*ROWS.values(), strict=True))]
        (gzip.open if path.suffix == ".gz" else open)(path, "wb").write("\n".join(lines).encode())
    return ItemNamesConfig(path=str(path), id="sku", name="title")


def test_the_first_name_of_an_id_counts_and_ids_stay_text(config) -> None:
    assert read_names(config, WANTED | {"never seen"}) == NAMES
    assert read_names(config, set()) == {}


@pytest.mark.parametrize("key", ["id", "name"])
def test_a_missing_column_is_named_with_those_there_are(config, key) -> None:
    wrong = config.model_copy(update={key: "label"})
    for ask in (check_table, lambda asked: read_names(asked, WANTED)):
        with pytest.raises(ItemNamesError, match=f"report.items.{key}: .*no column 'label'; it has: price, sku, title"):
            ask(wrong)


def test_a_missing_file(tmp_path) -> None:
    for name in ("items.csv", "items.parquet", "items.csv.gz"):
        with pytest.raises(ItemNamesError, match=f"report.items.path: .*{name} cannot be read"):
            read_names(ItemNamesConfig(path=str(tmp_path / name)), WANTED)


def test_a_file_that_is_not_what_its_name_says(tmp_path) -> None:
    (tmp_path / "items.parquet").write_text("sku,title\n")
    with pytest.raises(ItemNamesError, match="report.items.path: .*items.parquet cannot be read"):
        check_table(ItemNamesConfig(path=str(tmp_path / "items.parquet"), id="sku", name="title"))


def test_without_a_table_there_are_no_names() -> None:
    check_table(ItemNamesConfig())
    assert read_names(ItemNamesConfig(), WANTED) == {}


def test_numbers_as_ids(tmp_path) -> None:
    pq.write_table(pa.table({"item_id": pa.array([7, 8], pa.int32()), "name": ["Tea", "Milk"]}), tmp_path / "i.parquet")
    assert read_names(ItemNamesConfig(path=str(tmp_path / "i.parquet")), WANTED) == {"7": "Tea", "8": "Milk"}


def test_only_the_head_of_a_csv_is_checked(tmp_path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes('\ufeff"sku","the, title"\n'.encode() + b"1,caf\xe9\n" * 3)
    config = ItemNamesConfig(path=str(path), id="sku", name="the, title")
    with pytest.raises(ItemNamesError, match="cannot be read"):
        check_table(config)
    path.write_bytes('\ufeff"sku","the, title"\n'.encode() + b"1,plain\n" * 100_000 + b"1,caf\xe9\n")
    check_table(config)


def test_an_empty_csv_has_no_column(tmp_path) -> None:
    (tmp_path / "items.csv").write_text("")
    with pytest.raises(ItemNamesError, match="no column"):
        check_table(ItemNamesConfig(path=str(tmp_path / "items.csv"), id="sku", name="title"))
