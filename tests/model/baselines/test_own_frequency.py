import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from model.baselines import own_frequency
from tests.model.baselines.small_data import (
    TARGETS,
    fitted,
    indices,
    item_and_scene_scores,
    known_catalogues,
    pairs,
    part,
    random_sequences,
    ranks,
)

DATA = random_sequences(tied=True)
CATALOGUES = known_catalogues(DATA)


def _order(history, catalogue, followed):
    """The catalogue in the order that the user's own counts give it, then when, then what is popular."""
    count = collections.Counter(history)
    last = {raw_id: place for place, raw_id in enumerate(history)}
    popular = ranks(dataclasses.replace(catalogue, future_counts=np.array([followed[k] for k in catalogue.ids])))
    return sorted(
        range(len(catalogue)),
        key=lambda k: (-count[catalogue.ids[k]], -last.get(catalogue.ids[k], -1), -popular[k], k),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_counts_and_prefers_the_recent(tmp_path, target):
    network = fitted(own_frequency.fit, tmp_path, DATA, target)
    histories = [[history for history, _ in part(DATA, kind)] for kind in range(2)]
    histories[0] += [["item2", "item1", "item1", "never seen", "item3", "item2", "item5"], ["never seen"]]
    histories[1] += [["scene1", "scene0", "scene1", "never seen", "scene2"], []]
    found = item_and_scene_scores(network, *(indices(*pair) for pair in zip(histories, CATALOGUES, strict=True)))
    for kind, (catalogue, scores) in enumerate(zip(CATALOGUES, found, strict=True)):
        followed = collections.Counter(after[kind] for one in DATA for _, after in pairs(one, target))
        if target == "period":
            followed = dict(zip(catalogue.ids, catalogue.future_counts.tolist(), strict=True))
        for history, row in zip(histories[kind], scores, strict=True):
            assert np.argsort(-row, kind="stable").tolist() == _order(history, catalogue, followed)


def test_what_the_history_lacks_goes_by_popularity_and_below_it():
    items, scenes = CATALOGUES
    network = own_frequency.from_catalogues(items, scenes)
    found, empty = item_and_scene_scores(network, indices([["item3"]], items), indices([[]], scenes))
    own = items.ids == "item3"
    np.testing.assert_array_equal(found[0][~own], ranks(items)[~own])
    assert found[0][own] > 1 > found[0][~own].max()
    np.testing.assert_array_equal(empty, [ranks(scenes)])


@pytest.mark.parametrize("times", [1, 1000])
def test_all_ages_of_a_long_history_are_told_apart(times):
    """Item 1 was there once more, so it comes first, however late the other was; else the later comes first."""
    items, scenes = CATALOGUES
    network = own_frequency.from_catalogues(items, scenes)
    gap = [3] * (own_frequency.AGES - 3 * times - 10)
    rows = tf.constant([[1] * times + gap + [2] * times, [1] * (times + 1) + gap[1:] + [2] * times], tf.int32)
    scores = network.items.chunk(rows, 0, 2).numpy()
    assert scores[0, 0] < scores[0, 1] and scores[1, 0] > scores[1, 1]
