import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.losses.chunked import full_catalogue_loss, target_ranks
from model.losses.full import LOSSES
from model.networks.copy_head import Cells, CopyScores, add_copies
from model.networks.item_scorer import InnerProducts
from tests.gradients import assert_gradients

OBJECTIVES = sorted(LOSSES)


def problem(batch=4, size=11, width=3, seed=0, number=4, dtype=np.float64):
    """Random inputs; some targets are padding, some are not in the catalogue, and the last row has none."""
    rng = np.random.RandomState(seed)
    targets = np.zeros([batch, number], np.int32)
    for row in targets[: batch - 1] if batch > 1 else targets:
        some = rng.choice(np.arange(1, size + 2), min(number, size + 1, rng.randint(1, number + 1)), replace=False)
        row[rng.choice(number, len(some), replace=False)] = some
    rows, columns = np.nonzero(rng.rand(batch, size) < 0.3)
    order = rng.permutation(len(rows))
    return {
        "outputs": rng.normal(size=[batch, width]).astype(dtype),
        "embeddings": rng.normal(size=[size + 2, width]).astype(dtype),
        "bias": rng.normal(size=[size]).astype(dtype),
        "targets": targets,
        "rows": rows[order].astype(np.int64),
        "columns": columns[order].astype(np.int64),
        "values": rng.normal(size=[len(rows)]).astype(dtype),
    }


WEIGHTS = ("outputs", "embeddings", "bias", "values")


def transcription(objective, p):
    """Eq. 6, or cross-entropy, candidate by candidate, with the copies of model.networks.copy_head."""
    batch, size = len(p["outputs"]), len(p["bias"])
    losses = []
    for row in range(batch):
        x = [float(p["outputs"][row] @ p["embeddings"][k] + p["bias"][k - 1]) for k in range(1, size + 1)]
        for cell, column, value in zip(p["rows"], p["columns"], p["values"], strict=True):
            if cell == row:
                x[column] = np.log(np.exp(x[column]) + np.exp(value))
        relevant = [target - 1 for target in p["targets"][row] if 1 <= target <= size]
        if objective == "bce":
            total = 0.0
            for k in range(size):
                y_hat = 1 / (1 + np.exp(-x[k]))
                total -= np.log(y_hat) if k in relevant else np.log(1 - y_hat)
            losses.append(total / size)
        else:
            p_k = np.exp(x) / np.sum(np.exp(x))
            losses.append(-np.mean([np.log(p_k[k]) for k in relevant]) if relevant else 0.0)
    return np.array(losses)


def chunked(objective, p, chunk_size=None, bias=True, copies=True):
    copies = CopyScores(p["rows"], p["columns"], p["values"]) if copies else None
    targets = tf.convert_to_tensor(p["targets"])
    bias = p["bias"] if bias else None
    return full_catalogue_loss(objective, p["outputs"], p["embeddings"], bias, targets, copies, chunk_size)


def scores(p, bias=True, copies=True):
    result = tf.matmul(p["outputs"], p["embeddings"][1:-1], transpose_b=True)
    if bias:
        result += p["bias"]
    return add_copies(result, CopyScores(p["rows"], p["columns"], p["values"])) if copies else result


def tensors(p):
    return {name: tf.constant(value) for name, value in p.items()}


def value_and_gradients(loss, p):
    p = tensors(p)
    watched = [p[name] for name in WEIGHTS]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = loss(p)
        # Rows weigh differently, so that a gradient which mixes them up is found out.
        total = tf.reduce_sum(value * tf.cast(tf.range(1, len(value) + 1), value.dtype))
    gradients = tape.gradient(total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return value.numpy(), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


@pytest.mark.parametrize("chunk_size", [None, 4])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_value_equals_numpy_transcription(objective, chunk_size):
    p = problem()
    np.testing.assert_allclose(chunked(objective, tensors(p), chunk_size), transcription(objective, p), rtol=1e-10)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_equals_finite_differences(objective):
    p = problem(batch=3, size=5, width=2, number=2)
    assert_gradients(
        lambda *values: chunked(objective, {**tensors(p), **dict(zip(WEIGHTS, values, strict=True))}, 2),
        lambda *values: transcription(objective, {**p, **dict(zip(WEIGHTS, values, strict=True))}),
        [p[name] for name in WEIGHTS],
        rtol=0,
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    objective=st.sampled_from(OBJECTIVES),
    batch=st.integers(1, 5),
    size=st.integers(1, 40),
    chunk_size=st.integers(1, 45),
    bias=st.booleans(),
    copies=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_chunk_size_equals_dense(objective, batch, size, chunk_size, bias, copies, seed):
    p = problem(batch, size, seed=seed, dtype=np.float32)
    value, gradients = value_and_gradients(lambda p: chunked(objective, p, chunk_size, bias, copies), p)
    dense, expected = value_and_gradients(lambda p: LOSSES[objective](scores(p, bias, copies), p["targets"]), p)
    np.testing.assert_allclose(value, dense, rtol=1e-5, atol=1e-5)
    for found, gradient in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, gradient, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_graph_equals_eager_step_after_step(objective):
    p = tensors(problem(batch=3, size=20))

    @tf.function
    def step(p):
        with tf.GradientTape() as tape:
            tape.watch(p["embeddings"])
            total = tf.reduce_sum(chunked(objective, p, 3))
        return tape.gradient(total, p["embeddings"])

    with tf.GradientTape() as tape:
        tape.watch(p["embeddings"])
        total = tf.reduce_sum(chunked(objective, p, 3))
    expected = tape.gradient(total, p["embeddings"])
    for _ in range(3):  # what one step wrote in place must not be where the next begins
        np.testing.assert_allclose(step(p), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_by_embeddings_is_one_dense_tensor_and_zero_at_both_ends(objective):
    p = problem()
    table = tf.Variable(p["embeddings"])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(chunked(objective, {**tensors(p), "embeddings": table}, 4))
    gradient = tape.gradient(total, table)
    assert isinstance(gradient, tf.Tensor)
    np.testing.assert_array_equal(gradient.numpy()[[0, -1]], 0)
    assert np.all(gradient.numpy()[1:-1] != 0)


@pytest.mark.parametrize("value", [-200.0, 200.0])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_large_scores_stay_finite(objective, value):
    p = problem(batch=2, size=6, width=1, dtype=np.float32)
    p["outputs"][:] = value
    p["embeddings"][:] = np.array([0, 1, -1, 1, 0, -1, 1, 0], np.float32)[:, np.newaxis]
    p["values"][:] = -value
    loss, gradients = value_and_gradients(lambda p: chunked(objective, p, 2), p)
    dense, expected = value_and_gradients(lambda p: LOSSES[objective](scores(p), p["targets"]), p)
    np.testing.assert_allclose(loss, dense, rtol=1e-5)
    for found, gradient in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, gradient, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("target", [0, 1, 2])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_batch_of_one_with_a_catalogue_of_one(objective, target):
    p = {**problem(batch=1, size=1), "targets": np.array([[target]], np.int32)}
    value, gradients = value_and_gradients(lambda p: chunked(objective, p), p)
    np.testing.assert_allclose(value, transcription(objective, p), atol=1e-12)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("targets", [np.zeros([2, 3]), np.full([2, 3], 12), np.zeros([2, 0])])
def test_rows_without_known_targets(targets):
    p = {**problem(batch=2), "targets": targets.astype(np.int32)}
    np.testing.assert_allclose(chunked("bce", tensors(p), 4), transcription("bce", p))
    value, gradients = value_and_gradients(lambda p: chunked("softmax", p, 4), p)
    np.testing.assert_array_equal(value, 0)
    assert all(np.all(gradient == 0) for gradient in gradients)


REPEATED = np.array([[2, 2, 0, 5, 2], [3, 3, 3, 3, 0], [12, 4, 12, 1, 1], [0, 7, 9, 0, 12]], np.int32)


def cross_entropy_to_empirical(p):
    """Cross-entropy of softmax to each row's distribution of known targets, with as many shares as they stand."""
    losses = []
    for row, targets in enumerate(p["targets"]):
        x = p["embeddings"][1:-1] @ p["outputs"][row] + p["bias"]
        for cell, column, value in zip(p["rows"], p["columns"], p["values"], strict=True):
            if cell == row:
                x[column] = np.log(np.exp(x[column]) + np.exp(value))
        shares = np.bincount(targets, minlength=13)[1:12]
        shares = shares / shares.sum()
        losses.append(-np.sum(shares * np.log(np.exp(x) / np.exp(x).sum())))
    return np.array(losses)


@pytest.mark.parametrize("chunk_size", ["dense", None, 4])
def test_softmax_of_targets_that_repeat_is_cross_entropy_to_their_distribution(chunk_size):
    p = {**problem(), "targets": REPEATED}

    def loss(*values):
        q = {**tensors(p), **dict(zip(WEIGHTS, values, strict=True))}
        return (
            LOSSES["softmax"](scores(q), q["targets"]) if chunk_size == "dense" else chunked("softmax", q, chunk_size)
        )

    values = [p[name] for name in WEIGHTS]
    np.testing.assert_allclose(loss(*map(tf.constant, values)), cross_entropy_to_empirical(p), rtol=1e-10)
    assert_gradients(
        loss,
        lambda *values: cross_entropy_to_empirical({**p, **dict(zip(WEIGHTS, values, strict=True))}),
        values,
        rtol=0,
    )


@tf.function(reduce_retracing=True)
def ranks(p, max_rank, chunk_size=None, copies=True, excluded=None):
    copies = CopyScores(p["rows"], p["columns"], p["values"]) if copies else None
    scorer = InnerProducts(p["embeddings"], p["bias"])
    return target_ranks(scorer, p["outputs"], p["targets"], max_rank, copies, chunk_size, excluded)


def slow_rank(scores, target, max_rank):
    """Best first; of equal scores the target comes last; a score that is not a number ranks last."""
    size = len(scores)
    if not 1 <= target <= size or not scores[target - 1] > -np.inf:
        return max_rank + 1
    ahead = sum(k != target - 1 and scores[k] >= scores[target - 1] for k in range(size))
    return min(1 + ahead, max_rank + 1)


@pytest.mark.parametrize("chunk_size", [1, 5, None])
@pytest.mark.parametrize("copies", [False, True])
def test_ranks_equal_slow_ranks_and_those_of_the_matrix(copies, chunk_size):
    rng = np.random.RandomState(3)
    p = problem(batch=60, size=12, dtype=np.float32)
    # Small whole numbers, whose products are exact, make many ties.
    p["outputs"], p["embeddings"] = (rng.randint(-1, 2, p[name].shape) * 1.0 for name in ("outputs", "embeddings"))
    p["bias"] = rng.randint(0, 2, 12) * 1.0
    p["targets"] = rng.randint(0, 14, [60, 1]).astype(np.int32)
    p = tensors(p)
    p["values"] = tf.cast(p["values"], tf.float64)
    matrix = scores(p, copies=copies)
    for max_rank in (1, 5, 100):
        found = ranks(p, max_rank, chunk_size, copies)
        slow = [
            slow_rank(row, target, max_rank)
            for row, (target,) in zip(matrix.numpy(), p["targets"].numpy(), strict=True)
        ]
        np.testing.assert_array_equal(found[:, 0], slow)
        assert found.dtype == tf.int32


def test_a_model_that_knows_nothing_ranks_its_target_last():
    found = target_ranks(
        InnerProducts(tf.zeros([52, 2]), None), tf.zeros([1, 2]), tf.constant([[1]]), 100, chunk_size=7
    )
    np.testing.assert_array_equal(found, [[50]])


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_bad_scores_rank_last(bad):
    bias = tf.constant([bad, 0.0, -5.0])
    found = target_ranks(InnerProducts(tf.zeros([5, 1]), bias), tf.zeros([3, 1]), tf.constant([[1], [2], [3]]), 3)
    np.testing.assert_array_equal(found, [[4], [1], [2]])


@pytest.mark.parametrize("chunk_size", [1, 5, None])
def test_what_is_excluded_has_no_rank_and_is_ahead_of_nothing(chunk_size):
    """Targets among it too, in a row of which all is excluded as in others."""
    rng = np.random.RandomState(5)
    p = tensors(problem(batch=30, size=12, dtype=np.float32))
    cells = rng.rand(30, 12) < 0.4
    cells[3] = True
    rows, columns = np.nonzero(cells)
    order = rng.permutation(len(rows))
    excluded = Cells(tf.constant(rows[order]), tf.constant(columns[order]))
    matrix = np.where(cells, -np.inf, scores(p, copies=False).numpy())
    found = ranks(p, 5, chunk_size, False, excluded).numpy()
    for row, targets, own in zip(matrix, p["targets"].numpy(), found, strict=True):
        best = [k for k in np.argsort(-row, kind="stable").tolist() if row[k] > -np.inf]
        expected = [best.index(t - 1) + 1 if t - 1 in best else 6 for t in targets.tolist()]
        assert own.tolist() == [min(rank, 6) for rank in expected]
    assert (found < 6).any()


@pytest.mark.parametrize("chunk_size", [1, 5, None])
@pytest.mark.parametrize("copies", [False, True])
def test_several_targets_follow_one_another_behind_their_equals(copies, chunk_size):
    rng = np.random.RandomState(4)
    p = problem(batch=60, size=12, number=5, dtype=np.float32)
    p["outputs"], p["embeddings"] = (rng.randint(-1, 2, p[name].shape) * 1.0 for name in ("outputs", "embeddings"))
    p["bias"] = rng.randint(0, 2, 12) * 1.0
    p = tensors(p)
    p["values"] = tf.cast(p["values"], tf.float64)
    matrix = scores(p, copies=copies).numpy()
    for max_rank in (1, 5, 100):
        found = ranks(p, max_rank, chunk_size, copies).numpy()
        for row, targets, own in zip(matrix, p["targets"].numpy(), found, strict=True):
            asked = [target - 1 for target in targets if 1 <= target <= 12]
            order = sorted(range(12), key=lambda k: (-row[k], k in asked, asked.index(k) if k in asked else 0))
            expected = [order.index(t - 1) + 1 if 1 <= t <= 12 else max_rank + 1 for t in targets]
            assert own.tolist() == [min(rank, max_rank + 1) for rank in expected]
