"""ContraRec, SceneContraRec and SceneCTC: who is contrasted with whom, and what an event is."""

import numpy as np
import pytest
import tensorflow as tf

from model.data import augmentation
from model.data.augmentation import augment
from model.training import recommender
from tests import recommenders
from tests.recommenders import ITEMS, SCENES, batch, history

UNKNOWN = ITEMS + 1
HISTORY_ITEMS = [[0, 3, 4, 11], [5, 0, 6, UNKNOWN], [1, 2, 3, 4], [7, 7, 8, 9]]
HISTORY_SCENES = [[0, 1, 2, 4], [4, 0, 3, 5], [1, 1, 2, 2], [3, 3, 3, 1]]
NEXT_ITEMS = [[7, 2], [UNKNOWN, 0], [UNKNOWN, 5], [7, 1]]
NEXT_SCENES = [[3, 2], [2, 0], [4, 0], [1, 3]]
BOTH = pytest.mark.parametrize("name", ["contrarec", "scene_contrarec"])
ALL = pytest.mark.parametrize("name", ["contrarec", "scene_contrarec", "scene_ctc"])
CONTRAST = {"weight": 0.3, "temperature": 0.5, "target_temperature": 2.0}


def build(name, **training):
    return recommenders.build(name, **{"questions": ["period"], **training})


def _batch():
    return batch(HISTORY_ITEMS, HISTORY_SCENES, NEXT_ITEMS, NEXT_SCENES)


def _event_states(network, items, scenes):
    """h of histories, by hand up to the encoder."""
    items, scenes = network.latest(tf.constant(items)), network.latest(tf.constant(scenes))
    embedded = network.item_embedding.table.numpy()[items.numpy()]
    valid = items.numpy() != 0
    if network.event is not None:
        embedded = np.concatenate([embedded, network.scene_embedding.table.numpy()[scenes.numpy()]], axis=2)
        embedded = embedded @ network.event.kernel.numpy() + network.event.bias.numpy()
        valid |= scenes.numpy() != 0
    return network.encoder(tf.constant(embedded), tf.constant(valid)).numpy()


def _cross_entropy(scores, targets, size):
    log_softmax = scores - np.log(np.exp(scores).sum())
    known = [target for target in targets if 1 <= target <= size]
    return -np.mean([log_softmax[target - 1] for target in known]) if known else 0.0


@ALL
def test_the_context_target_contrast_is_a_softmax_with_a_temperature(name):
    model = build(name, context_contrast=CONTRAST)
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    network = model.network
    h = _event_states(network, HISTORY_ITEMS, HISTORY_SCENES)
    items = network.item_embedding.table.numpy()[1 : ITEMS + 1]
    scenes = network.scene_embedding.table.numpy()[1 : SCENES + 1]
    scene_map = network.scene_maps["period"]
    o_scene = h @ scene_map.kernel.numpy() + scene_map.bias.numpy()
    for row in range(4):
        expected = _cross_entropy(items @ h[row] / 2.0, NEXT_ITEMS[row], ITEMS)
        np.testing.assert_allclose(terms["item_loss"][row], expected, rtol=1e-4)
        expected = _cross_entropy(scenes @ o_scene[row], NEXT_SCENES[row], SCENES)
        np.testing.assert_allclose(terms["scene_loss"][row], expected, rtol=1e-4)
    assert ("ccc_loss" in terms) is (name != "scene_ctc")


@ALL
def test_the_context_target_contrast_over_drawn_negatives(monkeypatch, name):
    """The temperature divides scores, not what is taken off for how often a negative is drawn."""
    drawn, sampler = [], recommender.SAMPLERS["uniform"]
    monkeypatch.setitem(recommender.SAMPLERS, "uniform", lambda *a: drawn.append(sampler(*a)) or drawn[-1])
    few = {"sampling": "uniform", "number": 5}
    model = build(name, context_contrast={**CONTRAST, "target_temperature": 0.1}, candidates=few)
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    draws = np.repeat(drawn[0].columns.numpy(), drawn[0].counts.numpy().astype(int))
    h = _event_states(model.network, HISTORY_ITEMS, HISTORY_SCENES)
    for row, scores in enumerate(h @ model.network.item_embedding.table.numpy()[1 : ITEMS + 1].T / 0.1):
        targets = [target - 1 for target in NEXT_ITEMS[row] if 1 <= target <= ITEMS]
        others = [column for column in draws if column not in targets]
        partition = np.exp(scores[targets]).sum() + np.exp(scores[others]).sum() * ITEMS / 5
        expected = np.log(partition) - np.mean(scores[targets]) if targets else 0.0
        np.testing.assert_allclose(terms["item_loss"][row], expected, rtol=1e-4, atol=1e-6)


@BOTH
@pytest.mark.parametrize("ties", [False, True])
def test_the_context_context_contrast_draws_own_views_and_those_of_a_shared_next_item_together(monkeypatch, name, ties):
    model = build(name, context_contrast=CONTRAST)
    copies = []
    monkeypatch.setattr(augmentation, "augment", lambda *a: copies.append(augment(*a)) or copies[-1])
    data = _batch()
    if ties:
        data["next_item"] = tf.constant([[2, 7], [UNKNOWN, 2], [UNKNOWN, 5], [7, 0]])
    terms, _ = model.terms(data, tf.constant([3, 4]), tf.GradientTape())

    # A view: items and scenes of the first, then of the second.
    views = [_event_states(model.network, copies[place].numpy(), copies[place + 1].numpy()) for place in (0, 2)]
    views = [view / np.linalg.norm(view, axis=1, keepdims=True) for view in views]
    same = {(0, 3), (3, 0)}  # both go on with item 7; two that go on with unknown items are not alike
    if ties:
        same |= {(0, 1), (1, 0)}  # 2 is among the next items of both
    for row in range(4):
        losses = []
        for view in range(2):
            own = views[view][row]
            others = [(a, views[b][a]) for a in range(4) for b in range(2) if (a, b) != (row, view)]
            total = sum(np.exp(own @ state / 0.5) for _, state in others)
            positives = [state for whose, state in others if whose == row or (row, whose) in same]
            assert len(positives) == 1 + 2 * sum(row == one for one, _ in same) and len(others) == 7
            losses.append(-np.mean([np.log(np.exp(own @ state / 0.5) / total) for state in positives]))
        np.testing.assert_allclose(terms["ccc_loss"][row], np.mean(losses), rtol=1e-3)
    assert model.weights_of_terms["ccc_loss"] == 0.3


@BOTH
def test_a_view_hides_or_moves_the_same_events_of_both_sequences(monkeypatch, name):
    model = build(name, context_contrast=CONTRAST)
    copies = []
    monkeypatch.setattr(augmentation, "augment", lambda *a: copies.append(augment(*a)) or copies[-1])
    # Items and scenes with the same numbers, so that what happened to both can be compared; padding may differ.
    data = batch([[1, 2, 3, 4]] * 8, [[0, 0, 0, 1, 2, 3, 4]] * 8, [[1]] * 8, [[1]] * 8)
    model.terms(data, tf.constant([3, 4]), tf.GradientTape())
    items, scenes, again = (copy.numpy()[:, -4:] for copy in copies[:3])
    np.testing.assert_array_equal(np.where(items == UNKNOWN, -1, items), np.where(scenes == SCENES + 1, -1, scenes))
    assert (items == UNKNOWN).any() and (np.sort(items, 1) == [1, 2, 3, 4]).all(1).any()
    assert (again != items).any()  # the second view is another one


@ALL
def test_scenes_are_attributes_of_events_where_the_name_says_so(name):
    network = build(name).network
    first, second = (network(history(HISTORY_ITEMS, scenes)) for scenes in (HISTORY_SCENES, [[1]] * 4))
    assert np.array_equal(first.items, second.items) is (name == "contrarec")


@ALL
def test_the_total_is_weighed(name):
    logs = {key: float(value) for key, value in build(name, context_contrast=CONTRAST).train_step(_batch()).items()}
    contrast = 0.0 if name == "scene_ctc" else 0.3 * logs["ccc_loss"]
    assert logs["loss"] == pytest.approx(logs["item_loss"] + logs["scene_loss"] + contrast, rel=1e-5)
