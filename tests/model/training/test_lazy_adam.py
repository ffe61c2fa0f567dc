import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from model.training.lazy_adam import LazyAdam

SHAPE = [6, 3]
START = np.random.RandomState(0).normal(size=SHAPE).astype(np.float32)
GRADIENTS = np.random.RandomState(1).normal(size=[5, *SHAPE]).astype(np.float32)
OPTIONS = [
    {},
    {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    {"learning_rate": tf_keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)},
    {"adaptive_epsilon": True, "epsilon": 0.1},
    {"global_clipnorm": 0.5},
    {"weight_decay": 0.1},
]


def state(optimizer, variable):
    """Returns the variable and its moments m and v."""
    return [part.numpy() for part in (variable, optimizer._momentums[0], optimizer._velocities[0])]


def states(optimizer, gradients):
    """Returns the state after each step."""
    variable = tf.Variable(START)

    @tf.function
    def step(gradient):
        optimizer.apply_gradients([(gradient, variable)])

    found = []
    optimizer.build([variable])
    for gradient in gradients:
        step(gradient)
        found.append(state(optimizer, variable))
    return found


def sparse(gradient, rows):
    return tf.IndexedSlices(tf.constant(gradient[rows]), tf.constant(rows), tf.constant(SHAPE))


def numpy_adam(gradients, touched):
    """The equations of the docstring, row by row; `touched` are the rows of each step."""
    x, m, v = START.astype(np.float64), np.zeros(SHAPE), np.zeros(SHAPE)
    for t, (gradient, rows) in enumerate(zip(gradients, touched, strict=True), start=1):
        for row in rows:
            m[row] = 0.9 * m[row] + 0.1 * gradient[row]
            v[row] = 0.999 * v[row] + 0.001 * gradient[row] ** 2
            x[row] -= 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m[row] / (np.sqrt(v[row]) + 1e-7)
    return x, m, v


@pytest.mark.parametrize("options", OPTIONS)
def test_dense_equals_adam_of_keras_step_for_step(options):
    gradients = [tf.constant(gradient) for gradient in GRADIENTS]
    expected = states(tf_keras.optimizers.Adam(**options), gradients)
    np.testing.assert_allclose(states(LazyAdam(**options), gradients), expected, rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("options", OPTIONS)
def test_sparse_equals_adam_of_keras_where_all_rows_are_touched(options):
    rows = [4, 0, 5, 2, 1, 3]
    expected = states(tf_keras.optimizers.Adam(**options), [tf.constant(gradient) for gradient in GRADIENTS])
    found = states(LazyAdam(**options), [sparse(gradient, rows) for gradient in GRADIENTS])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=5e-6)


def test_what_all_variables_share_is_computed_once_a_step():
    variables = [tf.Variable(START), tf.Variable(START[0]), tf.Variable(START)]
    optimizer = LazyAdam(0.1)
    optimizer.build(variables)
    gradients = tf.constant(START), tf.constant(START[0]), sparse(START, [1, 2])
    step = tf.function(lambda: optimizer.apply_gradients(zip(gradients, variables, strict=True)))
    operations = [operation.type for operation in step.get_concrete_function().graph.get_operations()]
    assert operations.count("Pow") == 2 and operations.count("ResourceApplyAdam") == 2


def test_equals_numpy_transcription_row_by_row():
    touched = [[0, 2], [2], [5, 0], [], [2, 3]]
    slices = [sparse(g, np.array(rows, np.int64)) for g, rows in zip(GRADIENTS, touched, strict=True)]
    found = states(LazyAdam(0.01), slices)[-1]
    for part, expected in zip(found, numpy_adam(GRADIENTS, touched), strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-6)


def test_rows_that_are_not_touched_keep_their_values_and_moments():
    optimizer, variable = LazyAdam(0.1), tf.Variable(START)
    optimizer.apply_gradients([(tf.constant(GRADIENTS[0]), variable)])
    before = state(optimizer, variable)
    optimizer.apply_gradients([(sparse(GRADIENTS[1], [1, 4]), variable)])
    for old, new in zip(before, state(optimizer, variable), strict=True):
        np.testing.assert_array_equal(new[[0, 2, 3, 5]], old[[0, 2, 3, 5]])
        assert np.all(new[[1, 4]] != old[[1, 4]])


def test_repeated_rows_are_summed_first():
    once, twice = tf.Variable(START), tf.Variable(START)
    LazyAdam(0.1).apply_gradients([(sparse(GRADIENTS[0] * 2, [3]), once)])
    LazyAdam(0.1).apply_gradients([(sparse(GRADIENTS[0], [3, 3]), twice)])
    np.testing.assert_allclose(once, twice, rtol=1e-6)


def test_vectors_have_rows_too():
    variable = tf.Variable([1.0, 2.0, 3.0])
    slices = tf.IndexedSlices(tf.constant([5.0]), tf.constant([1]), tf.constant([3]))
    LazyAdam(0.1).apply_gradients([(slices, variable)])
    np.testing.assert_allclose(variable, [1.0, 1.9, 3.0], rtol=1e-5)


def test_checkpoint_of_keras_adam_goes_on_as_it_would(tmp_path):
    adam, variable = tf_keras.optimizers.Adam(0.1), tf.Variable(START)
    for gradient in GRADIENTS[:3]:
        adam.apply_gradients([(tf.constant(gradient), variable)])
    path = tf.train.Checkpoint(optimizer=adam, variable=variable).save(str(tmp_path / "checkpoint"))

    lazy, restored = LazyAdam(0.5), tf.Variable(tf.zeros(SHAPE))
    lazy.build([restored])
    tf.train.Checkpoint(optimizer=lazy, variable=restored).restore(path).assert_consumed()
    for optimizer, target in ((adam, variable), (lazy, restored)):
        optimizer.apply_gradients([(tf.constant(GRADIENTS[3]), target)])
    np.testing.assert_allclose(state(lazy, restored), state(adam, variable), rtol=1e-5, atol=1e-6)
    assert lazy.iterations == 4


DECAYS = [0.0, 0.3, 0.999]


def numpy_averages(values, decay):
    """The averages after each step, of the values after each, from the start of training."""
    average, found = START.astype(np.float64), []
    for number, value in enumerate(values):
        kept = min(decay, (1 + number) / (10 + number))
        average = kept * average + (1 - kept) * value
        found.append(average)
    return found


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("rows", [None, [2, 0, 5]])
def test_averages_are_those_of_the_formula_and_change_no_step(decay, rows):
    """Of all rows, those that a step does not touch too: they stay where they are, and so do their averages."""
    gradients = [tf.constant(gradient) if rows is None else sparse(gradient, rows) for gradient in GRADIENTS]
    optimizer, variable = LazyAdam(0.1, use_ema=True, ema_momentum=decay), tf.Variable(START)
    optimizer.build([variable])
    np.testing.assert_array_equal(optimizer.average_of(variable), START)
    values, averages = [], []
    for gradient in gradients:
        optimizer.apply_gradients([(gradient, variable)])
        values.append(variable.numpy())
        averages.append(optimizer.average_of(variable).numpy())
    np.testing.assert_allclose(averages, numpy_averages(values, decay), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(values[-1], states(LazyAdam(0.1), gradients)[-1][0])


def test_averages_of_several_variables_are_told_apart_and_restored(tmp_path):
    one, two = tf.Variable(START), tf.Variable([1.0, 2.0])
    optimizer = LazyAdam(0.1, use_ema=True, ema_momentum=0.9)
    for gradient in GRADIENTS[:3]:
        optimizer.apply_gradients([(tf.constant(gradient), one), (tf.constant([1.0, -1.0]), two)])
    path = tf.train.Checkpoint(optimizer=optimizer, one=one, two=two).save(str(tmp_path / "checkpoint"))
    assert optimizer.average_of(one).shape == one.shape and optimizer.average_of(two).shape == two.shape

    again, others = LazyAdam(0.1, use_ema=True, ema_momentum=0.9), [tf.Variable(tf.zeros_like(v)) for v in (one, two)]
    again.build(others)
    tf.train.Checkpoint(optimizer=again, one=others[0], two=others[1]).restore(path).assert_consumed()
    for a, variables in ((optimizer, (one, two)), (again, others)):
        a.apply_gradients([(tf.constant(GRADIENTS[3]), variables[0]), (tf.constant([1.0, 1.0]), variables[1])])
    for mine, other in zip((one, two), others, strict=True):
        np.testing.assert_array_equal(optimizer.average_of(mine), again.average_of(other))


def test_variables_are_left_as_they_are_at_the_end():
    variable, optimizer = tf.Variable(START), LazyAdam(0.1, use_ema=True, ema_momentum=0.9)
    optimizer.apply_gradients([(tf.constant(GRADIENTS[0]), variable)])
    before = variable.numpy()
    optimizer.finalize_variable_values([variable, tf.Variable(1.0)])  # of which the second is another optimizer's
    np.testing.assert_array_equal(variable, before)


def test_is_serialised_like_adam():
    config = tf_keras.optimizers.serialize(LazyAdam(0.25, beta_1=0.8, epsilon=1e-4))
    again = tf_keras.optimizers.deserialize(config)
    assert isinstance(again, LazyAdam)
    assert again.get_config() == LazyAdam(0.25, beta_1=0.8, epsilon=1e-4).get_config()


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="amsgrad"):
        LazyAdam(amsgrad=True)


# The number of devices is fixed before the first use of TensorFlow, hence a process of its own.
TWO_REPLICAS = """
import sys
import numpy as np
import tensorflow as tf
from model.training.lazy_adam import LazyAdam

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    table, dense = tf.Variable(tf.ones([6, 2])), tf.Variable(tf.ones([3]))
    optimizer = LazyAdam(0.1)

def replica(rows):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, rows) ** 2) + tf.reduce_sum(dense ** 3)
    gradients = tape.gradient(loss, [table, dense])
    assert isinstance(gradients[0], tf.IndexedSlices)
    optimizer.apply_gradients(zip(gradients, [table, dense]))

@tf.function
def step(first, second):
    context_rows = strategy.experimental_distribute_values_from_function(
        lambda context: [first, second][context.replica_id_in_sync_group])
    strategy.run(replica, args=(context_rows,))

for _ in range(3):
    step(tf.constant([0, 2]), tf.constant([2, 5]))
copies = [[part.numpy() for part in strategy.experimental_local_results(variable)] for variable in
          (table, dense, optimizer._momentums[0], optimizer._velocities[0])]
for first, second in copies:
    np.testing.assert_array_equal(first, second)
np.savez(sys.argv[1], table=copies[0][0], dense=copies[1][0], m=copies[2][0], v=copies[3][0])
"""


@pytest.mark.slow
def test_two_replicas_equal_one(tmp_path):
    path = str(tmp_path / "state.npz")
    subprocess.run([sys.executable, "-c", TWO_REPLICAS, path], check=True)
    found = np.load(path)

    table, dense, optimizer = tf.Variable(tf.ones([6, 2])), tf.Variable(tf.ones([3])), LazyAdam(0.1)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(table, [0, 2, 2, 5]) ** 2) + 2 * tf.reduce_sum(dense**3)
        optimizer.minimize(loss, [table, dense], tape)
    expected = {"table": table, "dense": dense, "m": optimizer._momentums[0], "v": optimizer._velocities[0]}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5)
    np.testing.assert_array_equal(found["table"][[1, 3, 4]], 1)
