import numpy as np
import pytest

from model.data.batches import (
    evaluation_batches,
    fingerprint_batches,
    index_batches,
    prefix_batches,
    targets_of,
    training_batches,
)
from model.data.vocabulary import FingerprintTable
from schemas.identity import fingerprints
from tests.sequence_data import Sequence, catalogues, planted, write_examples

DATA = [
    Sequence([("a", "x"), ("b", "y"), ("a", "x")], [("b", "x"), ("new", "y"), ("b", "x"), ("other", "x")]),
    Sequence([("b", "y")], [("a", "y")]),
]
ORDER = {"future_item_sequence", "future_scene_sequence", "future_times"}


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
    assert plain.keys() - batch.keys() == ORDER
    for name, values in batch.items():
        np.testing.assert_array_equal(plain[name], values)
    np.testing.assert_array_equal(batch["cutoff"], 1 + batch["history_times"].max(axis=1))


@pytest.mark.parametrize(
    ("question", "items_asked", "scenes_asked"),
    [("period", [2, 3, 3], [1, 2]), ("next", [2], [1]), ("prefix", [2], [1])],
)
def test_indices_and_targets(files, question, items_asked, scenes_asked):
    items, scenes = catalogues([Sequence([("a", "x"), ("a", "x"), ("b", "y")], [])])
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    (batch,) = index_batches(fingerprint_batches(files, 4), *tables).as_numpy_iterator()
    np.testing.assert_array_equal(batch["history_items"], [[1, 2, 1], [2, 0, 0]])
    for targets, asked in zip(targets_of(question, batch), (items_asked, scenes_asked), strict=True):
        assert sorted(index for index in targets[0] if index) == asked


def test_the_order_of_the_future_is_looked_up_on_demand(files):
    items, scenes = catalogues([Sequence([("a", "x"), ("a", "x"), ("b", "y")], [])])
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    batches = fingerprint_batches(files, 4)
    (plain,) = index_batches(batches, *tables).as_numpy_iterator()
    (ordered,) = index_batches(batches, *tables, ordered=True).as_numpy_iterator()
    assert ordered.keys() - plain.keys() == ORDER
    np.testing.assert_array_equal(ordered["history_times"], [[1, 2, 3], [1, 0, 0]])
    np.testing.assert_array_equal(ordered["future_times"], [[1, 2, 3, 4], [1, 0, 0, 0]])
    np.testing.assert_array_equal(ordered["future_item_sequence"], [[2, 3, 2, 3], [1, 0, 0, 0]])
    for name, values in plain.items():
        np.testing.assert_array_equal(ordered[name], values)


TIED = [
    Sequence([("a", "x")], [("b", "x"), ("c", "y"), ("b", "x"), ("a", "y")], [1], [9, 9, 9, 10]),
    Sequence([("b", "y")], [("c", "x"), ("a", "y")], [1], [9, 10]),
]


def test_what_is_next_is_the_set_of_the_earliest_time(tmp_path):
    items, scenes = catalogues(TIED)
    index = {raw: place for catalogue in (items, scenes) for place, raw in enumerate(catalogue.ids, 1)}
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    batches = fingerprint_batches([write_examples(tmp_path / "tied.gz", TIED)], 4)
    (batch,) = index_batches(batches, *tables).as_numpy_iterator()
    for kind, expected in (("item", [{"b", "c"}, {"c"}]), ("scene", [{"x", "y"}, {"x"}])):
        rows = [sorted(value for value in row if value) for row in batch[f"next_{kind}"].tolist()]
        assert rows == [sorted(index[raw] for raw in row) for row in expected]
        assert batch[f"next_{kind}"].shape == (2, 2)


def test_what_is_next_after_a_prefix_is_the_set_of_the_earliest_time(tmp_path):
    """Baskets of three: a prefix ends with a whole basket, and all of the one after it is next."""
    baskets = [[(f"item{basket}{place}", f"scene{place % 2}") for place in range(3)] for basket in range(5)]
    times = [basket for basket in range(4) for _ in range(3)]
    data = [Sequence(sum(baskets[:4], []), baskets[4], times, [4] * 3)] * 40
    items, scenes = catalogues(data)
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    batches = fingerprint_batches([write_examples(tmp_path / "baskets.gz", data)], 40)
    batches = index_batches(batches, *tables, ordered=True)
    (batch,) = prefix_batches(batches, seed=3, first_step=0).as_numpy_iterator()
    seen = set()
    for history, following in zip(batch["history_items"], batch["next_item"], strict=True):
        ids = [items.ids[index - 1] for index in history if index]
        basket = len(ids) // 3
        assert ids == [item for item, _ in sum(baskets[:basket], [])]
        assert {items.ids[index - 1] for index in following if index} == {item for item, _ in baskets[basket]}
        seen.add(basket)
    assert seen == {1, 2, 3, 4}
    assert batch["next_scene"].shape == (40, 2)


@pytest.fixture(scope="module")
def two_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return [write_examples(folder / f"data-{i}.gz", planted(30, seed=i)) for i in range(2)]


def _epochs(files, first_step=0, epochs=3, seed=5):
    batches = training_batches(files, 25, seed=seed, first_step=first_step, epoch_steps=2, epochs=epochs)
    return [batch["next_item"] for batch in batches.as_numpy_iterator()]


def test_epochs_are_shuffled_by_seed_and_number(two_files):
    batches = _epochs(two_files)
    assert len(batches) == 6  # two full batches an epoch, the remainder left out
    for batch, again in zip(batches, _epochs(two_files), strict=True):
        np.testing.assert_array_equal(batch, again)
    assert (batches[0] != batches[2]).any() and (batches[2] != batches[4]).any()
    assert (batches[0] != _epochs(two_files, seed=6)[0]).any()


@pytest.mark.parametrize("first_step", [0, 1, 2, 3, 5, 6])
def test_any_step_can_be_the_first(two_files, first_step):
    """Whether an epoch begins with it or not."""
    for resumed, straight in zip(_epochs(two_files, first_step), _epochs(two_files)[first_step:], strict=True):
        np.testing.assert_array_equal(resumed, straight)


def test_an_epoch_has_each_sequence_once(two_files):
    everything = next(fingerprint_batches(two_files, 60).as_numpy_iterator())["next_item"]
    epoch = training_batches(two_files, 60, seed=1, first_step=4, epoch_steps=1, epochs=5)
    (shuffled,) = [batch["next_item"] for batch in epoch.as_numpy_iterator()]
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(everything, axis=0))


@pytest.mark.parametrize(
    "read", [fingerprint_batches, lambda f, n: training_batches(f, n, seed=1, first_step=0, epoch_steps=1, epochs=1)]
)
def test_no_files_are_refused(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="No example files match.*nothing"):
        read([str(tmp_path / "nothing-*.gz")], 4)
