"""One replica and two give the same training: losses, weights, averages and validation, with all that DSPnet has."""

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

from model.training.callbacks import AveragedValidation
from tests import recommenders
from tests.recommenders import ITEMS, SCENES

BATCH, STEPS = 6, 3
rng = np.random.RandomState(0)
histories = [rng.randint(0, size + 2, [BATCH * STEPS, 5]) for size in (ITEMS, SCENES)]
items = np.stack([rng.permutation(ITEMS)[:2] + 1 for _ in range(BATCH * STEPS)])
data = recommenders.batch(*histories, items, rng.randint(1, SCENES + 1, items.shape))
dataset = tf.data.Dataset.from_tensor_slices(data)

replicas = int(sys.argv[1])
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"][:replicas])
assert strategy.num_replicas_in_sync == replicas
with strategy.scope():
    model = recommenders.build(
        "dspnet", BATCH, {"repeat_head": True, "popularity_prior": True, "scene_head": True},
        objective="softmax", adversarial={"weight": 0.1}, contrastive={"weight": 0.01}, average_decay=0.5)
losses = []
logger = tf_keras.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: losses.append(dict(logs)))
history = model.fit(
    dataset.batch(BATCH, drop_remainder=True),
    # The last batch of validation has one sequence, fewer than replicas.
    validation_data=dataset.take(BATCH + 1).batch(BATCH),
    verbose=0,
    callbacks=[logger, AveragedValidation()],
).history
weights = [v.numpy().tolist() for v in [*model.network.variables, *model.adversary.variables]]
with model.averaged():
    averages = [v.numpy().tolist() for v in model.network.trainable_variables]
print(json.dumps({"losses": losses, "validation": history, "weights": weights, "averages": averages}))
"""


@pytest.mark.slow
def test_two_replicas_train_as_one():
    one, two = train_with_one_and_two(TRAIN)
    assert len(one["losses"]) == 3
    assert {"item_loss", "scene_loss", "apr_loss", "ccr_loss"} < set(one["losses"][0])
    for first, second in zip(one["losses"], two["losses"], strict=True):
        for name, value in first.items():
            assert second[name] == pytest.approx(value, rel=2e-4, abs=1e-5), name
    assert "val_ndcg@10" in one["validation"]
    for name, values in one["validation"].items():
        np.testing.assert_allclose(two["validation"][name], values, rtol=1e-3, err_msg=name)
    for part in ("weights", "averages"):
        for first, second in zip(one[part], two[part], strict=True):
            np.testing.assert_allclose(second, first, rtol=1e-3, atol=2e-5)
