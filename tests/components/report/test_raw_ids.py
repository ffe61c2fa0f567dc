import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.report.item_names import read_raw_ids
from schemas.catalogue import ID_MAP_COLUMNS
from schemas.identity import fingerprints
from tests.sequence_data import Sequence, catalogues

CATALOGUE = catalogues([Sequence([("milk", "cart")], [("tea", "cart")])])[0]


@pytest.fixture
def id_map(tmp_path) -> str:
    for shard, ids in enumerate((["ale", "milk"], ["egg", "rum"])):
        table = pa.table([pa.array(fingerprints(ids)), pa.array(ids)], schema=ID_MAP_COLUMNS)
        pq.write_table(table, tmp_path / f"items-{shard}.parquet")
    return str(tmp_path / "items-*")


def test_from_the_catalogue_and_then_from_the_id_map(id_map) -> None:
    wanted = fingerprints(["milk", "rum", "ale", "rum"]).tolist()
    assert read_raw_ids(wanted, CATALOGUE, id_map) == dict(zip(wanted, ["milk", "rum", "ale", "rum"], strict=True))
    assert read_raw_ids([], CATALOGUE, id_map) == {}


def test_the_id_map_is_not_read_for_nothing() -> None:
    assert list(read_raw_ids(fingerprints(["tea"]), CATALOGUE, "nowhere").values()) == ["tea"]


def test_an_id_that_is_nowhere(id_map) -> None:
    with pytest.raises(ValueError, match="no raw id for 1 of the 2 ids.*fingerprint 5.*one run of SequenceExampleGen"):
        read_raw_ids(np.array([5, fingerprints(["milk"])[0]]), CATALOGUE, id_map)
