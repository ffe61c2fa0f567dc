import collections

import numpy as np
import pytest

from model.baselines import popularity
from model.data.sequences import TrainSequences
from tests.model.baselines.small_data import (
    TARGETS,
    fitted,
    indices,
    item_and_scene_scores,
    known_catalogues,
    pairs,
    random_sequences,
)
from tests.sequence_data import Sequence, write_examples

DATA = random_sequences(tied=True)
ITEMS, SCENES = known_catalogues(DATA)


def _ask(network, histories, items=ITEMS, scenes=SCENES):
    return item_and_scene_scores(
        network,
        indices([[item for item, _ in history] for history in histories], items),
        indices([[scene for _, scene in history] for history in histories], scenes),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_counts_what_follows(tmp_path, target):
    network = fitted(popularity.fit, tmp_path, DATA, target)
    found = _ask(network, [one.history for one in DATA])
    for kind, (catalogue, scores) in enumerate(zip((ITEMS, SCENES), found, strict=True)):
        count = collections.Counter(after[kind] for one in DATA for _, after in pairs(one, target))
        np.testing.assert_array_equal(scores, [[count[raw_id] for raw_id in catalogue.ids]] * len(DATA))


def test_targets_differ_in_what_they_call_popular(tmp_path):
    """A first event of the future, the rest of it, and a history are each a matter of their own."""
    data = [Sequence([("h", "s")] * 4, [("n", "s"), ("p", "s"), ("p", "s")])] * 3
    items, scenes = known_catalogues(data)
    best = {}
    for target in ("next", "period", "prefix"):
        scores, _ = _ask(fitted(popularity.fit, tmp_path, data, target), [[]], items, scenes)
        best[target] = items.ids[np.argmax(scores[0])]
    assert best == {"next": "n", "period": "p", "prefix": "h"}


def test_from_catalogues_is_all_of_the_futures_for_everybody():
    found = _ask(popularity.from_catalogues(ITEMS, SCENES), [[], [("item1", "scene0")]])
    for catalogue, scores in zip((ITEMS, SCENES), found, strict=True):
        np.testing.assert_array_equal(scores, [catalogue.future_counts] * 2)


def test_the_catalogues_hold_the_counts_of_the_period_where_every_sequence_has_a_history(tmp_path):
    data = [one for one in DATA if one.history]
    catalogues = known_catalogues(data)
    train = TrainSequences([write_examples(tmp_path / "train.gz", data)], *catalogues)
    for found, catalogue in zip(popularity.recount_futures(train, *catalogues, "period"), catalogues, strict=True):
        np.testing.assert_array_equal(found.future_counts, catalogue.future_counts)
