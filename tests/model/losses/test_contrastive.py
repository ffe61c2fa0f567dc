import numpy as np
import pytest
import tensorflow as tf

from model.losses.contrastive import contrastive_loss
from tests.gradients import assert_gradients


def _transcription(anchors, positives, tau_plus, tau_minus):
    """Eq. 8 in loops; one value for each anchor."""
    losses = []
    for b, h in enumerate(anchors):
        loss = 0.0
        alike = [h @ copies[b] / tau_plus for copies in positives]
        total = sum(np.exp(-s) for s in alike)
        for s in alike:
            loss -= np.exp(-s) / total * s
        alike = [h @ other / tau_minus for c, other in enumerate(anchors) if c != b]
        total = sum(np.exp(s) for s in alike)
        for s in alike:
            loss += np.exp(s) / total * s
        losses.append(loss)
    return np.array(losses)


CASES = {
    "plain": (5, 4, 2),
    "batch of one": (1, 4, 2),
    "batch of two": (2, 3, 1),
    "many copies": (3, 3, 4),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("temperatures", [(1.0, 0.07), (0.5, 2.0)])
def test_equals_numpy_transcription_of_eq_8(case, temperatures):
    batch, width, copies = CASES[case]
    rng = np.random.RandomState(batch)
    anchors, positives = rng.normal(size=(batch, width)), rng.normal(size=(copies, batch, width))
    loss = contrastive_loss(tf.constant(anchors), tf.constant(positives), *temperatures)
    np.testing.assert_allclose(loss, _transcription(anchors, positives, *temperatures), rtol=1e-8)


@pytest.mark.parametrize("case", [*CASES, "all equal"])
@pytest.mark.parametrize("temperatures", [(1.0, 0.07), (0.5, 2.0)])
def test_gradients_equal_finite_differences(case, temperatures):
    """Also through the weights w+ and w-, and through the negatives, which are anchors themselves."""
    batch, width, copies = CASES.get(case, (3, 2, 2))
    rng = np.random.RandomState(3)
    anchors, positives = 0.3 * rng.normal(size=(batch, width)), rng.normal(size=(copies, batch, width))
    if case == "all equal":
        anchors, positives = np.tile(anchors[:1], [batch, 1]), np.tile(anchors[:1], [copies, batch, 1])
    assert_gradients(
        lambda a, p: contrastive_loss(a, p, *temperatures),
        lambda a, p: _transcription(a, p, *temperatures),
        [anchors, positives],
    )


def test_all_equal_sequences():
    """All similarities are equal, so the weights are even: -|h|^2 / tau+ + |h|^2 / tau-."""
    h = np.tile([[1.0, 2.0]], [4, 1])
    np.testing.assert_allclose(contrastive_loss(tf.constant(h), tf.constant([h, h]), 1.0, 0.5), np.full(4, -5 + 10))


def test_large_states_stay_finite():
    """Widths and temperatures of the paper give similarities of thousands."""
    h = 60.0 * np.random.RandomState(0).normal(size=(8, 256)).astype(np.float32)
    anchors = tf.Variable(h)
    with tf.GradientTape() as tape:
        loss = contrastive_loss(anchors, tf.stack([anchors, -anchors]), 1.0, 0.07)
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, anchors)).all()
