"""CARCA's scores against an independent transcription, and piece by piece."""

import numpy as np
import pytest
import tensorflow as tf

from model.baselines import carca
from model.baselines.carca import CrossAttention, CrossAttentionScorer

DIM, HEADS, TIME, ITEMS = 6, 2, 4, 9
VALID = np.array([[False, True, True, True], [True, False, True, False], [False] * 4])


@pytest.fixture(scope="module")
def random():
    """An attention whose every weight is random, states of three users, and candidates."""
    rng = np.random.default_rng(0)
    attention = CrossAttention(DIM, HEADS)
    states = rng.normal(size=[3, TIME, DIM]).astype(np.float32)
    table = rng.normal(size=[ITEMS + 1, DIM]).astype(np.float32)
    attention(attention.profile(tf.constant(states), tf.constant(VALID)), tf.constant(table[1:]))
    for variable in attention.trainable_variables:
        variable.assign(rng.normal(0.0, 0.6, variable.shape))
    return attention, states, table


def _leaky_relu(x):
    return np.where(x > 0, x, 0.2 * x)


def _score(attention, states, valid, candidate):
    """w . (MultiHead(c, P, P) * c) + b for one user and one candidate, head by head and event by event."""
    maps = [layer.get_weights() for layer in (attention.query, attention.key, attention.value)]
    events = [state for state, is_event in zip(states, valid, strict=True) if is_event]
    if not events:
        return float(attention.score_bias)
    query = _leaky_relu(candidate @ maps[0][0] + maps[0][1])
    keys, values = (_leaky_relu(np.array(events) @ kernel + bias) for kernel, bias in maps[1:])
    read, width = [], DIM // HEADS
    for head in range(HEADS):
        part = slice(head * width, (head + 1) * width)
        logits = keys[:, part] @ query[part] / np.sqrt(width)
        weights = np.exp(logits) / np.exp(logits).sum()
        read.append(weights @ values[:, part])
    return float(attention.score_weights.numpy() @ (np.concatenate(read) * candidate) + attention.score_bias.numpy())


@pytest.fixture(scope="module")
def expected(random):
    attention, states, table = random
    scores = [
        [_score(attention, own, valid, item) for item in table[1:]] for own, valid in zip(states, VALID, strict=True)
    ]
    return np.array(scores)


def test_the_scores_are_those_of_the_paper(random, expected):
    attention, states, table = random
    profiles = attention.profile(tf.constant(states), tf.constant(VALID))
    np.testing.assert_allclose(attention(profiles, tf.constant(table[1:])), expected, rtol=1e-4, atol=1e-5)
    # The third user has no event: nothing is known, and all candidates are alike.
    assert np.ptp(expected[2]) == 0 and np.ptp(expected[0]) > 0.1


@pytest.mark.parametrize("bias", [None, np.linspace(-1, 1, ITEMS).astype(np.float32)])
@pytest.mark.parametrize("block", [1, 50, 1 << 22])
def test_pieces_are_parts_of_the_whole(monkeypatch, random, expected, bias, block):
    monkeypatch.setattr(carca, "BLOCK_CELLS", block)
    attention, states, table = random
    variable = None if bias is None else tf.Variable(bias)
    scorer = CrossAttentionScorer(attention, lambda items: tf.gather(table, items), variable, ITEMS)
    profiles = attention.profile(tf.constant(states), tf.constant(VALID))
    whole = expected if bias is None else expected + bias
    for start, stop in ((0, ITEMS), (2, 7), (8, 9)):
        got = scorer.chunk(profiles, tf.constant(start), tf.constant(stop))
        np.testing.assert_allclose(got, whole[:, start:stop], rtol=1e-4, atol=1e-5)
    rows, columns = np.indices(whole.shape).reshape(2, -1)
    cells = tf.constant(rows), tf.constant(columns)
    at, rounding = scorer.scores_at(profiles, *cells).numpy(), scorer.rounding_at(profiles, *cells).numpy()
    chunk = scorer.chunk(profiles, tf.constant(0), tf.constant(ITEMS)).numpy()[rows, columns]
    assert (np.abs(at - chunk) <= rounding).all()
    assert (rounding <= 1e-3 * (1 + np.abs(whole[rows, columns]))).all()  # a bound that bounds something
    np.testing.assert_allclose(at, whole[rows, columns], rtol=1e-4, atol=1e-5)


def test_no_cell_has_no_score(random):
    attention, states, table = random
    scorer = CrossAttentionScorer(attention, lambda items: tf.gather(table, items), None, ITEMS)
    profiles = attention.profile(tf.constant(states), tf.constant(VALID))
    nothing = tf.zeros([0], tf.int64)
    for method in (scorer.scores_at, scorer.rounding_at):
        assert tf.function(method, autograph=False)(profiles, nothing, nothing).shape == [0]


@pytest.mark.parametrize("block", [1, 50, 1 << 22])
def test_gradients_of_single_cells_are_those_of_whole_columns(monkeypatch, random, block):
    """In a graph, as training is, and through every block."""
    monkeypatch.setattr(carca, "BLOCK_CELLS", block)
    attention, states, table = random
    embeddings, inputs = tf.Variable(table), tf.Variable(states)
    scorer = CrossAttentionScorer(
        attention, lambda items: tf.gather(embeddings, items), tf.Variable(table[1:, 0]), ITEMS
    )
    rows, columns = tf.constant([2, 0, 1, 0, 0, 1]), tf.constant([4, 8, 0, 8, 3, 5])
    weights = tf.constant([1.0, -2.0, 3.0, 0.5, -0.7, 2.0])

    @tf.function(autograph=False)
    def slopes(cells):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(weights * cells(attention.profile(inputs, tf.constant(VALID))))
        return [
            tf.convert_to_tensor(gradient)
            for gradient in tape.gradient(total, [inputs, embeddings, *attention.trainable_variables])
        ]

    single = slopes(lambda profiles: scorer.scores_at(profiles, rows, columns))
    whole = slopes(lambda p: tf.gather_nd(scorer.columns(p, tf.range(ITEMS)), tf.stack([rows, columns], axis=1)))
    for one, other in zip(single, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert all(np.abs(gradient).max() > 1e-3 for gradient in whole) and np.isfinite(single[0]).all()
    np.testing.assert_array_equal(single[0][2], 0)  # nothing is learned from a history without events
