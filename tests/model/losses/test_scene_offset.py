"""Losses of scores to which a scene head adds: values and gradients against dense scores, differentiated by TensorFlow.

What a scene adds is an inner product, too: of the scale at the scene's place with the gains of an item in all scenes.
"""

import numpy as np
import pytest
import tensorflow as tf

from model.losses.chunked import full_catalogue_loss, target_ranks
from model.losses.full import LOSSES
from model.losses.sampled import Negatives, sampled_loss
from model.networks.copy_head import CopyScores, add_copies
from model.networks.item_scorer import InnerProducts
from model.networks.scene_head import SceneHead, SceneOffset
from tests.recommenders import counts_of
from tests.scene_counts import gains

ITEMS, SCENES, WIDTH = 11, 3, 3
COUNTS = counts_of(["next"], ITEMS, SCENES)["next"]
LAST = np.array([2, 0, 4, 3, 2], np.int32)
"""Of no scene, and of an unknown one, two rows."""
TARGETS = tf.constant([[2, 7, 0], [0, 5, 12], [11, 3, 1], [12, 0, 0], [0, 0, 0]])
COPIES = CopyScores(
    tf.constant([0, 0, 2, 4], tf.int64), tf.constant([1, 8, 10, 3], tf.int64), tf.constant([0.4, -1, 2, 1])
)
NAMES = ("outputs", "embeddings", "bias", "values", "scale")


@pytest.fixture
def weights():
    """What is learned: o, e, b, what is copied, and a."""
    rng = np.random.RandomState(0)
    shapes = {"outputs": [len(LAST), WIDTH], "embeddings": [ITEMS + 2, WIDTH], "bias": [ITEMS]}
    made = {name: tf.Variable(rng.normal(size=shape).astype(np.float32)) for name, shape in shapes.items()}
    head = SceneHead(COUNTS.by_scene, COUNTS.items, COUNTS.strength)
    head.scale.assign(1.3)
    return {**made, "values": tf.Variable(COPIES.values), "scale": head.scale, "head": head}


def _value_and_gradients(loss, weights):
    """Rows weigh differently, so that a gradient which mixes them up is found out."""
    watched = [weights[name] for name in NAMES]
    with tf.GradientTape() as tape:
        value = loss()
        total = tf.reduce_sum(value * tf.cast(tf.range(1, len(value) + 1), value.dtype))
    gradients = tape.gradient(total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return value.numpy(), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def _assert_same(found, expected):
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-5)
    for name, one, other in zip(NAMES, found[1], expected[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5, err_msg=name)


def _widened(weights):
    """Vectors whose inner products have what the scene head adds."""
    one_hot = tf.one_hot(LAST, SCENES + 2) * weights["scale"]
    of_items = np.pad(gains(COUNTS).T.astype(np.float32), [[1, 1], [0, 0]])
    return tf.concat([weights["outputs"], one_hot], axis=1), tf.concat([weights["embeddings"], of_items], axis=1)


def _scores(weights, biased, copied):
    outputs, embeddings = _widened(weights)
    scores = tf.matmul(outputs, embeddings[1:-1], transpose_b=True)
    scores = scores + weights["bias"] if biased else scores
    return add_copies(scores, COPIES._replace(values=weights["values"])) if copied else scores


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("chunk_size", [1, 4, None])
@pytest.mark.parametrize("objective", LOSSES)
def test_over_the_whole_catalogue(weights, objective, chunk_size, biased, copied):
    def chunked():
        copies = COPIES._replace(values=weights["values"]) if copied else None
        vectors = weights["outputs"], weights["embeddings"], weights["bias"] if biased else None
        offset = SceneOffset(weights["head"], tf.constant(LAST))
        return full_catalogue_loss(objective, *vectors, TARGETS, copies, chunk_size, offset)

    def dense():
        return LOSSES[objective](_scores(weights, biased, copied), TARGETS)

    expected = _value_and_gradients(dense, weights)
    assert np.abs(expected[1][-1]) > 1e-3
    _assert_same(_value_and_gradients(chunked, weights), expected)
    if chunk_size == 4:
        _assert_same(_value_and_gradients(tf.function(chunked, autograph=False), weights), expected)


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("objective", [*LOSSES, "gbce"])
def test_over_targets_and_negatives(weights, objective, biased, copied):
    drawn = Negatives(
        tf.constant([1, 3, 4, 10], tf.int64), tf.constant([1.0, 2, 1, 3]), tf.constant([0.1, -0.7, 0.4, 1])
    )

    def sampled(outputs, embeddings, offset):
        copies = COPIES._replace(values=weights["values"]) if copied else None
        bias = weights["bias"] if biased else None
        return sampled_loss(objective, outputs, embeddings, bias, TARGETS, drawn, copies, 0.6, offset)

    def offset():
        return sampled(weights["outputs"], weights["embeddings"], SceneOffset(weights["head"], tf.constant(LAST)))

    expected = _value_and_gradients(lambda: sampled(*_widened(weights), None), weights)
    assert np.abs(expected[1][-1]) > 1e-3
    _assert_same(_value_and_gradients(offset, weights), expected)
    _assert_same(_value_and_gradients(tf.function(offset, autograph=False), weights), expected)


def test_an_offset_leaves_gradients_by_tables_row_sparse(weights):
    drawn = Negatives(tf.constant([1, 3], tf.int64), tf.ones([2]), tf.zeros([2]))
    with tf.GradientTape() as tape:
        offset = SceneOffset(weights["head"], tf.constant(LAST))
        vectors = weights["outputs"] + 0.0, weights["embeddings"], weights["bias"]
        total = tf.reduce_sum(sampled_loss("softmax", *vectors, TARGETS, drawn, offset=offset))
    for gradient, first in zip(tape.gradient(total, list(vectors[1:])), (1, 0), strict=True):
        assert isinstance(gradient, tf.IndexedSlices)
        asked = {1, 6, 4, 10, 2, 0, 3}  # targets and negatives, of which one is both
        assert set(gradient.indices.numpy()) == {first + column for column in asked}


@pytest.mark.parametrize("chunk_size", [1, 4, None])
@pytest.mark.parametrize("copied", [False, True])
def test_ranks_are_those_of_dense_scores(weights, chunk_size, copied):
    scorer = InnerProducts(weights["embeddings"], weights["bias"], weights["head"])
    queries = tf.concat([weights["outputs"], tf.cast(LAST, tf.float32)[:, tf.newaxis]], axis=1)
    found = target_ranks(scorer, queries, TARGETS, ITEMS, COPIES if copied else None, chunk_size).numpy()
    scores = _scores(weights, True, copied).numpy()
    for row, targets in enumerate(TARGETS.numpy()):
        for place, target in enumerate(targets):
            known = 1 <= target <= ITEMS
            expected = 1 + (scores[row] > scores[row, target - 1]).sum() if known else ITEMS + 1
            assert found[row, place] == expected
