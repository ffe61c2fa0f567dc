"""One replica and two give the same training: same losses, same weights, adversarial and contrastive terms on."""

import numpy as np
import pytest

from tests.replicas import train_with_one_and_two

TRAIN = """
import json, sys
import numpy as np
import tensorflow as tf
import tf_keras

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)

from model.config import ModelConfig, TrainingConfig
from model.methods import METHODS, load
from model.training.recommender import compile_model

BATCH, STEPS = 6, 4
rng = np.random.RandomState(0)
data = {
    "history_items": rng.randint(0, 13, [BATCH * STEPS, 5]),
    "history_scenes": rng.randint(0, 6, [BATCH * STEPS, 5]),
    "next_item": rng.randint(1, 12, [BATCH * STEPS, 1]),
}
data["future_items"] = np.concatenate([data["next_item"], np.zeros_like(data["next_item"])], axis=1)
data["future_scenes"] = rng.randint(1, 5, [BATCH * STEPS, 1])
data = {name: value.astype(np.int32) for name, value in data.items()}

def train(strategy, sampling, objective, name):
    tf_keras.utils.set_random_seed(3)
    config = TrainingConfig(
        objective=objective,
        adversarial={"weight": 0.1},
        contrastive={"weight": 0.01},
        candidates={"sampling": sampling, "number": 5},
    )
    with strategy.scope():
        network_class, recommender_class = load(METHODS[name].network), load(METHODS[name].recommender)
        network = network_class(
            ModelConfig(name=name, item_dim=8, scene_dim=4, max_length=5, layers=1, dropout=0.0,
                        repeat_head=True, popularity_prior=True),
            11, 4, np.zeros(11, np.float32), np.zeros(4, np.float32))
        model = recommender_class(network, config, BATCH, np.full(11, -2.4, np.float32))
        compile_model(model)
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(BATCH, drop_remainder=True)
    losses = []
    logger = tf_keras.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: losses.append(dict(logs)))
    # The last batch of validation has one sequence, fewer than replicas.
    uneven = tf.data.Dataset.from_tensor_slices(data).take(BATCH + 1).batch(BATCH)
    validation = model.fit(dataset, validation_data=uneven, epochs=1, verbose=0, callbacks=[logger]).history
    weights = [v.numpy().tolist() for v in [*network.variables, *model.adversary.variables]]
    return {"losses": losses, "validation": validation, "weights": weights}

replicas, *cases = sys.argv[1:]
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"][: int(replicas)])
assert strategy.num_replicas_in_sync == int(replicas)
print(json.dumps([train(strategy, *case.split(",")) for case in cases]))
"""


CASES = ["none,softmax,dspnet", "in_batch,softmax,dspnet_minus", "log_uniform,bce,dspnet"]


@pytest.fixture(scope="module")
def trained():
    """What one and two replicas logged and learned in each case."""
    one, two = train_with_one_and_two(TRAIN, *CASES)
    return dict(zip(CASES, zip(one, two, strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_replicas_train_as_one(trained, case):
    one, two = trained[case]
    assert len(one["losses"]) == 4
    assert {"item_loss", "scene_loss", "apr_loss", "ccr_loss"} < set(one["losses"][0])
    for first, second in zip(one["losses"], two["losses"], strict=True):
        for name, value in first.items():
            assert second[name] == pytest.approx(value, rel=2e-4, abs=1e-5), name
    for name, values in one["validation"].items():
        np.testing.assert_allclose(two["validation"][name], values, rtol=1e-3, err_msg=name)
    for first, second in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-3, atol=2e-5)
