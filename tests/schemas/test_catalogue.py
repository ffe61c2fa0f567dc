import dataclasses
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas import catalogue
from schemas.catalogue import Catalogue
from schemas.identity import PAD_FINGERPRINT


def _catalogue(**changes):
    columns = {
        "fingerprints": np.array([7, 2**62]),
        "ids": np.array(["a", "商品"], dtype=object),
        "counts": np.array([3, 1]),
        "future_counts": np.array([1, 0]),
    }
    return catalogue.Catalogue(**(columns | changes))


@pytest.mark.parametrize("size", [0, 2])
def test_round_trip(tmp_path, size):
    columns = {
        field.name: getattr(_catalogue(), field.name)[:size] for field in dataclasses.fields(catalogue.Catalogue)
    }
    written = catalogue.Catalogue(**columns)
    path = str(tmp_path / "items.parquet")
    catalogue.write_catalogue(written, path)
    found = catalogue.read_catalogue(path)

    assert len(found) == size and found.unknown_index == size + 1
    for name, column in columns.items():
        np.testing.assert_array_equal(getattr(found, name), column)
    assert found.fingerprints.dtype == found.counts.dtype == np.int64
    assert pq.read_schema(path).equals(catalogue.COLUMNS)


def test_writes_to_an_open_file():
    file = io.BytesIO()
    catalogue.write_catalogue(_catalogue(), file)
    assert pq.read_table(io.BytesIO(file.getvalue()))["index"].to_pylist() == [1, 2]


def test_refuses_columns_of_different_lengths():
    with pytest.raises(ValueError, match=r"one length. Received lengths: \[1, 2\]"):
        _catalogue(counts=np.array([3]))


def test_refuses_a_fingerprint_that_stands_twice():
    with pytest.raises(ValueError, match="each fingerprint once"):
        _catalogue(fingerprints=np.array([7, 7]))


def test_reading_refuses_other_columns(tmp_path):
    path = str(tmp_path / "other.parquet")
    pq.write_table(pa.table({"fingerprint": [1], "id": ["a"]}), path)
    with pytest.raises(ValueError, match="is no catalogue: expected columns"):
        catalogue.read_catalogue(path)


@pytest.mark.parametrize("index", [[2, 1], [0, 1], [1, 1]])
def test_reading_refuses_an_index_that_does_not_count_from_1(tmp_path, index):
    path = str(tmp_path / "items.parquet")
    catalogue.write_catalogue(_catalogue(), path)
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "index", pa.array(index, pa.int32())), path)
    with pytest.raises(ValueError, match="its index must run from 1 to 2"):
        catalogue.read_catalogue(path)


def test_look_ups_by_fingerprint():
    prints = np.array([50, 10, 30])
    counts = np.ones(3, np.int64)
    known = Catalogue(prints, np.array(["a", "b", "c"], object), counts, counts)
    wanted = np.array([[10, PAD_FINGERPRINT], [99, 50]])
    assert known.index_of(wanted).tolist() == [[2, 0], [4, 1]]
    assert known.raw_ids(wanted, unknown="?").tolist() == [["b", ""], ["?", "a"]]


def test_an_empty_catalogue_knows_nothing():
    none = np.empty(0, np.int64)
    known = Catalogue(none, np.empty(0, object), none, none)
    assert known.index_of(np.array([7, PAD_FINGERPRINT])).tolist() == [1, 0]
    assert known.raw_ids(np.array([7, PAD_FINGERPRINT]), unknown="?").tolist() == ["?", ""]
