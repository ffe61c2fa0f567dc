import numpy as np
import pytest

from model.data.batches import evaluation_batches, fingerprint_batches, index_batches, training_batches
from model.data.vocabulary import FingerprintTable
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
    np.testing.assert_array_equal(batch["future_item_sequence"], [[b, new, b, other], [a, -1, -1, -1]])
    np.testing.assert_array_equal(batch["future_scene_sequence"], [[x, y, x, x], [y, -1, -1, -1]])
    assert set(batch["future_scenes"][0]) - {-1} == {x, y}


def test_evaluation_batches_know_the_user_too(files):
    (batch,) = evaluation_batches(files, 4).as_numpy_iterator()
    (plain,) = fingerprint_batches(files, 4).as_numpy_iterator()
    assert batch.pop("user").tolist() == [b"%032x" % 0, b"%032x" % 1]
    assert plain.keys() - batch.keys() == {"future_item_sequence", "future_scene_sequence"}
    for name, values in batch.items():
        np.testing.assert_array_equal(plain[name], values)


@pytest.mark.parametrize(("target", "first_row"), [("period", [2, 3, 3]), ("next", [2])])
def test_indices_and_targets(files, target, first_row):
    items, scenes = catalogues([Sequence([("a", "x"), ("a", "x"), ("b", "y")], [])])
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    (batch,) = index_batches(fingerprint_batches(files, 4), *tables, target).as_numpy_iterator()
    np.testing.assert_array_equal(batch["history_items"], [[1, 2, 1], [2, 0, 0]])
    np.testing.assert_array_equal(np.sort(batch["future_items"][0])[-len(first_row) :], first_row)


@pytest.mark.parametrize("target", ["period", "next"])
def test_the_order_of_the_future_is_looked_up_on_demand(files, target):
    items, scenes = catalogues([Sequence([("a", "x"), ("a", "x"), ("b", "y")], [])])
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    batches = fingerprint_batches(files, 4)
    (plain,) = index_batches(batches, *tables, target).as_numpy_iterator()
    (ordered,) = index_batches(batches, *tables, target, ordered=True).as_numpy_iterator()
    assert ordered.keys() - plain.keys() == {"future_item_sequence", "future_scene_sequence"}
    np.testing.assert_array_equal(ordered["future_item_sequence"], [[2, 3, 2, 3], [1, 0, 0, 0]])
    for name, values in plain.items():
        np.testing.assert_array_equal(ordered[name], values)


@pytest.fixture(scope="module")
def two_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return [write_examples(folder / f"data-{i}.gz", planted(30, seed=i)) for i in range(2)]


def _epochs(files, first_epoch=0, epochs=3, seed=5):
    batches = training_batches(files, 25, seed=seed, first_epoch=first_epoch, epochs=epochs)
    return [batch["next_item"] for batch in batches.as_numpy_iterator()]


def test_epochs_are_shuffled_by_seed_and_number(two_files):
    batches = _epochs(two_files)
    assert len(batches) == 6  # two full batches an epoch, the remainder left out
    for batch, again in zip(batches, _epochs(two_files), strict=True):
        np.testing.assert_array_equal(batch, again)
    assert (batches[0] != batches[2]).any() and (batches[2] != batches[4]).any()
    assert (batches[0] != _epochs(two_files, seed=6)[0]).any()


def test_any_epoch_can_be_the_first(two_files):
    for resumed, straight in zip(_epochs(two_files, first_epoch=1), _epochs(two_files)[2:], strict=True):
        np.testing.assert_array_equal(resumed, straight)


def test_an_epoch_has_each_sequence_once(two_files):
    everything = next(fingerprint_batches(two_files, 60).as_numpy_iterator())["next_item"]
    epoch = training_batches(two_files, 60, seed=1, first_epoch=4, epochs=5)
    (shuffled,) = [batch["next_item"] for batch in epoch.as_numpy_iterator()]
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(everything, axis=0))


@pytest.mark.parametrize(
    "read", [fingerprint_batches, lambda f, n: training_batches(f, n, seed=1, first_epoch=0, epochs=1)]
)
def test_no_files_are_refused(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="No example files match.*nothing"):
        read([str(tmp_path / "nothing-*.gz")], 4)
