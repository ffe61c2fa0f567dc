import collections

import numpy as np
import pytest
import tensorflow as tf

from model.baselines.own_frequency import OwnFrequency
from model.baselines.popularity import Popularity
from schemas.catalogue import Catalogue


def _catalogue(future_counts):
    size = len(future_counts)
    return Catalogue(
        fingerprints=np.arange(size, dtype=np.int64) * 10,
        ids=np.array([f"id{i}" for i in range(size)], object),
        counts=np.arange(size, 0, -1).astype(np.int64),
        future_counts=np.array(future_counts, np.int64),
    )


ITEMS, SCENES = _catalogue([4, 9, 1, 0, 2]), _catalogue([1, 2])


def _scores(ranker, items, scenes):
    """The whole score matrices, put together from their pieces; also checks that the pieces agree."""
    encoded = ranker.encode(items, scenes)
    pieces = [ranker.item_scores(encoded["queries"], a, b).numpy() for a, b in ((0, 2), (2, 5))]
    scores = np.concatenate(pieces, axis=1)
    rows, columns = np.indices(scores.shape).reshape(2, -1)
    at, rounding = ranker.item_scores_at(encoded["queries"], tf.constant(rows), tf.constant(columns))
    np.testing.assert_array_equal(at, scores[rows, columns])
    np.testing.assert_array_equal(rounding, 0)
    scores[encoded["rows"], encoded["columns"]] = encoded["scores"]
    return scores, encoded["scene_scores"].numpy()


def test_popularity_ranks_by_train_futures_for_everybody():
    items, scenes = _scores(Popularity(ITEMS, SCENES), tf.zeros([3, 2], tf.int64), tf.zeros([3, 1], tf.int64))
    np.testing.assert_array_equal(items, [[4, 9, 1, 0, 2]] * 3)
    np.testing.assert_array_equal(scenes, [[1, 2]] * 3)


@pytest.mark.parametrize("padding", [[], [-1, -1]])
def test_own_frequency_counts_and_prefers_the_recent(padding):
    history = [40, 10, 10, 999, 20, 40, 30]
    histories = tf.constant([history + padding, padding + history], tf.int64)
    scores, _ = _scores(OwnFrequency(ITEMS, SCENES), histories, tf.zeros([2, 0], tf.int64))
    counts = collections.Counter(history)
    last = {item: place for place, item in enumerate(history)}
    expected = sorted((i for i in range(5) if 10 * i in counts), key=lambda i: (-counts[10 * i], -last[10 * i]))
    for row in scores:
        order = [i for i in np.argsort(-row, kind="stable") if row[i] > 0]
        assert order == expected


def test_own_frequency_of_scenes():
    history = tf.constant([[10, 0, 10, 77]], tf.int64)
    _, scenes = _scores(OwnFrequency(ITEMS, SCENES), tf.zeros([1, 0], tf.int64), history)
    assert scenes[0, 1] > scenes[0, 0] > 0


def test_own_frequency_of_an_empty_history_is_zero():
    items, scenes = _scores(OwnFrequency(ITEMS, SCENES), tf.zeros([2, 0], tf.int64), tf.zeros([2, 0], tf.int64))
    assert not items.any() and not scenes.any()
