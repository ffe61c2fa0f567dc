import collections

import numpy as np
import pytest

from model.baselines import scene_popularity
from tests.model.baselines.small_data import (
    TARGETS,
    fitted,
    indices,
    item_and_scene_scores,
    known_catalogues,
    pairs,
    random_sequences,
    ranks,
)

DATA = random_sequences()
ITEMS, SCENES = known_catalogues(DATA)


@pytest.mark.parametrize("target", TARGETS)
def test_counts_what_follows_the_last_known_scene(tmp_path, target):
    network = fitted(scene_popularity.fit, tmp_path, DATA, target)
    histories = [[scene for _, scene in one.history] for one in DATA] + [["scene1", "scene3", "nowhere"], ["nowhere"]]
    found = item_and_scene_scores(network, indices([["item1"]] * len(histories), ITEMS), indices(histories, SCENES))
    for kind, (catalogue, scores) in enumerate(zip((ITEMS, SCENES), found, strict=True)):
        count = collections.Counter((before[1], after[kind]) for one in DATA for before, after in pairs(one, target))
        for history, row in zip(histories, scores, strict=True):
            last = next((scene for scene in reversed(history) if scene in SCENES.ids), None)
            expected = np.array([count[last, raw_id] for raw_id in catalogue.ids], np.float32) + ranks(catalogue)
            np.testing.assert_array_equal(row, expected)
