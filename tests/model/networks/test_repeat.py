import numpy as np
import pytest
import tensorflow as tf

from model.networks.copy_head import CopyScores, RepeatHead, add_copies, add_copies_at

N = 6
HISTORIES = np.array([[1, 2, 1, 7, 1], [0, 0, 3, 3, 6], [0, 0, 0, 0, 0], [4, 0, 4, 5, 0]])


def slow(head, scores, histories, representation):
    """The formula of the module's docstring, event by event."""
    scores = scores.copy()
    gates = representation @ head.gate.kernel.numpy() + head.gate.bias.numpy()
    for row, history in enumerate(histories):
        events = [item for item in history if item]
        mass, total = {}, 0.0
        for age, item in enumerate(reversed(events), start=1):
            step = min(int(np.floor(np.log2(age) + 1e-4)), 11)
            total += np.exp(head.age_logits.numpy()[step])
            if item <= N:
                mass[item] = mass.get(item, 0) + np.exp(head.age_logits.numpy()[step])
        for item, value in mass.items():
            copied = gates[row, 0] + gates[row, 1] * np.log(value / total) + head.item_bias.numpy()[item - 1]
            scores[row, item - 1] = np.log(np.exp(scores[row, item - 1]) + np.exp(copied))
    return scores


def trained_head(rng, representation, catalogue_size=N):
    head = RepeatHead(catalogue_size)
    head(tf.constant(HISTORIES), tf.constant(representation))
    for weight in head.weights:
        weight.assign(rng.normal(size=weight.shape))
    return head


def test_equals_the_formula():
    rng = np.random.RandomState(0)
    scores = rng.normal(size=[4, N]).astype(np.float32)
    representation = rng.normal(size=[4, 3]).astype(np.float32)
    head = trained_head(rng, representation)
    result = add_copies(tf.constant(scores), head(tf.constant(HISTORIES), tf.constant(representation)))
    np.testing.assert_allclose(result, slow(head, scores, HISTORIES, representation), atol=1e-5)
    np.testing.assert_array_equal(result[2], scores[2])


def test_copies_are_the_distinct_known_items_of_each_history():
    head = RepeatHead(N)
    rows, columns, values = head(tf.constant(HISTORIES), tf.zeros([4, 3]))
    assert set(zip(rows.numpy(), columns.numpy(), strict=True)) == {(0, 0), (0, 1), (1, 2), (1, 5), (3, 3), (3, 4)}
    assert len(rows) == 6
    assert rows.dtype == columns.dtype == tf.int64
    np.testing.assert_allclose(values[0], -1 + np.log(3 / 5), rtol=1e-6)  # the unknown item has its part too


def test_cells_alone_equal_the_matrix():
    rng = np.random.RandomState(1)
    scores = rng.normal(size=[4, N]).astype(np.float32)
    representation = rng.normal(size=[4, 3]).astype(np.float32)
    copies = trained_head(rng, representation)(tf.constant(HISTORIES), tf.constant(representation))
    whole = add_copies(tf.constant(scores), copies).numpy()
    rows, columns = (place.astype(np.int64) for place in np.nonzero(rng.rand(4, N) < 0.7))
    cells = add_copies_at(tf.constant(scores[rows, columns]), tf.constant(rows), tf.constant(columns), copies)
    np.testing.assert_allclose(cells, whole[rows, columns], atol=1e-6)


def test_gradient_of_cells_equals_that_of_the_matrix():
    scores = tf.random.stateless_normal([2, 3], [1, 0])
    values = tf.constant([0.5, -3.0])
    rows, columns = tf.constant([1, 0], tf.int64), tf.constant([2, 1], tf.int64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([scores, values])
        copies = CopyScores(rows, columns, values)
        whole = tf.gather_nd(add_copies(scores, copies), [[0, 0], [1, 2]])
        cells = add_copies_at(
            tf.gather_nd(scores, [[0, 0], [1, 2]]), tf.constant([0, 1], tf.int64), tf.constant([0, 2], tf.int64), copies
        )
    for expected, found in zip(
        tape.gradient(whole, [scores, values]), tape.gradient(cells, [scores, values]), strict=True
    ):
        np.testing.assert_allclose(tf.convert_to_tensor(found), tf.convert_to_tensor(expected), atol=1e-7)


@pytest.mark.parametrize("score", [-200.0, 200.0])
def test_large_scores_stay_finite(score):
    cell = tf.constant([0], tf.int64)
    copies = CopyScores(cell, cell, tf.constant([-score]))
    assert add_copies(tf.constant([[score]]), copies).numpy() == 200.0
    assert add_copies_at(tf.constant([score]), cell, cell, copies).numpy() == 200.0


def test_no_history_copies_nothing():
    copies = RepeatHead(1)(tf.zeros([1, 0], tf.int32), tf.zeros([1, 2]))
    assert len(copies.rows) == 0
    np.testing.assert_array_equal(add_copies(tf.constant([[2.0]]), copies), [[2.0]])
    cell = tf.constant([0], tf.int64)
    np.testing.assert_array_equal(add_copies_at(tf.constant([2.0]), cell, cell, copies), [2.0])


def test_keys_of_a_large_catalogue_do_not_overflow():
    catalogue_size, batch = 33_000_000, 300
    head = RepeatHead(catalogue_size)
    histories = np.tile(np.array([[catalogue_size, 5, catalogue_size]], np.int32), [batch, 1])
    rows, columns, values = head(tf.constant(histories), tf.zeros([batch, 2]))
    np.testing.assert_array_equal(rows, np.repeat(np.arange(batch), 2))
    np.testing.assert_array_equal(columns, np.tile([catalogue_size - 1, 4], batch))
    raised = add_copies_at(tf.zeros([2 * batch]), rows, columns, CopyScores(rows, columns, values))
    np.testing.assert_allclose(raised, np.log1p(np.exp(values)), atol=1e-6)


def test_gradient_of_item_bias_is_row_sparse():
    head = RepeatHead(N)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(head(tf.constant(HISTORIES), tf.zeros([4, 3])).values)
    gradient = tape.gradient(total, head.item_bias)
    assert isinstance(gradient, tf.IndexedSlices)
    np.testing.assert_array_equal(tf.convert_to_tensor(gradient), np.ones(N))
