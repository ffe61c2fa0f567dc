import numpy as np
import pytest

from model.input import fingerprint_batches, index_batches
from model.vocabulary import FingerprintTable
from schemas.identity import fingerprints
from tests.sequence_data import Sequence, catalogues, planted, write_examples

DATA = [
    Sequence([("a", "x"), ("b", "y"), ("a", "x")], [("b", "x"), ("new", "y"), ("b", "x"), ("other", "x")]),
    Sequence([("b", "y")], [("a", "y")]),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return [write_examples(tmp_path_factory.mktemp("input") / "data-0.gz", DATA)]


def test_batches_hold_what_was_written(files):
    (batch,) = fingerprint_batches(files, 4).as_numpy_iterator()
    a, b, new, other, x, y = fingerprints(["a", "b", "new", "other", "x", "y"])
    np.testing.assert_array_equal(batch["history_items"], [[a, b, a], [b, -1, -1]])
    np.testing.assert_array_equal(batch["history_scenes"], [[x, y, x], [y, -1, -1]])
    np.testing.assert_array_equal(batch["next_item"], [[b], [a]])
    np.testing.assert_array_equal(batch["next_scene"], [[x], [y]])
    assert set(batch["future_items"][0]) - {-1} == {b, new, other}
    assert set(batch["future_scenes"][0]) - {-1} == {x, y}


@pytest.mark.parametrize(("target", "first_row"), [("period", [2, 3, 3]), ("next", [2])])
def test_indices_and_targets(files, target, first_row):
    items, scenes = catalogues([Sequence([("a", "x"), ("a", "x"), ("b", "y")], [])])
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    (batch,) = index_batches(fingerprint_batches(files, 4), *tables, target).as_numpy_iterator()
    np.testing.assert_array_equal(batch["history_items"], [[1, 2, 1], [2, 0, 0]])
    np.testing.assert_array_equal(np.sort(batch["future_items"][0])[-len(first_row) :], first_row)


def test_shuffling_is_repeatable_and_differs_by_epoch(tmp_path):
    files = [write_examples(tmp_path / f"data-{i}.gz", planted(30, seed=i)) for i in range(2)]
    batches = fingerprint_batches(files, 60, shuffle_seed=5)
    first, second = (next(batches.as_numpy_iterator())["next_item"] for _ in range(2))
    again = next(fingerprint_batches(files, 60, shuffle_seed=5).as_numpy_iterator())["next_item"]
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    np.testing.assert_array_equal(np.sort(first, axis=0), np.sort(second, axis=0))
