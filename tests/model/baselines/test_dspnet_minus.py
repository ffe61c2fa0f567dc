"""DSPnet-: one encoder over pairs, in DSPnet's place of two."""

import math

import numpy as np
import pytest
import tensorflow as tf

from model.data import augmentation
from model.data.augmentation import augment
from model.data.history import History
from model.networks.dspnet import DSPnet
from tests import recommenders
from tests.recommenders import ITEMS, MODEL, SCENES, batch, history

HISTORY_ITEMS, HISTORY_SCENES = [[0, 3, 4, 11], [5, 0, 0, 6]], [[0, 1, 2, 4], [4, 0, 0, 3]]
HISTORY = history(HISTORY_ITEMS, HISTORY_SCENES)


def build(**training):
    return recommenders.build("dspnet_minus", 2, **{"questions": ["period"], "event_mask": 0.0, **training})


def test_it_encodes_the_concatenation_of_scene_and_item():
    network = build().network
    known = network.represent(HISTORY)
    items, scenes = (network.latest(tf.constant(x)).numpy() for x in (HISTORY_ITEMS, HISTORY_SCENES))
    pairs = np.concatenate(
        [network.scene_embedding.table.numpy()[scenes], network.item_embedding.table.numpy()[items]], axis=2
    )
    h = network.pair_encoder(tf.constant(pairs), tf.constant(items != 0)).numpy()
    np.testing.assert_allclose(known.h_scene, h[:, : MODEL["scene_dim"]], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(known.h_item, h[:, MODEL["scene_dim"] :], rtol=1e-4, atol=1e-5)
    assert not hasattr(network, "item_encoder") and not hasattr(network, "scene_encoder")


def test_it_is_trained_as_dspnet():
    model = build(adversarial={"weight": 0.3}, contrastive={"weight": 0.02})
    assert isinstance(model, DSPnet)
    logs = model.train_step(batch(HISTORY_ITEMS, HISTORY_SCENES, [[3], [5]], [[1], [2]]))
    assert {"apr_loss", "ccr_loss", "D_S_accuracy", "D_V_accuracy"} < set(logs)


def _dense(layer, x):
    return x @ layer.kernel.numpy().astype(float) + layer.bias.numpy()


def _fused(mlp, x):
    """Eq. 3: GELU between the layers, none behind the last."""
    *hidden, last = mlp.layers
    for layer in hidden:
        x = _dense(layer, x)
        x = x * 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))
    return _dense(last, x)


def _eq_6(scores, targets):
    wanted = np.isin(1 + np.arange(len(scores)), targets)
    probability = 1 / (1 + np.exp(-scores))
    return -np.mean(np.where(wanted, np.log(probability), np.log(1 - probability)))


def _eq_8(h, positives, others):
    def weighed(states, temperature, sign):
        alike = states @ h / temperature
        weights = np.exp(sign * alike - (sign * alike).max())
        return weights @ alike / weights.sum()

    return weighed(others, 0.07, 1) - weighed(positives, 1.0, -1)


def _logit(discriminator, x):
    for layer in discriminator.hidden:
        x = _dense(layer, x)
        x = np.where(x > 0, x, 0.2 * x)
    return _dense(discriminator.output_layer, x)[:, 0]


@pytest.fixture
def step(monkeypatch):
    """A model, the terms of a step of it, its augmented copies and what was drawn from the prior."""
    config = {"objective": "bce", "adversarial": {"weight": 0.3}, "contrastive": {"weight": 0.02, "mask_share": 0.5}}
    model = build(**config)
    copies, drawn, draw = [], [], model.adversary.draw
    monkeypatch.setattr(augmentation, "augment", lambda *a: copies.append(augment(*a)) or copies[-1])
    monkeypatch.setattr(model.adversary, "draw", lambda *a: drawn.append(draw(*a)) or drawn[-1])
    with tf.GradientTape() as tape:
        terms, _ = model.terms(batch(HISTORY_ITEMS, HISTORY_SCENES, [[3, 2], [5, 13]], [[1, 2], [2, 2]]), [1, 4], tape)
    pairs = [HISTORY, *(History(*pair) for pair in zip(copies[::2], copies[1::2], strict=True))]
    encoded = [model.network.encode(pair) for pair in pairs]
    return model, terms, [[h.numpy().astype(float) for h in both] for both in encoded], drawn[0]


def test_behind_the_encoder_it_is_dspnet(step):
    """Eq. 3 to 8 in NumPy, from the two parts of the one state."""
    model, terms, ((h_scene, h_item), *copies), drawn = step
    network, width = model.network, MODEL["scene_dim"]
    assert h_scene.shape == (2, width) and h_item.shape == (2, MODEL["item_dim"]) and len(copies) == 2
    assert np.ptp([h_item, *(copy[1] for copy in copies)], axis=0).max(axis=1).min() > 0.1  # each was changed
    both = np.concatenate([h_scene, h_item], axis=1)
    z = {"D_S": _fused(network.scene_fusion, both), "D_V": _fused(network.item_fusion, both)}
    known = np.concatenate([z["D_S"], z["D_V"]], axis=1)
    items = _dense(network.item_maps["period"], known) @ network.item_embedding.table.numpy()[1 : ITEMS + 1].T
    scenes = _dense(network.scene_maps["period"], known) @ network.scene_embedding.table.numpy()[1 : SCENES + 1].T
    for row, (next_items, next_scenes) in enumerate([([3, 2], [1, 2]), ([5], [2])]):
        np.testing.assert_allclose(terms["item_loss"][row], _eq_6(items[row], next_items), rtol=1e-4)
        np.testing.assert_allclose(terms["scene_loss"][row], _eq_6(scenes[row], next_scenes), rtol=1e-4)
        contrast = sum(
            _eq_8(h[row], np.array([copy[kind][row] for copy in copies]), h[[1 - row]])
            for kind, h in enumerate((h_scene, h_item))
        )
        np.testing.assert_allclose(terms["ccr_loss"][row], contrast, rtol=1e-3)
    adversarial = 0.0  # Eq. 4, by the discriminators as they are after their turn
    for name, discriminator in model.adversary.discriminators.items():
        real, made = (1 / (1 + np.exp(-_logit(discriminator, x))) for x in (drawn[name].numpy(), z[name]))
        adversarial += np.log(real) + np.log(1 - made)
    np.testing.assert_allclose(terms["apr_loss"], adversarial, rtol=1e-4)
