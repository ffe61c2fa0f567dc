import numpy as np
import pytest
import tensorflow as tf

from model.losses.full import binary_cross_entropy, softmax_cross_entropy

TARGETS = np.array([[1, 4, 0], [2, 0, 0], [0, 0, 0], [5, 3, 6]], np.int32)  # 6 is not in the catalogue of 5
SCORES = np.random.RandomState(0).normal(0, 2, [4, 5])


def _labels(targets, size):
    labels = np.zeros([len(targets), size])
    for row, indices in enumerate(targets):
        for index in indices:
            if 1 <= index <= size:
                labels[row, index - 1] = 1
    return labels


def eq_6(scores, targets):
    y, y_hat = _labels(targets, scores.shape[1]), 1 / (1 + np.exp(-scores))
    return -(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat)).mean(axis=1)


def cross_entropy(scores, targets):
    y = _labels(targets, scores.shape[1])
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -(y * log_p).sum(axis=1) / np.maximum(y.sum(axis=1), 1)


CASES = [(binary_cross_entropy, eq_6), (softmax_cross_entropy, cross_entropy)]


@pytest.mark.parametrize(("loss", "transcription"), CASES)
def test_value_equals_numpy_transcription(loss, transcription):
    np.testing.assert_allclose(loss(tf.constant(SCORES), tf.constant(TARGETS)), transcription(SCORES, TARGETS), 1e-9)


@pytest.mark.parametrize(("loss", "transcription"), CASES)
def test_gradient_equals_finite_differences(loss, transcription):
    scores = tf.constant(SCORES)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        total = tf.reduce_sum(loss(scores, tf.constant(TARGETS)))
    gradient = tape.gradient(total, scores).numpy()
    step = 1e-5
    for place in np.ndindex(*SCORES.shape):
        shift = np.zeros_like(SCORES)
        shift[place] = step
        slope = (transcription(SCORES + shift, TARGETS) - transcription(SCORES - shift, TARGETS)).sum() / (2 * step)
        assert gradient[place] == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize(("loss", "_"), CASES)
def test_large_scores_stay_finite(loss, _):
    scores = tf.constant([[1e4, -1e4, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = loss(scores, tf.constant([[2]]))
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, scores)).all()


def test_softmax_without_targets_is_zero():
    assert softmax_cross_entropy(tf.constant([[1.0, 2.0]]), tf.constant([[0]]))[0] == 0.0
