"""What is told to networks and optimizers when they are built."""

import numpy as np
import pytest
import tensorflow as tf

from model.config import TrainingConfig
from model.data.target_counts import log_share
from model.methods import METHODS
from tests import recommenders
from tests.recommenders import ITEMS, SCENES
from tests.scene_counts import gains

TRAINED = [name for name, method in METHODS.items() if method.trained]
HISTORY = recommenders.history([[3, 4, 0], [5, ITEMS + 1, 1]], [[1, 2, 0], [4, SCENES + 1, 1]])


@pytest.mark.parametrize("name", TRAINED)
def test_biases_of_each_question_start_at_the_shares_of_its_targets(name):
    network = recommenders.build(name, model={"popularity_prior": True}).network
    assert network.questions == ("next", "period")
    counts = recommenders.counts_of(network.questions)
    for question, head in network.heads.items():
        np.testing.assert_allclose(head.item_bias, log_share(counts[question].items))
        np.testing.assert_allclose(head.scene_bias, log_share(counts[question].scenes))
    # Adding to a bias adds to a score of its question, and to no other.
    before = {question: network(HISTORY, question) for question in network.questions}
    network.heads["period"].item_bias.assign_add(tf.one_hot(7, ITEMS, 3.0))
    network.heads["period"].scene_bias.assign_add(tf.one_hot(2, SCENES, 5.0))
    for question, (items, scenes) in before.items():
        after, added = network(HISTORY, question), question == "period"
        np.testing.assert_allclose(after.items - items, np.tile(added * 3.0 * np.eye(ITEMS)[7], [2, 1]), atol=1e-4)
        np.testing.assert_allclose(after.scenes - scenes, np.tile(added * 5.0 * np.eye(SCENES)[2], [2, 1]), atol=1e-4)


@pytest.mark.parametrize("name", TRAINED)
def test_the_scene_head_adds_what_the_last_scene_tells_and_carca_has_none(name):
    """As much as its scale says, whatever the network makes of scenes."""
    network = recommenders.build(name, model={"popularity_prior": True, "scene_head": True}).network
    has_one = METHODS[name].scores_by_inner_product
    for question, counts in recommenders.counts_of(network.questions).items():
        scale, scores = network.heads[question].scene_head.scale, []
        for value in (1.5, 0.0):
            scale.assign(value)
            scores.append(network(HISTORY, question).items.numpy())
        # The last scenes are 2 and 1; the one before, which is in no catalogue, does not matter.
        np.testing.assert_allclose(scores[0] - scores[1], has_one * 1.5 * gains(counts)[[2, 1]], atol=1e-5)


@pytest.mark.parametrize("name", TRAINED)
def test_the_temperature_of_targets_reaches_the_methods_that_have_one(name):
    ours = ("contrarec", "scene_contrarec", "scene_ctc")
    one, two = (
        recommenders.build(name, context_contrast={"target_temperature": tau}).network(HISTORY).items.numpy()
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
@pytest.mark.parametrize("questions", [("next", "period"), ("prefix",)])
def test_scenes_teach_only_those_methods_that_see_them(name, questions):
    """A method of items alone is trained on items as if there were no scenes, as in its paper."""
    model = recommenders.build(name, questions=questions)
    data = recommenders.batch([[0, 3, 4], [5, 6, 1]], [[0, 1, 2], [4, 3, 1]], [[7, 2], [3, 0]], [[3, 2], [2, 0]])
    with tf.GradientTape(persistent=True) as tape:
        terms, _ = model.terms(data, tf.constant([1, 2]), tape)
    network = model.network
    shared = [network.item_embedding.table, *network.encoder.trainable_variables]
    taught = [gradient is not None for gradient in tape.gradient(terms["scene_loss"], shared)]
    assert (any if METHODS[name].sees_scenes else lambda found: not any(found))(taught)
    for question in questions:
        own = network.scene_maps[question].variables
        assert all(gradient is not None for gradient in tape.gradient(terms["scene_loss"], own))


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
