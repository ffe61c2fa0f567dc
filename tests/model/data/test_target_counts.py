"""What followed what in the train split, and how far an item's popularity after a scene is trusted, by brute force."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import sparse

from model.data import target_counts
from model.data.sequences import TrainSequences
from model.data.target_counts import (
    STRENGTHS,
    choose_strength,
    count_targets,
    from_catalogues,
    log_share,
    scene_gains,
    without_scenes,
)
from model.questions import QUESTIONS
from tests import scene_counts, sequence_data
from tests.model.baselines.small_data import known_catalogues, random_sequences
from tests.sequence_data import Sequence, write_examples

DATA = random_sequences(80, seed=3, tied=True)
ITEMS, SCENES = known_catalogues(DATA)


def _counted(folder, data, users=None, questions=QUESTIONS, items=ITEMS, scenes=SCENES):
    """The counts of some sequences, from two files and in small batches."""
    users = list(range(len(data))) if users is None else users
    files = [write_examples(folder / f"{part}.gz", data[part::2], users[part::2]) for part in range(2)]
    return count_targets(TrainSequences(files, items, scenes, batch_size=7), questions, items, scenes)


def _likelihood(m, cells, extra, scenes, items):
    """The log likelihood of the targets of each user, by the counts of all others.

    Args:
        m: strength.
        cells: user, scene and item of each target.
        extra: how often each item is a target besides, of nobody and after no scene.
        scenes: number of scenes.
        items: number of items.
    """
    total = 0.0
    for user in {user for user, _, _ in cells}:
        n_k, n_sk = list(extra), np.zeros([scenes, items])
        for other, scene, item in cells:
            if other != user:
                n_k[item] += 1
                n_sk[scene, item] += 1
        for owner, scene, item in cells:
            if owner == user:
                share = (n_k[item] + 1) / (sum(n_k) + items)
                p = share if m == math.inf else (n_sk[scene, item] + m * share) / (n_sk[scene].sum() + m)
                total += math.log(p)
    return total


def _chosen(cells, extra, scenes, items, strengths=STRENGTHS):
    """What is chosen of the targets of users."""
    columns = np.array(cells, np.int64).reshape(-1, 3).T
    by_scene = sparse.coo_matrix((np.ones(len(cells), np.int64), columns[1:]), (scenes, items)).tocsr()
    n_k = np.asarray(extra) + np.bincount(columns[2], minlength=items)
    return choose_strength(columns, n_k, by_scene, strengths)


@pytest.mark.parametrize("tried", [STRENGTHS, (0.3, 2.0, 30.0)])
@pytest.mark.parametrize("seed", range(6))
def test_the_strength_is_the_likeliest_when_each_user_is_left_out(seed, tried):
    rng = np.random.RandomState(seed)
    users, scenes, items, telling = 15, 3, 6, seed / 5
    cells = []
    for user in range(users):
        for _ in range(rng.randint(1, 6)):  # in several sequences, the same cell also twice
            scene = rng.randint(scenes)
            cells.append((7 * user, scene, 2 * scene if rng.rand() < telling else rng.randint(items)))
    extra = rng.randint(3, size=items)
    likelihoods = {m: _likelihood(m, cells, extra, scenes, items) for m in (math.inf, *tried)}
    found = _chosen(cells, extra, scenes, items, tried)
    assert found in likelihoods and likelihoods[found] == pytest.approx(max(likelihoods.values()), rel=1e-12)


def test_strengths_differ_with_what_scenes_tell():
    """In between, neither of the extremes is chosen."""
    rng = np.random.RandomState(0)
    chosen = []
    for telling in (0.0, 0.3, 1.0):
        cells = []
        for user in range(400):
            scene = rng.randint(4)
            cells.append((user, scene, scene if rng.rand() < telling else rng.randint(12)))
        chosen.append(_chosen(cells, [0] * 12, 4, 12))
    assert chosen[0] > 100 and 1 < chosen[1] < 100 and chosen[2] == 1


@pytest.mark.parametrize("copies", [1, 3])
def test_where_the_scene_says_nothing_the_strength_is_infinite(copies):
    """Every item follows every scene as often."""
    cells = [(user, scene, item) for scene in range(3) for item in range(5) for user in range(copies)]
    cells = [(number, scene, item) for number, (_, scene, item) in enumerate(cells)]
    assert _chosen(cells, [0] * 5, 3, 5) == math.inf


def test_without_a_target_after_a_scene_the_strength_is_infinite():
    assert _chosen([], [3, 0, 1], 2, 3) == math.inf


def test_what_one_user_alone_did_is_no_evidence():
    """However often: the same counts of as many users would be."""
    cells = [(0, 0, 0)] * 30 + [(0, 1, 1)] * 30
    assert _chosen(cells, [0] * 4, 2, 4) == math.inf
    assert _chosen([(user, scene, item) for user, (_, scene, item) in enumerate(cells)], [0] * 4, 2, 4) == 1


def test_counts_are_those_of_the_slow_way(tmp_path):
    """Each target once a sequence, after the last scene, of users with several sequences, some ids unknown."""
    users = [number // 3 for number in range(len(DATA))]
    found = _counted(tmp_path, DATA, users)
    assert list(found) == list(QUESTIONS)
    for question, counts in found.items():
        expected = sequence_data.target_counts(DATA, question, ITEMS, SCENES)
        np.testing.assert_array_equal(counts.items, expected.items)
        np.testing.assert_array_equal(counts.scenes, expected.scenes)
        np.testing.assert_array_equal(counts.by_scene.toarray(), expected.by_scene.toarray())
        np.testing.assert_array_equal(counts.scenes_by_scene.toarray(), expected.scenes_by_scene.toarray())
        assert counts.repeats == pytest.approx(expected.repeats)
        assert counts.by_scene.has_sorted_indices
    assert (found["next"].items < found["period"].items).any()
    np.testing.assert_array_equal(found["next"].items, found["prefix"].items)


def test_the_strength_is_chosen_from_the_files_by_user(tmp_path):
    """Users have habits, which their other sequences would tell."""
    rng = np.random.RandomState(1)
    data, users = [], []
    for user in range(15):
        scene, favourite = rng.randint(3), rng.randint(6)
        for _ in range(4):
            items = {favourite, rng.randint(6)}
            data.append(Sequence([("before", f"s{scene}")], [(f"item{item}", "s0") for item in sorted(items)]))
            users.append(user)
    items, scenes = sequence_data.catalogues(data)
    found = _counted(tmp_path, data, users, ["period"], items, scenes)["period"]
    columns = [{raw_id: place for place, raw_id in enumerate(of.ids)} for of in (items, scenes)]
    cells = [
        (user, columns[1][one.history[-1][1]], columns[0][item])
        for user, one in zip(users, data, strict=True)
        for item, _ in one.future
    ]
    by_user, by_sequence = (
        max((math.inf, *STRENGTHS), key=lambda m: _likelihood(m, owned, [0] * len(items), len(scenes), len(items)))
        for owned in (cells, [(number, *cell[1:]) for number, cell in enumerate(cells)])
    )
    assert found.strength == by_user != by_sequence


def test_as_many_targets_as_fit_choose_the_strength(tmp_path, monkeypatch):
    monkeypatch.setattr(target_counts, "MOST_JUDGED", 0)
    none = _counted(tmp_path, DATA)
    assert all(counts.strength == math.inf for counts in none.values())
    monkeypatch.setattr(target_counts, "MOST_JUDGED", 50)
    for question, counts in _counted(tmp_path, DATA).items():
        assert counts.strength in (math.inf, *STRENGTHS)
        np.testing.assert_array_equal(counts.by_scene.toarray(), none[question].by_scene.toarray())


def test_a_split_without_sequences_counts_nothing(tmp_path):
    for counts in _counted(tmp_path, []).values():
        assert counts.strength == math.inf and not counts.items.any() and not counts.scenes.any()
        assert counts.by_scene.shape == (len(SCENES), len(ITEMS)) and not counts.by_scene.nnz


def test_catalogues_know_all_events_of_all_futures():
    counts = from_catalogues(ITEMS, SCENES)
    np.testing.assert_array_equal(counts.items, ITEMS.future_counts)
    np.testing.assert_array_equal(counts.scenes, SCENES.future_counts)
    assert counts.strength == math.inf and not counts.by_scene.nnz


def test_log_share_counts_each_candidate_once_more_than_it_was_seen():
    found = log_share(np.array([5, 2, 0]))
    np.testing.assert_allclose(found, np.log([6 / 10, 3 / 10, 1 / 10]), rtol=1e-6)
    assert found.dtype == np.float32


def _random_counts(strength, seed=0):
    rng = np.random.RandomState(seed)
    by_scene = rng.poisson(0.7, [4, 9])
    by_scene[2] = 0  # nothing has followed it
    totals = without_scenes(by_scene.sum(axis=0) + rng.randint(3, size=9), np.ones(4, int))
    return dataclasses.replace(totals, by_scene=sparse.csr_matrix(by_scene), strength=strength)


@pytest.mark.parametrize("strength", [0.5, 3.0, 1e6, math.inf])
def test_gains_are_what_the_smoothed_popularity_has_beyond_that_of_all_scenes(strength):
    counts = _random_counts(strength)
    cells, rest = scene_gains(counts.by_scene, counts.items, counts.strength)
    np.testing.assert_allclose(cells.toarray() + rest[:, np.newaxis], scene_counts.gains(counts)[1:-1], atol=1e-6)
    assert cells.dtype == rest.dtype == np.float32
    # Only what was seen is held.
    assert cells.nnz == (0 if strength == math.inf else counts.by_scene.nnz)
    np.testing.assert_allclose(scene_counts.smoothed(counts).sum(axis=1), 1)
    np.testing.assert_allclose(scene_counts.gains(counts)[3], 0, atol=1e-12)
