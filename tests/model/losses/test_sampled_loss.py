import itertools

import numpy as np
import pytest
import tensorflow as tf

from model.losses.full import LOSSES
from model.losses.sampled import Negatives, log_uniform, sampled_loss
from model.networks.copy_head import CopyScores
from tests.gradients import assert_gradients

N, D = 9, 3
# The last but one row has an unknown target alone, the last none; 2 and 5 are targets and negatives (columns 1, 4).
TARGETS = np.array([[2, 7, 0], [0, 5, 10], [10, 0, 0], [0, 0, 0]], np.int32)
COLUMNS, COUNTS = np.array([1, 3, 4, 8]), np.array([1.0, 2.0, 1.0, 3.0])
CELLS = {(0, 1): 0.3, (0, 6): -0.4, (1, 3): 1.2, (1, 0): 0.1, (2, 8): -2.0, (3, 4): 0.7}
WEIGHTS = ("outputs", "embeddings", "bias", "values")
OBJECTIVES = [*sorted(LOSSES), "gbce"]
CALIBRATION = 0.6


def problem():
    rng = np.random.RandomState(0)
    return {
        "outputs": rng.normal(size=[4, D]),
        "embeddings": rng.normal(size=[N + 2, D]),
        "bias": rng.normal(size=[N]),
        "values": np.array(list(CELLS.values())),
        "log_expected": np.log(rng.uniform(0.1, 3, size=N)),
    }


def transcription(objective, p, targets=TARGETS):
    """The docstring of sampled_loss, candidate by candidate."""
    losses = []
    for row in range(4):

        def score(k, row=row):
            x = p["outputs"][row] @ p["embeddings"][k + 1] + p["bias"][k]
            for (cell, column), value in zip(CELLS, p["values"], strict=True):
                if (cell, column) == (row, k):
                    x = np.log(np.exp(x) + np.exp(value))
            return x

        relevant = [target - 1 for target in targets[row] if 1 <= target <= N]
        negatives = [
            k for k, count in zip(COLUMNS, COUNTS, strict=True) for _ in range(int(count)) if k not in relevant
        ]
        if objective in ("bce", "gbce"):
            alpha = 7 / (N - 1)  # COUNTS are 7 draws
            beta = alpha * (CALIBRATION * (1 - 1 / alpha) + 1 / alpha) if objective == "gbce" else 1
            terms = [-np.log((1 / (1 + np.exp(-score(k)))) ** beta) for k in relevant]
            terms += [-np.log(1 - 1 / (1 + np.exp(-score(k)))) for k in negatives]
            losses.append(np.mean(terms))
        elif relevant:
            partition = sum(np.exp(score(k)) for k in set(relevant))
            partition += sum(np.exp(score(k)) / np.exp(p["log_expected"][k]) for k in negatives)
            losses.append(-np.mean([np.log(np.exp(score(k)) / partition) for k in relevant]))
        else:
            losses.append(0.0)
    return np.array(losses)


def sampled(objective, p, targets=TARGETS):
    log_expected = tf.convert_to_tensor(p["log_expected"])
    drawn = Negatives(tf.constant(COLUMNS), tf.constant(COUNTS), tf.gather(log_expected, COLUMNS))
    rows, columns = (tf.constant(part, tf.int64) for part in zip(*CELLS, strict=True))
    copies = CopyScores(rows, columns, p["values"])
    weights = (p["outputs"], p["embeddings"], p["bias"])
    return sampled_loss(objective, *weights, tf.constant(targets), drawn, copies, calibration=CALIBRATION)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_value_equals_numpy_transcription(objective):
    p = problem()
    tensors = {name: tf.constant(value) for name, value in p.items()}
    np.testing.assert_allclose(sampled(objective, tensors), transcription(objective, p), rtol=1e-10)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_equals_finite_differences(objective):
    p = problem()
    fixed = {"log_expected": tf.constant(p["log_expected"])}
    assert_gradients(
        lambda *values: sampled(objective, {**fixed, **dict(zip(WEIGHTS, values, strict=True))}),
        lambda *values: transcription(objective, {**p, **dict(zip(WEIGHTS, values, strict=True))}),
        [p[name] for name in WEIGHTS],
        rtol=0,
    )


def test_single_targets_equal_tensorflows_sampled_softmax():
    """TensorFlow's, when it is told that the targets are there for certain: expected once."""
    rng = np.random.RandomState(2)
    outputs, table = (rng.normal(size=shape).astype(np.float32) for shape in ([5, D], [N + 2, D]))
    bias = rng.normal(size=N).astype(np.float32)
    drawn = log_uniform(N, 8, tf.constant([1, 2]))
    repeated = tf.repeat(drawn.columns, tf.cast(drawn.counts, tf.int32))
    # TensorFlow removes but one of the repeats of an accidental hit, so no target may have been drawn twice.
    once = drawn.columns.numpy()[drawn.counts == 1]
    never = np.setdiff1d(np.arange(N), drawn.columns)
    assert len(once)
    assert len(never)
    assert len(drawn.columns) < len(repeated)
    targets = 1 + rng.choice(np.r_[once, never], [5, 1])
    targets[:2] = [[1 + once[0]], [1 + never[0]]]
    expected = tf.nn.sampled_softmax_loss(
        weights=table[1:-1],
        biases=bias,
        labels=targets - 1,
        inputs=outputs,
        num_sampled=len(repeated),
        num_classes=N,
        sampled_values=(
            repeated,
            np.ones([5, 1], np.float32),
            tf.repeat(tf.exp(drawn.log_expected), tf.cast(drawn.counts, tf.int32)),
        ),
        remove_accidental_hits=True,
    )
    found = sampled_loss("softmax", outputs, tf.constant(table), bias, tf.constant(targets), drawn)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_partition_is_estimated_without_bias():
    """Over many draws, the mean of exp(loss + mean target score) is the sum of exp over the whole catalogue."""
    rng = np.random.RandomState(3)
    outputs, table = (rng.normal(size=shape).astype(np.float32) for shape in ([2, D], [N + 2, D]))
    targets = tf.constant([[1, 8], [3, 0]])
    scores = outputs @ table[1:-1].T
    mean = np.array([(scores[0, 0] + scores[0, 7]) / 2, scores[1, 2]])

    @tf.function
    def partition(number):
        drawn = log_uniform(N, 6, tf.stack([1, number]))
        return tf.exp(sampled_loss("softmax", outputs, tf.constant(table), None, targets, drawn) + mean)

    estimates = tf.map_fn(partition, tf.range(3000), fn_output_signature=tf.float32)
    np.testing.assert_allclose(tf.reduce_mean(estimates, axis=0), np.exp(scores).sum(axis=1), rtol=0.03)


def test_what_is_learned_has_no_bias_towards_popular_targets():
    """Two targets that always come together, one popular and one rare, end with equal scores."""
    size, bias = 1000, tf.Variable(tf.zeros([1000]))
    optimizer = tf.keras.optimizers.Adam(0.05)
    optimizer.build([bias])
    table, targets = tf.zeros([size + 2, 1]), tf.constant([[1, 900]])

    @tf.function
    def step(number):
        with tf.GradientTape() as tape:
            drawn = log_uniform(size, 64, tf.stack([4, number]))
            loss = sampled_loss("softmax", tf.zeros([1, 1]), table, bias, targets, drawn)
        optimizer.apply_gradients([(tape.gradient(loss, bias), bias)])

    for number in tf.range(400):
        step(number)
    assert float(bias[0] - bias[899]) == pytest.approx(0, abs=0.3)
    assert float(bias[0]) > float(tf.reduce_max(bias[1:899])) + 3


@pytest.mark.parametrize("calibration", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("number", [1, 2, 4, 8])
def test_gbce_learns_probabilities_as_calibrated_as_promised(calibration, number):
    """At b P / (b P + a (1 - P)) the mean gradient over all targets and all draws is zero.

    With more draws than other candidates each of these is drawn twice, so that a is 2.
    """
    share = np.array([0.5, 0.3, 0.1, 0.07, 0.03])
    alpha = number / 4
    beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)
    learned = beta * share / (beta * share + alpha * (1 - share))
    if calibration == 1:
        np.testing.assert_allclose(learned, share)
    bias = tf.constant(np.log(learned / (1 - learned)))
    outputs, table = tf.zeros([1, 1], tf.float64), tf.zeros([7, 1], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(bias)
        expected = 0.0
        for target in range(5):
            others = [k for k in range(5) if k != target]
            draws = list(itertools.combinations(others, number)) if number <= 4 else [others]
            for columns in draws:
                counts = tf.fill([len(columns)], number / len(columns))
                drawn = Negatives(tf.constant(columns, tf.int64), counts, tf.zeros([len(columns)]))
                targets = tf.constant([[1 + target]])
                loss = sampled_loss("gbce", outputs, table, bias, targets, drawn, calibration=calibration)
                expected += share[target] / len(draws) * loss
    np.testing.assert_allclose(tf.convert_to_tensor(tape.gradient(expected, bias)), np.zeros(5), atol=1e-7)


def test_gbce_without_calibration_is_bce():
    p = {name: tf.constant(value) for name, value in problem().items()}
    drawn = Negatives(tf.constant(COLUMNS), tf.constant(COUNTS), tf.zeros([4]))
    arguments = (p["outputs"], p["embeddings"], p["bias"], tf.constant(TARGETS), drawn)
    bce = sampled_loss("bce", *arguments)
    np.testing.assert_allclose(sampled_loss("gbce", *arguments, calibration=0.0), bce, rtol=1e-12)
    changed = np.abs(sampled_loss("gbce", *arguments, calibration=0.9) - bce)
    assert (changed[:2] > 1e-3).all()
    np.testing.assert_array_equal(changed[2:], 0)  # rows without a known target have negatives alone


def test_softmax_of_targets_that_repeat_is_cross_entropy_to_their_distribution():
    """A target that stands three times among four has a share of three quarters, and is one candidate."""
    p, repeated = problem(), np.array([[2, 7, 2, 2], [5, 0, 5, 10], [3, 3, 1, 1], [0, 0, 0, 0]], np.int32)
    tensors = {name: tf.constant(value) for name, value in p.items()}
    expected = transcription("softmax", p, repeated)
    np.testing.assert_allclose(sampled("softmax", tensors, repeated), expected, rtol=1e-10)
    assert_gradients(
        lambda *values: sampled("softmax", {**tensors, **dict(zip(WEIGHTS, values, strict=True))}, repeated),
        lambda *values: transcription("softmax", {**p, **dict(zip(WEIGHTS, values, strict=True))}, repeated),
        [p[name] for name in WEIGHTS],
        rtol=0,
    )


@pytest.mark.parametrize("objective", sorted(LOSSES))
def test_all_candidates_as_negatives_equal_the_full_catalogue(objective):
    rng = np.random.RandomState(4)
    outputs, table = tf.constant(rng.normal(size=[4, D])), tf.constant(rng.normal(size=[N + 2, D]))
    everything = Negatives(tf.range(N, dtype=tf.int64), tf.ones([N]), tf.zeros([N]))
    found = sampled_loss(objective, outputs, table, None, tf.constant(TARGETS), everything)
    dense = LOSSES[objective](tf.matmul(outputs, table[1:-1], transpose_b=True), tf.constant(TARGETS))
    np.testing.assert_allclose(found, dense, rtol=1e-10)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_by_tables_are_row_sparse(objective, graph):
    p = problem()
    table, bias = tf.Variable(p["embeddings"]), tf.Variable(p["bias"])

    def gradients():
        with tf.GradientTape() as tape:
            # As in training, the history reads the table too.
            history = tf.reduce_mean(tf.gather(table, [[1, 1], [2, 2], [2, 3], [0, 1]]), axis=1)
            tensors = {name: tf.constant(value) for name, value in p.items()}
            loss = sampled(objective, {**tensors, "outputs": history, "embeddings": table, "bias": bias})
            total = tf.reduce_sum(loss)
        return tape.gradient(total, [table, bias])

    by_table, by_bias = tf.function(gradients)() if graph else gradients()
    assert isinstance(by_table, tf.IndexedSlices)
    assert isinstance(by_bias, tf.IndexedSlices)
    # Neither padding (but for the history's own) nor what stands in its place may be touched, not even by a zero.
    assert set(by_bias.indices.numpy()) == {1, 6, 4} | set(COLUMNS)
    assert set(by_table.indices.numpy()) == {2, 7, 5} | set(COLUMNS + 1) | {0, 1, 2, 3}


@pytest.mark.parametrize("value", [-200.0, 200.0])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_large_scores_stay_finite(objective, value):
    p = {name: tf.constant(part, tf.float32) for name, part in problem().items()}
    p["outputs"], p["embeddings"] = tf.fill([4, 1], value), tf.constant([[1.0], [-1.0]] * 5 + [[0.0]])
    with tf.GradientTape() as tape:
        watched = [p[name] for name in WEIGHTS]
        tape.watch(watched)
        loss = sampled(objective, p)
    assert np.isfinite(loss).all()
    assert all(np.isfinite(tf.convert_to_tensor(gradient)).all() for gradient in tape.gradient(loss, watched))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("target", [0, 1, 2])
def test_batch_of_one_with_a_catalogue_of_one(objective, target):
    """The one negative is the one candidate: with it as target nothing but the target is left."""
    drawn = Negatives(tf.constant([0], tf.int64), tf.constant([4.0]), tf.constant([1.0]))
    outputs, table = tf.constant([[2.0]]), tf.constant([[5.0], [0.5], [5.0]])
    with tf.GradientTape() as tape:
        tape.watch(table)
        loss = sampled_loss(objective, outputs, table, None, tf.constant([[target]]), drawn)
    expected = 0.0 if objective == "softmax" else np.log1p(np.exp(-1.0 if target == 1 else 1.0))
    np.testing.assert_allclose(loss, [expected], atol=1e-6)
    assert np.isfinite(tf.convert_to_tensor(tape.gradient(loss, table))).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_candidates_at_all_is_zero(objective):
    nothing = Negatives(tf.zeros([0], tf.int64), tf.zeros([0]), tf.zeros([0]))
    table = tf.ones([4, 1])
    with tf.GradientTape() as tape:
        tape.watch(table)
        loss = sampled_loss(objective, tf.ones([1, 1]), table, None, tf.zeros([1, 2], tf.int32), nothing)
    np.testing.assert_array_equal(loss, [0.0])
    np.testing.assert_array_equal(tf.convert_to_tensor(tape.gradient(loss, table)), np.zeros([4, 1]))
