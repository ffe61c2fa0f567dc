import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from model.losses.contrastive import supervised_contrast
from tests.gradients import assert_gradients


def _transcription(views, labels, tau):
    """L_out of the docstring in loops: for each anchor, its positives, and all others below the fraction."""
    number, batch, _ = views.shape
    labels = np.zeros([batch, 1], int) if labels is None else np.reshape(labels, [batch, -1])
    members = [(view, sequence) for view in range(number) for sequence in range(batch)]
    losses = np.zeros(batch)
    for anchor in members:
        h = views[anchor]

        def s(other, h=h):
            return h @ views[other] / np.linalg.norm(h) / np.linalg.norm(views[other]) / tau

        others = [member for member in members if member != anchor]
        b = anchor[1]
        positives = [(v, c) for v, c in others if c == b or set(labels[c]) & set(labels[b]) - {0}]
        partition = sum(np.exp(s(other)) for other in others)
        if positives:
            losses[b] -= np.mean([np.log(np.exp(s(p)) / partition) for p in positives]) / number
    return losses


CASES = {
    "labels": (2, [3, 5, 3, 0, 0]),
    "sets of labels": (2, [[3, 5, 1], [5, 0, 0], [0, 3, 9], [7, 8, 0], [0, 0, 0]]),
    "no labels": (2, None),
    "all of one label": (2, [4, 4, 4]),
    "batch of one": (3, [7]),
    "three views": (3, [2, 2, 1]),
    "one view": (1, [2, 6, 2, 0]),
    "one view and batch of one": (1, [1]),
}


def _problem(case):
    number, labels = CASES[case]
    batch = 4 if labels is None else len(labels)
    views = np.random.RandomState(batch).normal(size=(number, batch, 3))
    return views, None if labels is None else np.array(labels)


def _loss(views, labels, tau):
    return supervised_contrast(views, None if labels is None else tf.reshape(labels, [views.shape[1], -1]), tau)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("temperature", [0.2, 1.5])
def test_equals_numpy_transcription(case, temperature):
    views, labels = _problem(case)
    loss = _loss(tf.constant(views), labels, temperature)
    np.testing.assert_allclose(loss, _transcription(views, labels, temperature), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("case", [*CASES, "all equal"])
@pytest.mark.parametrize("temperature", [0.2, 1.5])
def test_gradients_equal_finite_differences(case, temperature):
    """Each view pulls at others as their positive and their negative, too."""
    views, labels = _problem("labels" if case == "all equal" else case)
    if case == "all equal":
        views = np.tile(views[:1, :1], [*views.shape[:2], 1])
    assert_gradients(
        lambda v: _loss(v, labels, temperature), lambda v: _transcription(v, labels, temperature), [views], atol=1e-6
    )


def test_without_labels_it_is_nt_xent():
    """Equation 1 of Chen et al. 2020, by TensorFlow's own cross-entropy."""
    views, _ = _problem("no labels")
    z = views.reshape(-1, 3)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    logits = z @ z.T / 0.5 - 1e9 * np.eye(8)
    pairs = np.roll(np.arange(8), 4)
    expected = tf.nn.sparse_softmax_cross_entropy_with_logits(pairs, logits).numpy().reshape(2, 4).mean(axis=0)
    np.testing.assert_allclose(_loss(tf.constant(views), None, 0.5), expected, rtol=1e-8)
    np.testing.assert_allclose(_loss(tf.constant(views), [0] * 4, 0.5), expected, rtol=1e-8)
    np.testing.assert_allclose(_loss(tf.constant(views), [4, 3, 2, 1], 0.5), expected, rtol=1e-8)


def test_the_length_of_states_does_not_matter():
    views, labels = _problem("labels")
    longer = views * np.random.RandomState(1).uniform(0.01, 100, [2, 5, 1])
    np.testing.assert_allclose(_loss(tf.constant(longer), labels, 0.2), _loss(tf.constant(views), labels, 0.2))


@pytest.mark.parametrize("state", [0.0, 1e-30, 1e-15, 1.0, 1e15])
@pytest.mark.parametrize("case", CASES)
def test_any_equal_states_stay_finite_and_have_the_loss_of_chance(case, state):
    views, labels = _problem(case)
    states = tf.fill(views.shape, tf.constant(state))
    with tf.GradientTape() as tape:
        tape.watch(states)
        loss = _loss(states, labels, 0.05)
    chance = np.log(views.shape[0] * views.shape[1] - 1) if views.size > 3 else 0.0
    without_positives = {"one view": [1, 3], "one view and batch of one": [0]}.get(case, [])
    expected = [0.0 if b in without_positives else chance for b in range(views.shape[1])]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, states), np.zeros(views.shape), atol=1e-3)


def test_a_zero_state_among_others_has_no_gradient_and_spoils_none():
    views = np.random.RandomState(0).normal(size=[2, 3, 4]).astype(np.float32)
    views[0, 1] = 0
    states = tf.constant(views)
    with tf.GradientTape() as tape:
        tape.watch(states)
        loss = _loss(states, [1, 1, 2], 0.1)
    gradient = tape.gradient(loss, states).numpy()
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[0, 1], 0)
    assert (gradient[1] != 0).any()


REPLICAS = """
import json, sys
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from model.losses.contrastive import supervised_contrast

def run(replicas):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"][:replicas])
    with strategy.scope():
        # Each replica holds all states and takes its own rows, so that the gradients add up to those of one replica.
        states = tf.Variable(tf.random.stateless_normal([2, 6, 4], [1, 2]))

    def step():
        rank = tf.distribute.get_replica_context().replica_id_in_sync_group
        mine = tf.range(6 // replicas) + rank * (6 // replicas)
        with tf.GradientTape() as tape:
            labels = tf.gather([[3, 0], [2, 1], [0, 0], [1, 5], [0, 3], [0, 0]], mine)
            losses = supervised_contrast(tf.gather(states, mine, axis=1), labels, 0.2)
            total = tf.reduce_sum(losses * tf.cast(mine + 1, tf.float32))
        return losses, tf.convert_to_tensor(tape.gradient(total, states))

    losses, gradients = strategy.run(tf.function(step))
    gathered = tf.concat(strategy.experimental_local_results(losses), axis=0)
    summed = tf.add_n(strategy.experimental_local_results(gradients))
    return [gathered.numpy().tolist(), summed.numpy().tolist()]

print(json.dumps([run(1), run(2)]))
"""


@pytest.mark.slow
def test_two_replicas_give_the_losses_and_gradients_of_one():
    run = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    one, two = json.loads(run.stdout.splitlines()[-1])
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-4, atol=1e-5)
    assert np.abs(one[1]).max() > 0.1
