import numpy as np
import pydantic
import pytest
import tensorflow as tf
import tf_keras

from model.baselines.dspnet_minus import DSPnetMinusNetwork
from model.config import ModelConfig
from model.networks.dspnet import DSPnetNetwork
from tests.recommenders import PLAIN, counts_of, history
from tests.scene_counts import scene_counts, smoothed

ITEMS, SCENES = 11, 4
QUESTIONS = ("next", "period")
HISTORY = history([[0, 3, 4, 11], [5, 0, 0, 12]], [[1, 2, 0], [4, 4, 5]])
OTHER_SCENES = HISTORY._replace(scenes=tf.constant([[3, 3, 0], [1, 2, 3]]))
OTHER_ITEMS = HISTORY._replace(items=tf.constant([[0, 9, 8, 7], [6, 0, 0, 1]]))
HEADS = {"popularity_prior": True, "scene_head": True, "repeat_head": True}


def _network(network_class=DSPnetNetwork, **options):
    tf_keras.utils.set_random_seed(1)
    config = ModelConfig(**{"item_dim": 8, "scene_dim": 4, "max_length": 3, "heads": 2, **PLAIN, **options})
    network = network_class(config, counts_of(QUESTIONS, ITEMS, SCENES))
    for question in QUESTIONS:
        network(HISTORY, question)
    for weight in network.trainable_variables:
        weight.assign_add(tf.random.stateless_normal(weight.shape, [2, len(weight.name)], stddev=0.3))
    return network


def _dense(layer, x):
    return x @ layer.kernel.numpy() + layer.bias.numpy()


def _gelu(x):
    return tf.nn.gelu(x).numpy()


def test_equals_numpy_transcription_of_eq_3_5_and_6():
    network = _network()
    known = network.represent(HISTORY)
    both = np.concatenate([known.h_scene, known.h_item], axis=1)
    z = {}
    for name, mlp in (("scene", network.scene_fusion), ("item", network.item_fusion)):
        first, second = mlp.layers
        z[name] = _dense(second, _gelu(_dense(first, both)))
    np.testing.assert_allclose(known.z_scene, z["scene"], atol=1e-5)
    np.testing.assert_allclose(known.z_item, z["item"], atol=1e-5)
    user = np.concatenate([z["scene"], z["item"]], axis=1)
    items, scenes = (table.candidates().numpy().T for table in (network.item_embedding, network.scene_embedding))
    for question in QUESTIONS:
        scores = network(HISTORY, question)
        np.testing.assert_allclose(scores.items, _dense(network.item_maps[question], user) @ items, atol=1e-5)
        np.testing.assert_allclose(scores.scenes, _dense(network.scene_maps[question], user) @ scenes, atol=1e-5)
    np.testing.assert_array_equal(network(HISTORY).items, network(HISTORY, QUESTIONS[0]).items)


def test_each_sequence_reaches_both_predictions():
    network = _network()
    plain, other_scenes, other_items = (network(history) for history in (HISTORY, OTHER_SCENES, OTHER_ITEMS))
    for changed in (other_scenes, other_items):
        for before, after in zip(plain, changed, strict=True):
            assert np.abs(before - after).max() > 1e-3


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_fusion_depth(layers):
    assert len(_network(fusion_layers=layers).item_fusion.layers) == layers


def test_without_mlp_z_is_the_concatenation():
    known = _network(fusion_layers=0).represent(HISTORY)
    both = np.concatenate([known.h_scene, known.h_item], axis=1)
    np.testing.assert_array_equal(known.z_scene, both)
    np.testing.assert_array_equal(known.z_item, both)


@pytest.mark.parametrize("options", [{}, {"repeat_head": True}, {"fusion_layers": 0}])
def test_without_interplay_neither_sequence_reaches_the_other_prediction(options):
    network = _network(interplay=False, **options)
    plain, other_scenes, other_items = (network(history) for history in (HISTORY, OTHER_SCENES, OTHER_ITEMS))
    np.testing.assert_array_equal(plain.items, other_scenes.items)
    np.testing.assert_array_equal(plain.scenes, other_items.scenes)
    assert np.abs(plain.scenes - other_scenes.scenes).max() > 1e-3
    assert np.abs(plain.items - other_items.items).max() > 1e-3


def test_pairs_tell_which_scene_an_item_had():
    """DSPnet- sees (1, a) (2, b) and (1, b) (2, a) as different; two sequences in step are all it can read."""
    network = _network(DSPnetMinusNetwork)
    items = tf.constant([[1, 2, 3], [1, 2, 3]])
    known = network.represent(history(items, [[1, 2, 3], [2, 1, 3]]))
    assert known.h_item.shape == (2, 8) and known.h_scene.shape == (2, 4)
    assert np.abs(known.h_item[0] - known.h_item[1]).max() > 1e-3
    padded = network.represent(history(tf.pad(items, [[0, 0], [2, 1]]), [[1, 0, 2, 3], [2, 1, 0, 3]]))
    np.testing.assert_allclose(padded.h_item, known.h_item, atol=1e-5)


@pytest.mark.parametrize("network_class", [DSPnetNetwork, DSPnetMinusNetwork])
def test_only_the_latest_events_are_read(network_class):
    network = _network(network_class)
    long = network.represent(history([[7, 8, 1, 2, 3]], [[4, 4, 1, 2, 3]]))
    short = network.represent(history([[1, 2, 3]], [[1, 2, 3]]))
    for first, second in zip(long, short, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("network_class", [DSPnetNetwork, DSPnetMinusNetwork])
def test_padding_on_any_side_changes_nothing(network_class):
    network = _network(network_class, **HEADS)
    plain = network(history([[1, 2]], [[1, 2]]))
    for items, scenes in (([0, 0, 1, 2], [0, 1, 2]), ([1, 2, 0, 0], [1, 2, 0]), ([0, 1, 0, 2, 0], [1, 0, 2])):
        padded = network(history([items], [scenes]))
        np.testing.assert_allclose(padded.items, plain.items, atol=1e-5)
        np.testing.assert_allclose(padded.scenes, plain.scenes, atol=1e-5)


def test_candidates_are_the_catalogue_without_padding_and_unknown():
    embedding = _network().item_embedding
    np.testing.assert_array_equal(embedding.candidates(), embedding.table.numpy()[1 : ITEMS + 1])
    assert embedding.mask_index == ITEMS + 1


def test_every_weight_gets_a_gradient():
    network = _network(**HEADS)
    with tf.GradientTape() as tape:
        scores = [network(HISTORY, question, training=True) for question in QUESTIONS]
        loss = sum(tf.reduce_sum(values**2) for both in scores for values in both)
    for weight, gradient in zip(
        network.trainable_variables, tape.gradient(loss, network.trainable_variables), strict=True
    ):
        assert gradient is not None, weight.name


def test_a_question_has_maps_and_heads_of_its_own():
    """Weights that one question alone is answered with are named after it, and there are as many for the other."""
    network = _network(**HEADS)
    parts = [network.item_maps, network.scene_maps, network.heads]
    for question, other in (QUESTIONS, QUESTIONS[::-1]):
        before = network(HISTORY, question)
        for part in parts:
            assert set(part) == set(QUESTIONS) and part[other].trainable_variables
            for weight in part[other].trainable_variables:
                weight.assign_add(tf.ones_like(weight))
        for one, same in zip(before, network(HISTORY, question), strict=True):
            np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("network_class", [DSPnetNetwork, DSPnetMinusNetwork])
def test_head_dropout_is_on_in_training_alone(network_class):
    """It drops what the fusion reads and what the maps read; the encoders have a rate of their own."""
    network = _network(network_class, dropout=0.0, head_dropout=0.5, layers=1)
    tf_keras.utils.set_random_seed(5)
    first, second, without = (network.represent(HISTORY, training=on) for on in (True, True, False))
    for name in ("h_scene", "h_item"):  # nothing is dropped before
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for name in ("z_scene", "z_item"):
        assert (getattr(first, name).numpy() != getattr(second, name).numpy()).any()
    queries = [network.queries(without, "period", training=on) for on in (True, True, False, False)]
    for one, other, plain, again in zip(*queries, strict=True):
        assert (one.numpy() != other.numpy()).any() and (one.numpy() != plain.numpy()).any()
        np.testing.assert_array_equal(plain, again)
    np.testing.assert_array_equal(network(HISTORY, training=False).items, network(HISTORY, training=False).items)


def test_head_dropout_zeroes_a_share_and_scales_the_rest():
    """As drawn, seen through a fusion and maps that pass everything on."""
    network = _network(dropout=0.0, head_dropout=0.3, fusion_layers=0, layers=1)
    known = network.represent(HISTORY)
    both = np.concatenate([known.h_scene, known.h_item], axis=1)
    kept = []
    for _ in range(200):
        z = network.enhance(known.h_scene, known.h_item, HISTORY, training=True).z_item.numpy()
        kept.append(z != 0)
        np.testing.assert_allclose(z, np.where(z != 0, both / 0.7, 0), rtol=1e-5)
    assert np.mean(kept) == pytest.approx(0.7, abs=0.03)
    np.testing.assert_array_equal(network.enhance(known.h_scene, known.h_item, HISTORY).z_item, both)


def test_popularity_is_where_scores_start():
    """But for the products with embeddings, which are small at first."""
    counts = counts_of(QUESTIONS, ITEMS, SCENES)
    network = DSPnetNetwork(ModelConfig(item_dim=8, scene_dim=4, repeat_head=False), counts)
    for embedding in (network.item_embedding, network.scene_embedding):
        embedding.table.assign(tf.zeros_like(embedding.table))
    for question in QUESTIONS:
        expected, scenes = (
            np.log(after)[[2, 3, 3]]  # of the last scenes 3, 4 and 4
            for after in (smoothed(counts[question]), smoothed(scene_counts(counts[question])))
        )
        scores = network(history([[5, 6], [7, 0], [1, 1]], [[1, 3], [4, 0], [2, 4]]), question)
        np.testing.assert_allclose(scores.items, expected, atol=1e-5)
        np.testing.assert_allclose(scores.scenes, scenes, atol=1e-5)


def test_a_scene_head_needs_the_prior():
    with pytest.raises(pydantic.ValidationError, match="scene_head adds to what is popular.*popularity_prior"):
        ModelConfig(scene_head=True, popularity_prior=False)


def test_empty_histories_have_finite_scores():
    for question in QUESTIONS:
        for scores in _network(**HEADS)(history([[], []], [[], []]), question):
            assert np.isfinite(scores).all()
