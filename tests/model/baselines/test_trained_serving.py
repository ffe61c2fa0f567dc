"""Every learned method answers whatever is asked, in memory and when exported, and its pieces make up its scores."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from model.methods import METHODS
from schemas.identity import fingerprints
from serving.saved_model import ask_signature
from tests import recommenders, served_model
from tests.sequence_data import no_times

TRAINED = [name for name, method in METHODS.items() if method.trained]
ITEMS, SCENES = 12, 3  # of `tests.sequence_data.planted`

HISTORIES = [["item3", "item4"], ["item1", "item2", "item2", "item9", "item5"], [""], ["never seen", "item0"]]
WHERE = [["scene1", "scene2"], ["scene0", "scene0", "scene1", "scene2", "scene0"], [""], ["nowhere", "scene1"]]


ALLOW = [["item4", "item7"], ["item1", "item0", "item9"], ["item3"], ["never seen", "item0"]]


@functools.cache
def _served(name, **options):
    return served_model.build(name=name, **options)


def _scores(name, items, scenes, **options):
    network = _served(name, **options).network
    return [scores.numpy() for scores in network(recommenders.history(items, scenes))]


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
    for last in (1, 2):
        one, other = (_scores(name, [[5, 2]], [[scene, last]], scene_head=False) for scene in (3, 2))
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


SAME_GRAPH = {"scene_ctc": "scene_contrarec", "contrarec": "sasrec", "dspnet": "tests/model/export"}
"""Methods whose export is made of parts that another's has, or that are exported elsewhere."""


ONE = {"questions": ("period",)}
OPTIONS = {"bert4rec": ONE, "scene_contrarec": ONE, "dspnet_minus": ONE}
"""Where the maps of a second question are those of another method, too."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TRAINED if name not in SAME_GRAPH])
def test_an_exported_model_answers_as_the_network_scores(name, tmp_path):
    served = _served(name, **OPTIONS.get(name, {}))
    loaded = tf.saved_model.load(served_model.export(served, tmp_path / "1"))
    asked = {"history_item_ids": _padded(HISTORIES), "history_scene_ids": _padded(WHERE)}
    exclude = [["item5"], [""], ["item1"], ["never seen"]]
    answer = ask_signature(loaded, "serving_default", asked)
    unseen = ask_signature(loaded, "recommend_unseen", {**asked, "exclude_item_ids": _padded(exclude)})
    allowed = ask_signature(loaded, "rank_allowed", {**asked, "allow_item_ids": _padded(ALLOW)})
    histories = _prints(tuple(map(tuple, HISTORIES))), _prints(tuple(map(tuple, WHERE))), *no_times(len(HISTORIES))
    assert tuple(loaded.answers) == served.network.questions
    for question, column in ((served.network.questions[0], "item"), ("period", "period_item")):
        own_items, own_scenes = _own_scores(served, question)
        _same_ranking(answer, column, own_items, served.items.ids, [[]] * 4)
        gone = [a + b for a, b in zip(HISTORIES, exclude, strict=True)]
        _same_ranking(unseen, column, own_items, served.items.ids, gone)
        others = [[raw for raw in served.items.ids if raw not in row] for row in ALLOW]
        _same_ranking(allowed, column, own_items, served.items.ids, others)
        whole, scenes = (scores.numpy() for scores in loaded.answers[question].score(*histories))
        np.testing.assert_allclose(whole, own_items, atol=1e-5)
        np.testing.assert_allclose(scenes, own_scenes, atol=1e-5)
        _pieces_make_up(loaded.answers[question], histories, whole)

    assert hasattr(loaded, "item_vectors") == METHODS[name].has_item_vectors
    users = ask_signature(loaded, "embed_users", asked)
    assert ("o_item" in users) == METHODS[name].has_item_vectors
    if "o_item" in users:
        following = loaded.answers[served.network.questions[0]]
        queries = following.encode(*histories)["queries"].numpy()
        np.testing.assert_allclose(users["o_item"], queries[:, :-1], atol=1e-5)
        vectors, bias = loaded.item_vectors.numpy()[1:-1], following.item_bias.numpy()
        queries[:, -1] = 0  # in no scene
        pieces = following.item_scores(tf.constant(queries), 0, ITEMS)
        np.testing.assert_allclose(users["o_item"].numpy() @ vectors.T + bias, pieces, atol=1e-4)


def _own_scores(served, question):
    """The scores of the network itself, history by history."""
    places = [{raw: 1 + place for place, raw in enumerate(of.ids)} for of in (served.items, served.scenes)]
    own = []
    for rows in zip(HISTORIES, WHERE, strict=True):
        known = [[[of.get(raw, len(of) + 1) for raw in row if raw]] for row, of in zip(rows, places, strict=True)]
        own.append([scores.numpy()[0] for scores in served.network(recommenders.history(*known), question)])
    return [np.stack(scores) for scores in zip(*own, strict=True)]


def _same_ranking(answer, column, scores, ids, left_out):
    """An answer has what is not left out, by falling score."""
    for found, found_scores, row, gone in zip(
        answer[f"{column}_ids"].numpy(), answer[f"{column}_scores"].numpy(), scores, left_out, strict=True
    ):
        order = [place for place in np.argsort(-row, kind="stable") if ids[place] not in gone]
        assert list(found[: len(order)]) == [ids[place].encode() for place in order]
        np.testing.assert_allclose(found_scores[: len(order)], row[order], atol=1e-5)
        assert set(found[len(order) :]) <= {b""}


def _pieces_make_up(answer, histories, whole):
    """The pieces of a `model.ranker.Answer` are the scores, but for what is copied."""
    encoded = answer.encode(*histories)
    pieces = [answer.item_scores(encoded["queries"], a, b).numpy() for a, b in ((0, 5), (5, ITEMS))]
    scores = np.concatenate(pieces, axis=1)
    rows, columns = (tf.constant(x) for x in np.indices(scores.shape).reshape(2, -1))
    at, rounding = (x.numpy() for x in answer.item_scores_at(encoded["queries"], rows, columns))
    assert (np.abs(at - scores.ravel()) <= rounding).all() and (rounding < 1e-2).all()
    cells = encoded["rows"].numpy(), encoded["columns"].numpy()
    assert len(cells[0]) > 0
    scores[cells] = encoded["scores"]
    np.testing.assert_allclose(scores, whole, atol=1e-5)
