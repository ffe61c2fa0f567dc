"""What is told to networks and optimizers when they are built."""

import numpy as np
import pytest
import tensorflow as tf

from model.config import ModelConfig, TrainingConfig
from model.methods import METHODS
from model.networks.base import build_network, log_frequency
from schemas.catalogue import Catalogue
from tests import recommenders
from tests.recommenders import ITEMS, SCENES

TRAINED = [name for name, method in METHODS.items() if method.trained]
HISTORY = tf.constant([[3, 4, 0], [5, ITEMS + 1, 1]]), tf.constant([[1, 2, 0], [4, SCENES + 1, 1]])


def _catalogue(future_counts):
    counts = np.asarray(future_counts, np.int64)
    # How often something occurs in histories says nothing of what is chosen next.
    return Catalogue(np.arange(len(counts)), np.array([f"id{n}" for n in counts], object), counts[::-1], counts)


def test_log_frequency_counts_each_candidate_once_more_than_it_was_seen():
    found = log_frequency(_catalogue([5, 2, 0]))
    np.testing.assert_allclose(found, np.log([6 / 10, 3 / 10, 1 / 10]), rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", TRAINED)
def test_priors_of_both_catalogues_are_where_biases_start(name):
    config = ModelConfig(name=name, **recommenders.MODEL, popularity_prior=True)
    items, scenes = _catalogue(range(50, 50 + ITEMS)), _catalogue([1000, 0, 30, 7])
    network = build_network(config, items, scenes)
    np.testing.assert_allclose(network.item_bias, log_frequency(items))
    np.testing.assert_allclose(network.scene_bias, log_frequency(scenes))
    # Adding to a bias adds to a score, and to no other.
    before = network(*HISTORY)
    network.item_bias.assign_add(tf.one_hot(7, ITEMS, 3.0))
    network.scene_bias.assign_add(tf.one_hot(2, SCENES, 5.0))
    after = network(*HISTORY)
    np.testing.assert_allclose(after.items - before.items, np.tile(3.0 * np.eye(ITEMS)[7], [2, 1]), atol=1e-4)
    np.testing.assert_allclose(after.scenes - before.scenes, np.tile(5.0 * np.eye(SCENES)[2], [2, 1]), atol=1e-4)


@pytest.mark.parametrize("name", TRAINED)
def test_the_temperature_of_targets_reaches_the_methods_that_have_one(name):
    ours = ("contrarec", "scene_contrarec", "scene_ctc")
    one, two = (
        recommenders.build(name, context_contrast={"target_temperature": tau}).network(*HISTORY).items.numpy()
        for tau in (0.5, 2.0)
    )
    np.testing.assert_allclose(one, (4 if name in ours else 1) * two, rtol=1e-4)
    assert np.abs(two).max() > 1e-3


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("objective", ["bce", "softmax"])
def test_the_epsilon_of_adam_shrinks_with_gradients_that_are_divided_by_the_catalogue(name, objective):
    model = recommenders.build(name, objective=objective)
    divided = objective == "bce" and METHODS[name].objective("bce") == "bce"
    assert model.optimizer.epsilon == pytest.approx(1e-7 / ITEMS if divided else 1e-7)
    assert float(model.optimizer.learning_rate) == pytest.approx(TrainingConfig().learning_rate)


@pytest.mark.parametrize("name", [name for name in TRAINED if not name.startswith("dspnet")])
@pytest.mark.parametrize("target", ["next", "prefix"])
def test_scenes_teach_only_those_methods_that_see_them(name, target):
    """A method of items alone is trained on items as if there were no scenes, as in its paper."""
    model = recommenders.build(name, target=target)
    data = recommenders.batch([[0, 3, 4], [5, 6, 1]], [[0, 1, 2], [4, 3, 1]], [[7, 2], [3, 0]], [[3, 2], [2, 0]])
    with tf.GradientTape(persistent=True) as tape:
        terms, _ = model.terms(data, tf.constant([1, 2]), tape)
    network = model.network
    shared = [network.item_embedding.table, *network.encoder.trainable_variables]
    taught = [gradient is not None for gradient in tape.gradient(terms["scene_loss"], shared)]
    assert (any if METHODS[name].sees_scenes else lambda found: not any(found))(taught)
    assert all(gradient is not None for gradient in tape.gradient(terms["scene_loss"], network.scene_head.variables))


@pytest.mark.parametrize("name", TRAINED)
def test_the_same_seed_gives_the_same_weights(name):
    one, other = (recommenders.build(name).network.trainable_variables for _ in range(2))
    assert len(one) > 10
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_changes_each_weight_that_scores_items_or_scenes(name):
    model = recommenders.build(name, adversarial={"weight": 0.3}, contrastive={"weight": 0.3})
    before = [variable.numpy() for variable in model.network.trainable_variables]
    model.train_step(
        recommenders.batch([[3, 4, 2], [5, 6, 1]], [[1, 2, 2], [4, 3, 1]], [[7, 5], [2, 3]], [[3, 1], [2, 4]])
    )
    still = [
        variable.name
        for variable, old in zip(model.network.trainable_variables, before, strict=True)
        if (variable.numpy() == old).all()
    ]
    # The bias of the keys of self-attention cancels in the softmax over events; CARCA's does not.
    assert not [name for name in still if not name.endswith("/attention/key/bias:0")]
