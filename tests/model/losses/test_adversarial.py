import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from model.losses.adversarial import PRIORS, AdversarialPrior, Gaussian, accuracy, minimax, non_saturating
from model.networks.base import Representations
from tests.gradients import assert_gradients


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _eq_4(prior_logits, logits):
    return np.log(_sigmoid(prior_logits)) + np.log(1 - _sigmoid(logits))


def _minus_log_d(prior_logits, logits):
    return -np.log(_sigmoid(logits))


LOGITS = [np.array([0.3, -2.0, 4.0]), np.array([-0.7, 3.0, 0.0])]


@pytest.mark.parametrize(("loss", "transcription"), [(minimax, _eq_4), (non_saturating, _minus_log_d)])
def test_equals_numpy_transcription_of_eq_4(loss, transcription):
    np.testing.assert_allclose(loss(*map(tf.constant, LOGITS)), transcription(*LOGITS), rtol=1e-10)
    assert_gradients(loss, transcription, LOGITS) if loss is minimax else assert_gradients(
        lambda logits: loss(None, logits), lambda logits: transcription(None, logits), LOGITS[1:]
    )


@pytest.mark.parametrize("loss", [minimax, non_saturating])
def test_stable_where_a_sigmoid_is_0_or_1(loss):
    logits = tf.Variable([-500.0, 500.0])
    with tf.GradientTape() as tape:
        value = loss(-logits, logits)
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, logits)).all()


def test_non_saturating_pulls_where_minimax_does_not():
    """A discriminator that is sure z is not the prior's: minimax has no gradient left, non-saturating all of it."""
    gradients = []
    for loss in (minimax, non_saturating):
        logits = tf.Variable([-20.0])
        with tf.GradientTape() as tape:
            value = loss(tf.zeros(1), logits)
        gradients.append(float(tape.gradient(value, logits)[0]))
    assert abs(gradients[0]) < 1e-8
    assert gradients[1] == pytest.approx(-1)


def test_accuracy():
    np.testing.assert_array_equal(accuracy(tf.constant([1.0, 1.0, -1.0]), tf.constant([-1.0, 1.0, 1.0])), [1, 0.5, 0])


def _play(draw_z, steps=150):
    """Trains both discriminators against fixed distributions of z; returns their accuracies on fresh draws."""
    tf_keras.utils.set_random_seed(5)
    adversary = AdversarialPrior(Gaussian(), "minimax")
    optimizer = tf_keras.optimizers.Adam(1e-2)

    def known(number, batch=128):
        scene, item = (draw_z(tf.stack([kind, number]), batch) for kind in (2, 3))
        return Representations(None, None, scene, item)

    @tf.function
    def step(number):
        z = known(number)
        draws = adversary.draw(z, tf.stack([1, number]))
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(adversary.value(adversary.logits(z, draws)))
        optimizer.minimize(loss, adversary.trainable_variables, tape=tape)

    adversary.build(known(0))
    optimizer.build(adversary.trainable_variables)
    for number in tf.range(steps):
        step(number)
    z = known(tf.constant(-1), 4096)
    logits = adversary.logits(z, adversary.draw(z, [9, 9]))
    return [float(tf.reduce_mean(share)) for share in adversary.accuracies(logits).values()]


def test_a_discriminator_that_can_win_does():
    assert min(_play(lambda seed, batch: 3.0 + Gaussian().sample(batch, 4, seed))) > 0.97


def test_a_discriminator_facing_the_prior_itself_sits_at_chance():
    for share in _play(lambda seed, batch: Gaussian().sample(batch, 4, seed)):
        assert share == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", PRIORS)
def test_priors_have_mean_zero_and_their_variance(name):
    draws = PRIORS[name].sample(40_000, 3, tf.constant([1, 2])).numpy()
    assert draws.shape == (40_000, 3) and draws.dtype == np.float32
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.03)
    # Of four centres two lie on each of the first two axes, 2 away: variance 1 + 2^2 / 2 there.
    np.testing.assert_allclose(draws.var(axis=0), {"multi_gaussian": [3, 3, 1]}.get(name, [1, 1, 1]), rtol=0.05)
    if name == "uniform":
        assert np.abs(draws).max() <= 3**0.5


def test_multi_gaussian_has_four_modes():
    draws = PRIORS["multi_gaussian"].sample(4000, 2, tf.constant([1, 2])).numpy()
    centres = np.array([[2, 0], [-2, 0], [0, 2], [0, -2]])
    nearest = np.argmin(((draws[:, None] - centres) ** 2).sum(-1), axis=1)
    np.testing.assert_allclose(np.bincount(nearest) / 4000, 0.25, atol=0.03)
