"""What is searched of each method by default touches what the method does: trials never differ in name alone."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from experiments.runs.run import change_values
from experiments.tuning.search import list_dimensions
from model.config import MONITOR, VALIDATION_METRIC
from model.methods import METHODS, load
from model.networks.base import build_network
from model.training.recommender import build_recommender
from pipeline.config import PipelineConfig
from pipeline.tuning_config import Dimension
from tests.experiments.tuning.searches import config
from tests.sequence_data import catalogues, planted, target_counts

ITEMS, SCENES = 12, 3
TRAINED = [name for name, method in METHODS.items() if method.trained]


def configured(method: str) -> PipelineConfig:
    model = {"name": method, "item_dim": 8, "scene_dim": 4, "max_length": 6, "layers": 1, "dropout": 0.0}
    # So that negatives are drawn, which is what the memory of CARCA asks for.
    training = {"objective": "softmax", "batch_size": 4, "candidates": {"sampling": "uniform"}}
    return config(model=model, training=training)


def another(dimension: Dimension) -> Any:
    """Returns the last value that is not the configured one."""
    values = dimension.choices or (dimension.low, dimension.high)
    return [value for value in values if value != dimension.configured][-1]


def losses(config: PipelineConfig) -> list[float]:
    """The loss of two training steps: what changes how a step learns shows in the next one."""
    rng = np.random.RandomState(3)
    items, scenes = (tf.constant(rng.randint(1, n + 1, [4, 9]), tf.int32) for n in (ITEMS, SCENES))
    batch = {
        "history_items": items[:, :6],
        "history_scenes": scenes[:, :6],
        "next_item": items[:, 6:7],
        "next_scene": scenes[:, 6:7],
        "future_items": items[:, 6:],
        "future_scenes": scenes[:, 6:],
        "future_item_sequence": items[:, 6:],
        "future_scene_sequence": scenes[:, 6:],
        "history_times": tf.tile(tf.range(1, 7, dtype=tf.int64)[tf.newaxis], [4, 1]),
        "future_times": tf.tile(tf.range(7, 10, dtype=tf.int64)[tf.newaxis], [4, 1]),
    }
    tf_keras.utils.set_random_seed(1)
    data = planted(50, seed=0, items=ITEMS, scenes=SCENES)
    counts = {question: target_counts(data, question, *catalogues(data)) for question in config.training.questions}
    network = build_network(config.model, counts, config.training)
    model = build_recommender(network, config.training, 4, counts)
    return [float(model.train_step(batch)["loss"]) for _ in range(2)]


@pytest.mark.parametrize("method", TRAINED)
def test_all_that_is_searched_changes_the_training(method: str) -> None:
    as_is = configured(method)
    before = losses(as_is)
    assert losses(as_is) == before, "what changes it is the value"
    for dimension in list_dimensions(as_is):
        assert losses(change_values(as_is, {dimension.key: another(dimension)})) != before, dimension.key


@pytest.mark.parametrize("method", TRAINED)
def test_each_weight_of_an_own_term_is_searched(method: str) -> None:
    as_is = configured(method)
    terms = load(METHODS[method].recommender).own_terms
    fixed = dict(terms(as_is.training))
    for dimension in list_dimensions(as_is):
        changed = terms(change_values(as_is, {dimension.key: another(dimension)}).training)
        fixed = {name: weight for name, weight in fixed.items() if changed[name] == weight}
    assert not fixed


def test_trials_are_judged_by_what_training_monitors() -> None:
    assert f"val_{VALIDATION_METRIC}" == MONITOR
