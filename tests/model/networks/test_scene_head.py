"""What the scene head adds to the scores of items, against the dense formula, and whose scene is the last one."""

import dataclasses
import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from model.networks.scene_head import SceneHead, SceneOffset, last_scenes
from tests.recommenders import counts_of
from tests.scene_counts import gains

ITEMS, SCENES = 13, 4
COUNTS = counts_of(["next"], ITEMS, SCENES)["next"]
LAST = np.array([2, 0, SCENES + 1, 4, 2, 1], np.int32)
"""The last scenes of a batch: one twice, one that is padding and one that is unknown."""
EXPECTED = gains(COUNTS)[LAST]
STRENGTHS = pytest.mark.parametrize("strength", [0.5, 5.0, math.inf])


def _head(strength=5.0):
    return SceneHead(COUNTS.by_scene, COUNTS.items, strength)


def _gains(head, scenes, start, stop):
    return SceneOffset(head, scenes).chunk(start, stop)


def _expected(strength):
    return gains(dataclasses.replace(COUNTS, strength=strength))[LAST]


@STRENGTHS
def test_gains_are_those_of_the_formula_in_pieces(strength):
    head, expected = _head(strength), _expected(strength)
    for start, stop in ((0, ITEMS), (0, 1), (3, 9), (ITEMS - 1, ITEMS), (5, 5)):
        found = _gains(head, tf.constant(LAST), tf.constant(start), tf.constant(stop))
        np.testing.assert_array_equal(found, head.gains(tf.constant(LAST), tf.constant(start), tf.constant(stop)))
        assert found.shape == (len(LAST), stop - start)
        np.testing.assert_allclose(found, expected[:, start:stop], atol=1e-5)


@STRENGTHS
def test_gains_of_cells_and_of_columns_are_the_same(strength):
    head, expected = _head(strength), _expected(strength)
    rows, columns = np.random.RandomState(0).permutation(np.indices(expected.shape).reshape(2, -1).T).T
    found = head.gains_at(tf.constant(LAST), tf.constant(rows), tf.constant(columns))
    np.testing.assert_allclose(found, expected[rows, columns], atol=1e-5)
    some = np.array([0, 3, 4, ITEMS - 1])
    offset = SceneOffset(head, tf.constant(LAST))
    np.testing.assert_allclose(offset.of(tf.constant(some)), expected[:, some], atol=1e-5)


@STRENGTHS
def test_padding_and_unknown_scenes_add_nothing(strength):
    nobody = tf.constant([0, SCENES + 1])
    for found in (
        _gains(_head(strength), nobody, 0, ITEMS),
        _head(strength).gains_at(nobody, tf.constant([0, 1, 1]), tf.constant([0, 4, ITEMS - 1])),
        SceneOffset(_head(strength), nobody).of(tf.constant([0, 4])),
    ):
        np.testing.assert_array_equal(found, np.zeros(found.shape))


def test_there_is_something_to_add_else():
    """What was seen more often than elsewhere rises, what was never seen falls."""
    assert EXPECTED[0].max() > 0.3 and EXPECTED[0].min() < -0.3
    never = COUNTS.by_scene.toarray()[LAST[0] - 1] == 0
    assert never.any() and np.ptp(EXPECTED[0][never]) < 1e-9


def test_no_user_and_no_item_have_no_gains():
    head, nothing = _head(), tf.zeros([0], tf.int64)
    assert _gains(head, tf.zeros([0], tf.int32), 0, ITEMS).shape == (0, ITEMS)
    assert head.gains_at(tf.constant(LAST), nothing, nothing).shape == (0,)
    assert SceneOffset(head, tf.constant(LAST)).of(nothing).shape == (len(LAST), 0)
    assert SceneOffset(head, tf.zeros([0], tf.int32)).of(tf.constant([1, 2], tf.int64)).shape == (0, 2)


def test_a_graph_gives_the_same_whatever_the_shapes():
    head = _head()
    spec = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int32)]
    in_graph = tf.function(functools.partial(_gains, head), autograph=False, input_signature=spec)
    for start, stop in ((0, ITEMS), (2, 7)):
        np.testing.assert_array_equal(in_graph(LAST, start, stop), _gains(head, tf.constant(LAST), start, stop))


def test_an_offset_is_what_is_added_before_the_scale():
    head = _head()
    head.scale.assign(0.7)
    offset = SceneOffset(head, tf.constant(LAST))
    assert float(offset.scale) == pytest.approx(0.7)
    np.testing.assert_allclose(offset.chunk(2, 9), EXPECTED[:, 2:9], atol=1e-5)
    rows, columns = tf.constant([3, 0, 3]), tf.constant([12, 5, 0])
    np.testing.assert_allclose(offset.at(rows, columns), EXPECTED[rows, columns], atol=1e-5)
    np.testing.assert_allclose(offset.of(columns), EXPECTED[:, columns], atol=1e-5)


def test_only_the_scale_is_learned_and_it_starts_at_one():
    head = _head()
    assert [variable.name for variable in head.trainable_variables] == ["scale:0"] and float(head.scale) == 1
    # A checkpoint and a SavedModel hold the rest all the same.
    held = {variable.ref() for variable in head.variables}
    assert {variable.ref() for variable in (*head.cells.variables, head.rest)} <= held


@pytest.mark.parametrize("k", [1, 3, ITEMS])
@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_the_best_items_of_a_scene_are_those_of_highest_popularity_there(k, scale):
    """Among those that were seen there; the rest of a row follows."""
    head, bias = _head(), np.random.RandomState(1).normal(size=ITEMS).astype(np.float32)
    head.scale.assign(scale)
    found = head.best_items(tf.Variable(bias), k)
    assert found.shape == (SCENES + 2, k)
    assert (found[[0, SCENES + 1]] == -1).all()
    all_gains, seen = gains(COUNTS), COUNTS.by_scene.toarray() > 0
    for scene in range(1, SCENES + 1):
        scores = bias + scale * all_gains[scene]
        order = [item for item in np.argsort(-scores, kind="stable") if seen[scene - 1, item]][:k]
        assert found[scene].tolist() == order + [-1] * (k - len(order))


@pytest.mark.parametrize(
    ("scenes", "last"),
    [
        ([[1, 2, 3], [3, 1, 0], [0, 2, 0]], [3, 1, 2]),
        ([[0, 0, 0], [5, 5, 5]], [0, 5]),
        ([[], []], [0, 0]),
        (np.zeros([0, 3]), []),
    ],
)
@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_the_last_scene_is_that_of_the_latest_event(scenes, last, dtype):
    found = last_scenes(tf.constant(scenes, dtype))
    np.testing.assert_array_equal(found, last)
    assert found.dtype == tf.int32
