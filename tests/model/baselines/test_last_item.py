import collections

import numpy as np
import pytest

from model.baselines import last_item
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

DATA = random_sequences()
CATALOGUES = known_catalogues(DATA)


@pytest.mark.parametrize("target", TARGETS)
def test_counts_transitions_of_items_and_of_scenes(tmp_path, target):
    network = fitted(last_item.fit, tmp_path, DATA, target)
    histories = [[history for history, _ in part(DATA, kind)] for kind in range(2)]
    histories[0] += [["item1", "item4", "never seen"], ["never seen"]]
    histories[1] += [["scene1", "scene3", "never seen"], ["never seen"]]
    found = item_and_scene_scores(network, *(indices(*pair) for pair in zip(histories, CATALOGUES, strict=True)))
    for kind, (catalogue, scores) in enumerate(zip(CATALOGUES, found, strict=True)):
        count = collections.Counter((before[kind], after[kind]) for one in DATA for before, after in pairs(one, target))
        for history, row in zip(histories[kind], scores, strict=True):
            last = next((raw_id for raw_id in reversed(history) if raw_id in catalogue.ids), None)
            expected = np.array([count[last, raw_id] for raw_id in catalogue.ids], np.float32) + ranks(catalogue)
            np.testing.assert_array_equal(row, expected)
