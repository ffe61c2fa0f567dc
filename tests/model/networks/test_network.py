import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from model.baselines.dspnet_minus import DSPnetMinusNetwork
from model.config import ModelConfig
from model.networks.dspnet import DSPnetNetwork

ITEMS, SCENES = 11, 4
HISTORY = tf.constant([[0, 3, 4, 11], [5, 0, 0, 12]]), tf.constant([[1, 2, 0], [4, 4, 5]])


def _network(network_class=DSPnetNetwork, **options):
    tf_keras.utils.set_random_seed(1)
    config = ModelConfig(**{"item_dim": 8, "scene_dim": 4, "max_length": 3, "heads": 2, **options})
    network = network_class(config, ITEMS, SCENES, np.arange(ITEMS, dtype=np.float32), np.ones(SCENES, np.float32))
    network(*HISTORY)
    for weight in network.trainable_variables:
        weight.assign_add(tf.random.stateless_normal(weight.shape, [2, len(weight.name)], stddev=0.3))
    return network


def _dense(layer, x):
    return x @ layer.kernel.numpy() + layer.bias.numpy()


def _gelu(x):
    return tf.nn.gelu(x).numpy()


def test_equals_numpy_transcription_of_eq_3_5_and_6():
    network = _network()
    known = network.represent(*HISTORY)
    both = np.concatenate([known.h_scene, known.h_item], axis=1)
    z = {}
    for name, mlp in (("scene", network.scene_fusion), ("item", network.item_fusion)):
        first, second = mlp.layers
        z[name] = _dense(second, _gelu(_dense(first, both)))
    np.testing.assert_allclose(known.z_scene, z["scene"], atol=1e-5)
    np.testing.assert_allclose(known.z_item, z["item"], atol=1e-5)
    user = np.concatenate([z["scene"], z["item"]], axis=1)
    scores = network(*HISTORY)
    item_embeddings = network.item_embedding.table.numpy()[1:-1]
    scene_embeddings = network.scene_embedding.table.numpy()[1:-1]
    np.testing.assert_allclose(scores.items, _dense(network.item_head, user) @ item_embeddings.T, atol=1e-5)
    np.testing.assert_allclose(scores.scenes, _dense(network.scene_head, user) @ scene_embeddings.T, atol=1e-5)


def test_each_sequence_reaches_both_predictions():
    network = _network()
    plain = network(*HISTORY)
    other_scenes = network(HISTORY[0], tf.constant([[3, 3, 0], [1, 2, 3]]))
    other_items = network(tf.constant([[0, 9, 8, 7], [6, 0, 0, 1]]), HISTORY[1])
    for changed in (other_scenes, other_items):
        for before, after in zip(plain, changed, strict=True):
            assert np.abs(before - after).max() > 1e-3


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_fusion_depth(layers):
    assert len(_network(fusion_layers=layers).item_fusion.layers) == layers


def test_without_mlp_z_is_the_concatenation():
    known = _network(fusion_layers=0).represent(*HISTORY)
    both = np.concatenate([known.h_scene, known.h_item], axis=1)
    np.testing.assert_array_equal(known.z_scene, both)
    np.testing.assert_array_equal(known.z_item, both)


@pytest.mark.parametrize("options", [{}, {"repeat_head": True}, {"fusion_layers": 0}])
def test_without_interplay_neither_sequence_reaches_the_other_prediction(options):
    network = _network(interplay=False, **options)
    plain = network(*HISTORY)
    other_scenes = network(HISTORY[0], tf.constant([[3, 3, 0], [1, 2, 3]]))
    other_items = network(tf.constant([[0, 9, 8, 7], [6, 0, 0, 1]]), HISTORY[1])
    np.testing.assert_array_equal(plain.items, other_scenes.items)
    np.testing.assert_array_equal(plain.scenes, other_items.scenes)
    assert np.abs(plain.scenes - other_scenes.scenes).max() > 1e-3
    assert np.abs(plain.items - other_items.items).max() > 1e-3


def test_pairs_tell_which_scene_an_item_had():
    """DSPnet- sees (1, a) (2, b) and (1, b) (2, a) as different; two sequences in step are all it can read."""
    network = _network(DSPnetMinusNetwork)
    items = tf.constant([[1, 2, 3], [1, 2, 3]])
    known = network.represent(items, tf.constant([[1, 2, 3], [2, 1, 3]]))
    assert known.h_item.shape == (2, 8) and known.h_scene.shape == (2, 4)
    assert np.abs(known.h_item[0] - known.h_item[1]).max() > 1e-3
    padded = network.represent(tf.pad(items, [[0, 0], [2, 1]]), tf.constant([[1, 0, 2, 3], [2, 1, 0, 3]]))
    np.testing.assert_allclose(padded.h_item, known.h_item, atol=1e-5)


@pytest.mark.parametrize("network_class", [DSPnetNetwork, DSPnetMinusNetwork])
def test_only_the_latest_events_are_read(network_class):
    network = _network(network_class)
    long = network.represent(tf.constant([[7, 8, 1, 2, 3]]), tf.constant([[4, 4, 1, 2, 3]]))
    short = network.represent(tf.constant([[1, 2, 3]]), tf.constant([[1, 2, 3]]))
    for first, second in zip(long, short, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("network_class", [DSPnetNetwork, DSPnetMinusNetwork])
def test_padding_on_any_side_changes_nothing(network_class):
    network = _network(network_class, repeat_head=True)
    plain = network(tf.constant([[1, 2]]), tf.constant([[1, 2]]))
    for items, scenes in (([0, 0, 1, 2], [0, 1, 2]), ([1, 2, 0, 0], [1, 2, 0]), ([0, 1, 0, 2, 0], [1, 0, 2])):
        padded = network(tf.constant([items]), tf.constant([scenes]))
        np.testing.assert_allclose(padded.items, plain.items, atol=1e-5)
        np.testing.assert_allclose(padded.scenes, plain.scenes, atol=1e-5)


def test_candidates_are_the_catalogue_without_padding_and_unknown():
    embedding = _network().item_embedding
    np.testing.assert_array_equal(embedding.candidates(), embedding.table.numpy()[1 : ITEMS + 1])
    assert embedding.mask_index == ITEMS + 1


def test_every_weight_gets_a_gradient():
    network = _network(popularity_prior=True, repeat_head=True)
    with tf.GradientTape() as tape:
        scores = network(*HISTORY, training=True)
        loss = tf.reduce_sum(scores.items**2) + tf.reduce_sum(scores.scenes**2)
    for weight, gradient in zip(
        network.trainable_variables, tape.gradient(loss, network.trainable_variables), strict=True
    ):
        assert gradient is not None, weight.name


def test_popularity_prior_is_where_scores_start():
    tf_keras.utils.set_random_seed(1)
    prior = np.linspace(-30, 0, ITEMS, dtype=np.float32)
    config = ModelConfig(item_dim=8, scene_dim=4, popularity_prior=True)
    network = DSPnetNetwork(config, ITEMS, SCENES, prior, np.zeros(SCENES, np.float32))
    np.testing.assert_allclose(network(*HISTORY).items, np.tile(prior, [2, 1]), atol=0.1)


def test_empty_histories_have_finite_scores():
    empty = tf.zeros([2, 0], tf.int32)
    for scores in _network(popularity_prior=True, repeat_head=True)(empty, empty):
        assert np.isfinite(scores).all()
