"""Every learned method answers whatever is asked, in memory and when exported, and its pieces make up its scores."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from model.methods import METHODS
from schemas.identity import fingerprints
from tests import served_model

TRAINED = [name for name, method in METHODS.items() if method.trained]
ITEMS, SCENES = 12, 3  # of `tests.sequence_data.planted`

HISTORIES = [["item3", "item4"], ["item1", "item2", "item2", "item9", "item5"], [""], ["never seen", "item0"]]
WHERE = [["scene1", "scene2"], ["scene0", "scene0", "scene1", "scene2", "scene0"], [""], ["nowhere", "scene1"]]


@functools.cache
def _served(name):
    return served_model.build(name=name)


def _scores(name, items, scenes):
    return [scores.numpy() for scores in _served(name).network(*(tf.constant(x, tf.int32) for x in (items, scenes)))]


@pytest.mark.parametrize("name", TRAINED)
def test_padding_may_stand_anywhere(name):
    plain = _scores(name, [[5, 2, 7]], [[1, 3, 2]])
    for items, scenes in (
        ([0, 0, 5, 2, 7], [0, 0, 1, 3, 2]),
        ([5, 2, 7, 0, 0], [1, 3, 2, 0, 0]),
        ([0, 5, 0, 2, 0, 7, 0], [0, 1, 0, 3, 0, 2, 0]),
        ([0, 0, 0, 5, 2, 7], [1, 3, 2, 0]),
    ):
        for before, after in zip(plain, _scores(name, [items], [scenes]), strict=True):
            np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("name", TRAINED)
def test_neighbours_in_a_batch_tell_nothing(name):
    """A row has the same scores beside a longer one, an empty one, and alone."""
    together = _scores(name, [[0, 0, 5, 2], [1, 2, 3, 4], [0, 0, 0, 0]], [[0, 0, 1, 3], [1, 1, 2, 2], [0, 0, 0, 0]])
    for row, (items, scenes) in enumerate((([5, 2], [1, 3]), ([1, 2, 3, 4], [1, 1, 2, 2]), ([0], [0]))):
        for batch, alone in zip(together, _scores(name, [items], [scenes]), strict=True):
            np.testing.assert_allclose(batch[row], alone[0], atol=1e-5)


def _difference(one, other):
    """How far two answers to histories of items 2, 5 and 7 differ in the other items, which no history copies."""
    return np.abs(np.delete(one[0] - other[0], [1, 4, 6], axis=1)).max()


@pytest.mark.parametrize("name", TRAINED)
def test_the_order_of_events_is_read(name):
    one, other = _scores(name, [[5, 2, 7]], [[1, 1, 1]]), _scores(name, [[7, 5, 2]], [[1, 1, 1]])
    assert _difference(one, other) > 1e-3


@pytest.mark.parametrize("name", TRAINED)
def test_scenes_are_read_by_the_methods_that_see_them(name):
    one, other = _scores(name, [[5, 2]], [[1, 2]]), _scores(name, [[5, 2]], [[3, 1]])
    assert (_difference(one, other) > 1e-3) == METHODS[name].sees_scenes


@pytest.mark.parametrize("name", TRAINED)
def test_unknown_ids_and_empty_histories_have_finite_scores(name):
    unknown = _scores(name, [[5, ITEMS + 1]], [[1, SCENES + 1]])
    assert _difference(unknown, _scores(name, [[5]], [[1]])) > 1e-3  # it is an event, not padding
    for scores in (unknown, _scores(name, [[], []], [[], []]), _scores(name, [[0, 0]], [[0]])):
        for values in scores:
            assert np.isfinite(values).all() and np.ptp(values) > 0


@pytest.mark.parametrize("name", TRAINED)
def test_an_item_without_a_scene_is_an_event(name):
    assert _difference(_scores(name, [[5, 2, 7]], [[1, 3]]), _scores(name, [[2, 7]], [[1, 3]])) > 1e-3


@functools.cache
def _prints(rows):
    return tf.ragged.constant([fingerprints([raw for raw in row if raw]).tolist() for row in rows], tf.int64).to_tensor(
        -1
    )


def _padded(rows):
    return tf.ragged.constant(rows).to_tensor("")


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_an_exported_model_answers_as_the_network_scores(name, tmp_path):
    served = _served(name)
    loaded = tf.saved_model.load(served_model.export(served, tmp_path / "1"))
    index = {raw: place + 1 for place, raw in enumerate(served.items.ids)}
    scene = {raw: place + 1 for place, raw in enumerate(served.scenes.ids)}
    own = []
    for row, where in zip(HISTORIES, WHERE, strict=True):
        items, scenes = (
            tf.constant([[table.get(raw, len(table) + 1) for raw in ids if raw]], tf.int32)
            for table, ids in ((index, row), (scene, where))
        )
        own.append([scores.numpy()[0] for scores in served.network(items, scenes)])
    own_items, own_scenes = (np.stack(scores) for scores in zip(*own, strict=True))

    asked = {"history_item_ids": _padded(HISTORIES), "history_scene_ids": _padded(WHERE)}
    answer = loaded.signatures["serving_default"](**asked)
    _same_ranking(answer, own_items, served.items.ids, [[]] * 4)

    exclude = [["item5"], [""], ["item1"], ["never seen"]]
    unseen = loaded.signatures["recommend_unseen"](**asked, exclude_item_ids=_padded(exclude))
    _same_ranking(unseen, own_items, served.items.ids, [a + b for a, b in zip(HISTORIES, exclude, strict=True)])

    histories = _prints(tuple(map(tuple, HISTORIES))), _prints(tuple(map(tuple, WHERE)))
    whole, scenes = (scores.numpy() for scores in loaded.score(*histories))
    np.testing.assert_allclose(whole, own_items, atol=1e-5)
    np.testing.assert_allclose(scenes, own_scenes, atol=1e-5)
    _pieces_make_up(loaded, histories, whole)

    assert hasattr(loaded, "item_vectors") == METHODS[name].has_item_vectors
    users = loaded.signatures["embed_users"](**asked)
    assert ("o_item" in users) == METHODS[name].has_item_vectors
    if "o_item" in users:
        queries = loaded.encode(*histories)["queries"]
        np.testing.assert_allclose(users["o_item"], queries, atol=1e-5)
        vectors, bias = loaded.item_vectors.numpy()[1:-1], loaded.item_bias.numpy()
        pieces = loaded.item_scores(queries, 0, ITEMS)
        np.testing.assert_allclose(users["o_item"].numpy() @ vectors.T + bias, pieces, atol=1e-4)


def _same_ranking(answer, scores, ids, left_out):
    """An answer has what is not left out, by falling score."""
    for found, found_scores, row, gone in zip(
        answer["item_ids"].numpy(), answer["item_scores"].numpy(), scores, left_out, strict=True
    ):
        order = [place for place in np.argsort(-row, kind="stable") if ids[place] not in gone]
        assert list(found[: len(order)]) == [ids[place].encode() for place in order]
        np.testing.assert_allclose(found_scores[: len(order)], row[order], atol=1e-5)
        assert set(found[len(order) :]) <= {b""}


def _pieces_make_up(loaded, histories, whole):
    """The pieces of `model.ranker.Ranker` are the scores, but for what is copied."""
    encoded = loaded.encode(*histories)
    pieces = [loaded.item_scores(encoded["queries"], a, b).numpy() for a, b in ((0, 5), (5, ITEMS))]
    scores = np.concatenate(pieces, axis=1)
    rows, columns = (tf.constant(x) for x in np.indices(scores.shape).reshape(2, -1))
    at, rounding = (x.numpy() for x in loaded.item_scores_at(encoded["queries"], rows, columns))
    assert (np.abs(at - scores.ravel()) <= rounding).all() and (rounding < 1e-2).all()
    cells = encoded["rows"].numpy(), encoded["columns"].numpy()
    assert len(cells[0]) > 0
    scores[cells] = encoded["scores"]
    np.testing.assert_allclose(scores, whole, atol=1e-5)
