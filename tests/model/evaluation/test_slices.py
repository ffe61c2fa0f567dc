import numpy as np
import pytest

from model.evaluation.slices import OTHER_SCENE, SliceStatistics, last_events, make_slicer
from schemas.catalogue import Catalogue

PAD = -1


def _catalogue(counts, ids=None):
    size = len(counts)
    ids = [f"id{n}" for n in range(size)] if ids is None else ids
    counts = np.array(counts, np.int64)
    return Catalogue(10 * np.arange(size, dtype=np.int64), np.array(ids, object), counts, counts)


def _histories(lengths, fill=0):
    rows = np.full([len(lengths), max(lengths)], PAD, np.int64)
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = fill
    return rows


def _parts(lengths=(1, 2, 3), counts=(50, 30, 10, 5, 5), scenes=(0, 0, 10)):
    statistics = SliceStatistics()
    statistics.add(_histories(lengths), np.array(scenes, np.int64)[:, np.newaxis])
    return make_slicer(statistics, _catalogue(counts), _catalogue([3, 2], ["home", "a/b"]))


def test_groups_are_thirds():
    lengths = list(range(1, 31))
    groups = _parts(lengths, scenes=[0] * 30).find_groups(_histories(lengths))
    assert np.bincount(groups).tolist() == [10, 10, 10]
    assert (np.diff(groups) >= 0).all()


@pytest.mark.parametrize("lengths", [[4] * 9, [1] * 8 + [50], [1, 1, 1, 1, 2, 3]])
def test_equal_histories_are_never_in_two_groups(lengths):
    groups = _parts(lengths, scenes=[0] * len(lengths)).find_groups(_histories(lengths))
    for length in set(lengths):
        assert len(set(groups[np.array(lengths) == length])) == 1


def test_padding_does_not_make_a_history_longer():
    history = np.array([[7, 7, PAD], [PAD, 7, 7]])
    parts = _parts([2, 5, 9])
    assert len(set(parts.find_groups(history))) == 1
    assert last_events(np.array([[3, 4, PAD], [PAD, 3, 4], [PAD, PAD, PAD]])).tolist() == [4, 4, PAD]


def test_scenes_by_the_last_one_seen():
    parts = _parts()
    names = list(parts.sequence_slices)
    assert names[3:] == ["scene=home", "scene=a/b", OTHER_SCENE]
    found = parts.slice_sequences(_histories([1, 1, 1]), np.array([[10, 0], [0, 10], [0, 999]]))
    assert found[3:].tolist() == [[True, False, False], [False, True, False], [False, False, True]]


def test_a_scene_that_is_called_like_all_others_is_one_of_them():
    statistics = SliceStatistics()
    statistics.add(_histories([1, 2]), np.array([[0], [10]]))
    parts = make_slicer(statistics, _catalogue([5]), _catalogue([3, 2], ["home", "(other)"]))
    assert list(parts.sequence_slices)[3:] == ["scene=home", OTHER_SCENE]
    found = parts.slice_sequences(_histories([1, 1]), np.array([[0], [10]]))
    assert found[3:].tolist() == [[True, False], [False, True]]


def test_what_fills_a_tenth_is_the_last_of_it():
    found = _parts(counts=(10, 10, 80)).slice_targets(np.array([[20, 0, 10]]))[:10, 0]
    assert found.argmax(axis=0).tolist() == [0, 8, 8]
    found = _parts(counts=(10,) * 10).slice_targets(np.array([[0]]))[:10, 0]
    assert found.argmax(axis=0).tolist() == [0]


def test_each_tenth_has_a_tenth_of_the_events():
    counts = np.sort(np.random.default_rng(0).zipf(1.3, 5000) % 3000 + 1)[::-1]
    parts = _parts(counts=counts)
    found = parts.slice_targets(10 * np.arange(5000)[np.newaxis])[:10, 0]
    assert (found.sum(axis=0) == 1).all()
    shares = (found * counts).sum(axis=1) / counts.sum()
    # A slice never divides items of one popularity; the most popular item alone is as much as it is.
    assert np.abs(shares - 0.1).max() < 0.1
    assert (np.diff(found.argmax(axis=0)) >= 0).all()


def test_equal_popularity_is_one_slice():
    found = _parts(counts=(1, 1, 1, 1)).slice_targets(np.array([[0, 10, 20, 30]]))[:10, 0]
    assert len(set(found.argmax(axis=0))) == 1


def test_cold_are_rare_and_unknown_targets_but_not_padding():
    cold = _parts(counts=(50, 5, 4, 1)).slice_targets(np.array([[0, 10, 20, 30, 999, PAD]]))[-1, 0]
    assert cold.tolist() == [False, False, True, True, True, False]
    assert not _parts().slice_targets(np.array([[999, PAD]]))[:10].any()


def test_names_and_rows_agree():
    parts = _parts()
    assert len(parts.sequence_slices) == len(parts.slice_sequences(_histories([1]), np.zeros([1, 1], np.int64)))
    assert len(parts.target_slices) == len(parts.slice_targets(np.zeros([1, 1], np.int64)))
