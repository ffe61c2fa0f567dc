"""One replica and two make the same steps of every method, whatever it compares; see also `test_replicas`."""

import json

import numpy as np
import pytest

from tests.replicas import train_with_one_and_two

TRAIN = """
import json, sys
import numpy as np
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)

from tests import recommenders

BATCH, STEPS = 6, 2
rng = np.random.RandomState(0)
histories = [rng.randint(0, size + 2, [STEPS * BATCH, 5]) for size in (recommenders.ITEMS, recommenders.SCENES)]
# Some sequences of a step have the same next item, on one replica and across.
items = np.stack([rng.permutation(np.arange(1, recommenders.ITEMS + 1))[:3] for _ in range(STEPS * BATCH)])
items[::2, 0] = 13
items[[1, 3, 5, 7, 11], 0] = 12
items[:, 1:][items[:, 1:] == 12] = 0
data = recommenders.batch(*histories, items, rng.randint(1, recommenders.SCENES + 1, [STEPS * BATCH, 3]))

def train(strategy, name, options):
    with strategy.scope():
        model = recommenders.build(name, BATCH, **options)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(BATCH)
    for batch in strategy.experimental_distribute_dataset(batches):
        strategy.run(model.train_step, [batch])  # traced, so few steps would take longer
    logs = {name: float(mean.result()) for name, mean in model.means.items() if name in model.weights_of_terms}
    adversary = getattr(model, "adversary", None)
    variables = [*model.trained_variables, *(adversary.variables if adversary else [])]
    return {"logs": logs, "weights": [variable.numpy().tolist() for variable in variables]}

replicas, cases = int(sys.argv[1]), json.loads(sys.argv[2])
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"][:replicas])
assert strategy.num_replicas_in_sync == replicas
print(json.dumps([train(strategy, *case) for case in cases]))
"""

FEW = {"sampling": "uniform", "number": 5}
BY_RANK = {"sampling": "log_uniform", "number": 5}
ALL = {"adversarial": {"weight": 0.1}, "contrastive": {"weight": 0.01}}
CASES = {
    "dspnet": {"candidates": BY_RANK, "objective": "bce", **ALL},
    "dspnet_minus": {"candidates": {"sampling": "in_batch"}, "objective": "softmax", **ALL},
    "bert4rec": {"candidates": FEW, "cloze": {"mask_share": 0.5}},
    "msdp": {"candidates": {"sampling": "in_batch"}, "distribution": {"scales": (1, 2), "contrast_weight": 0.5}},
    "scene_contrarec": {"context_contrast": {"weight": 0.5}},
    "carca": {"candidates": {"sampling": "in_batch"}},
    "sasrec": {"candidates": FEW, "objective": "gbce", "questions": ["prefix"]},
}
TERMS = {"dspnet": 4, "dspnet_minus": 4, "bert4rec": 3, "msdp": 3, "scene_contrarec": 3, "carca": 2, "sasrec": 2}


@pytest.fixture(scope="module")
def trained():
    """What one and two replicas logged and learned of each method."""
    one, two = train_with_one_and_two(TRAIN, json.dumps(list(CASES.items())))
    return dict(zip(CASES, zip(one, two, strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_replicas_train_as_one(trained, name):
    one, two = trained[name]
    assert len(one["logs"]) == TERMS[name]
    for term, value in one["logs"].items():
        assert value != 0 and two["logs"][term] == pytest.approx(value, rel=1e-4), term
    for first, second in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-3, atol=2e-5)
