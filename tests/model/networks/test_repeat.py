import numpy as np
import pytest
import tensorflow as tf

from model.data.history import History
from model.networks.copy_head import (
    HALF_LIVES_DAYS,
    HALF_LIVES_EVENTS,
    CopyScores,
    RepeatHead,
    add_copies,
    add_copies_at,
    describe_own_items,
)

N = 6
HISTORIES = np.array([[1, 2, 1, 7, 1], [0, 0, 3, 3, 6], [0, 0, 0, 0, 0], [0, 4, 4, 4, 5]])
DAY = 86_400
TIMES = np.array([[10, 10, 40, 41, 60], [0, 0, 5, 5, 9], [0] * 5, [0] * 5], np.int64) * DAY
NOW = np.array([63, 9, 0, 0], np.int64) * DAY


def history(items=HISTORIES, times=None, now=None):
    items = np.asarray(items)
    times = np.zeros(items.shape, np.int64) if times is None else times
    now = np.zeros(len(items), np.int64) if now is None else now
    return History(tf.constant(items), tf.constant(items), tf.constant(times), tf.constant(now))


def describe_slowly(row, times, now, item):
    """Features of one item of one history, in plain words and loops."""
    events = [place for place, other in enumerate(row) if other]
    mine = [place for place in events if row[place] == item]
    later = [len([other for other in events if other >= place]) for place in mine]
    known = times.any()
    ages = [max(now - times[place], 0) / DAY for place in mine]
    baskets = len({times[place] for place in mine})
    pause = (max(ages) - min(ages)) / max(baskets - 1, 1)
    longest = max(max(now - times[place], 0) / DAY for place in events if row[place] <= N)
    hours = [np.log1p(24 * number) / 4 for number in (min(ages), max(ages), pause, longest)]
    back = baskets > 1
    timed = [
        np.log1p(baskets),
        *(np.log1p(sum(0.5 ** (age / days) for age in ages)) for days in HALF_LIVES_DAYS),
        hours[0],
        hours[1],
        hours[2] * back,
        np.log1p(min(ages) / max(pause, 1 / 24)) * back,
        float(back),
        hours[3],
        1.0,
    ]
    distinct = len({row[place] for place in events if row[place] <= N})
    return [
        np.log1p(len(mine)),
        np.log(len(mine) / len(events)) / 4,
        *(np.log1p(sum(0.5 ** (number / half) for number in later)) for half in HALF_LIVES_EVENTS),
        np.log(min(later)) / 4,
        np.log1p(len(events)) / 4,
        np.log1p(distinct) / 4,
        *(np.array(timed) * known),
    ]


def test_features_are_those_of_each_item():
    own = describe_own_items(history(times=TIMES, now=NOW), N)
    cells = list(zip(own.rows.numpy(), own.columns.numpy(), strict=True))
    assert cells == [(0, 0), (0, 1), (1, 2), (1, 5), (3, 3), (3, 4)]
    expected = [describe_slowly(HISTORIES[row], TIMES[row], NOW[row], column + 1) for row, column in cells]
    np.testing.assert_allclose(own.features, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(own.share, [3 / 5, 1 / 5, 2 / 3, 1 / 3, 3 / 4, 1 / 4])


def slow(head, scores, representation):
    """The formula of the module's docstring, item by item."""
    scores = scores.copy()
    for row, items in enumerate(HISTORIES):
        for item in {item for item in items if 0 < item <= N}:
            popularity = head.popularity.numpy()[item - 1]
            user = representation[row] @ head.user.kernel.numpy() + head.user.bias.numpy()
            state = np.array([*describe_slowly(items, TIMES[row], NOW[row], item), popularity, *user], np.float32)
            for layer in head.hidden:
                state = tf.nn.gelu(state @ layer.kernel.numpy() + layer.bias.numpy()).numpy()
            learned = state @ head.output_layer.kernel.numpy()[:, 0] + head.output_layer.bias.numpy()[0]
            share = np.mean([other == item for other in items if other])
            copied = share * np.exp(learned + head.item_bias.numpy()[item - 1])
            scores[row, item - 1] = np.log(np.exp(scores[row, item - 1]) + copied)
    return scores


def trained_head(rng, representation, catalogue_size=N):
    head = RepeatHead(rng.normal(size=catalogue_size).astype(np.float32))
    head(history(), tf.constant(representation))
    for weight in head.trainable_weights:
        weight.assign(0.3 * rng.normal(size=weight.shape))
    return head


def test_equals_the_formula():
    rng = np.random.RandomState(0)
    scores = rng.normal(size=[4, N]).astype(np.float32)
    representation = rng.normal(size=[4, 3]).astype(np.float32)
    head = trained_head(rng, representation)
    result = add_copies(tf.constant(scores), head(history(times=TIMES, now=NOW), tf.constant(representation)))
    np.testing.assert_allclose(result, slow(head, scores, representation), atol=1e-5)
    np.testing.assert_array_equal(result[2], scores[2])


def test_begins_as_counting_does():
    copies = RepeatHead(np.zeros(N, np.float32))(history(), tf.ones([4, 3]))
    np.testing.assert_allclose(copies.values[0], -1 + np.log(3 / 5), rtol=1e-6)  # the unknown item has its part too
    assert copies.rows.dtype == copies.columns.dtype == tf.int64


def test_cells_alone_equal_the_matrix():
    rng = np.random.RandomState(1)
    scores = rng.normal(size=[4, N]).astype(np.float32)
    representation = rng.normal(size=[4, 3]).astype(np.float32)
    copies = trained_head(rng, representation)(history(times=TIMES, now=NOW), tf.constant(representation))
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
    copies = RepeatHead(np.zeros(1, np.float32))(history(np.zeros([1, 1], np.int32)), tf.zeros([1, 2]))
    assert len(copies.rows) == 0
    np.testing.assert_array_equal(add_copies(tf.constant([[2.0]]), copies), [[2.0]])
    cell = tf.constant([0], tf.int64)
    np.testing.assert_array_equal(add_copies_at(tf.constant([2.0]), cell, cell, copies), [2.0])


def test_keys_of_a_large_catalogue_do_not_overflow():
    catalogue_size, batch = 33_000_000, 300
    head = RepeatHead(np.zeros(catalogue_size, np.float32))
    histories = np.tile(np.array([[catalogue_size, 5, catalogue_size]], np.int32), [batch, 1])
    rows, columns, values = head(history(histories), tf.zeros([batch, 2]))
    np.testing.assert_array_equal(rows, np.repeat(np.arange(batch), 2))
    np.testing.assert_array_equal(columns, np.tile([catalogue_size - 1, 4], batch))
    raised = add_copies_at(tf.zeros([2 * batch]), rows, columns, CopyScores(rows, columns, values))
    np.testing.assert_allclose(raised, np.log1p(np.exp(values)), atol=1e-6)


def test_gradient_of_item_bias_is_row_sparse():
    head = RepeatHead(np.zeros(N, np.float32))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(head(history(), tf.zeros([4, 3])).values)
    gradient = tape.gradient(total, head.item_bias)
    assert isinstance(gradient, tf.IndexedSlices)
    np.testing.assert_array_equal(tf.convert_to_tensor(gradient), np.ones(N))
