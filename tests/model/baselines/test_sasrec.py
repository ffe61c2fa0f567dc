"""SASRec: what follows each event, in one causal pass; and gBCE."""

import numpy as np
import pytest
import tensorflow as tf

from model.training import recommender
from tests import recommenders
from tests.recommenders import ITEMS, batch, history

UNKNOWN = ITEMS + 1
HISTORY_ITEMS = [[0, 3, 4, 11, 2], [5, 0, 6, UNKNOWN, 1], [0, 0, 0, 0, 9]]
HISTORY_SCENES = [[0, 1, 2, 1, 4], [4, 0, 3, 5, 1], [0, 0, 0, 0, 2]]
NEXT = [[7], [UNKNOWN], [5]]
HISTORY = history(HISTORY_ITEMS, HISTORY_SCENES)


def build(question="period", **training):
    return recommenders.build("sasrec", 3, questions=[question], **training)


def _batch():
    return batch(HISTORY_ITEMS, HISTORY_SCENES, NEXT, [[3], [2], [4]])


def test_an_event_does_not_see_later_ones():
    network = build().network
    before = network.states(history([[3, 4, 5, 6]]))
    after = network.states(history([[3, 4, 9, 8]]))
    np.testing.assert_allclose(before[:, :2], after[:, :2], atol=1e-6)
    assert np.abs(before[:, 2:] - after[:, 2:]).max() > 1e-3


def _log_softmax(scores):
    return scores - np.log(np.exp(scores).sum())


def test_with_prefixes_the_loss_is_the_mean_over_all_events():
    model = build("prefix", objective="softmax")
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    network = model.network
    items, scenes = network.item_embedding.table.numpy()[1:13], network.scene_embedding.table.numpy()[1:5]
    scene_map = network.scene_maps["prefix"]
    for row, next_item, next_scene in zip(range(3), [7, UNKNOWN, 5], [3, 2, 4], strict=True):
        events = [item for item in HISTORY_ITEMS[row] if item]
        places = [scene for scene in HISTORY_SCENES[row] if scene]
        by_item, by_scene = [], []
        for cut in range(1, len(events) + 1):
            # Later events are others: none of them may matter. Their number does, as places are counted from the end.
            padded = events[:cut] + [events[-1]] * (len(events) - cut)
            states = network.states(history([padded]))
            h = states.numpy()[0, cut - 1 - len(events)]
            following = [*events, next_item][cut]
            by_item.append(-_log_softmax(items @ h)[following - 1] if following <= ITEMS else 0.0)
            scene = [*places, next_scene][cut]
            by_scene.append(-_log_softmax(scenes @ (h @ scene_map.kernel.numpy() + scene_map.bias.numpy()))[scene - 1]
                            if scene <= 4 else 0.0)  # fmt: skip
        np.testing.assert_allclose(terms["item_loss"][row], np.mean(by_item), rtol=1e-4)
        np.testing.assert_allclose(terms["scene_loss"][row], np.mean(by_scene), rtol=1e-4)


def test_the_last_event_of_a_time_predicts_all_of_the_next_one():
    times = [[0, 1, 1, 2, 2], [1, 0, 2, 2, 2], [0, 0, 0, 0, 5]]
    future_times = [[9, 9, 10], [9, 10, 10], [9, 9, 9]]
    future, future_scenes = [[7, 3, 1], [UNKNOWN, 2, 3], [5, 5, 6]], [[3, 3, 1], [2, 4, 4], [4, 1, 4]]
    data = batch(HISTORY_ITEMS, HISTORY_SCENES, future, future_scenes, times, future_times)
    model = build("prefix", objective="softmax")
    terms, _ = model.terms(data, tf.constant([1, 2]), tf.GradientTape())
    network = model.network
    items, scenes = network.item_embedding.table.numpy()[1:13], network.scene_embedding.table.numpy()[1:5]
    scene_map, states = network.scene_maps["prefix"], network.states(HISTORY).numpy()[:, -5:]
    for row in range(3):
        columns = times[row], HISTORY_ITEMS[row], HISTORY_SCENES[row]
        events = [event for event in zip(*columns, strict=True) if event[0]]
        later = list(zip(future_times[row], future[row], future_scenes[row], strict=True))
        right_aligned = 5 - len(events)
        by_item, by_scene = [], []
        for time in sorted({event[0] for event in events}):
            following = [event for event in events + later if event[0] > time]
            following = [event for event in following if event[0] == min(following)[0]]
            place = right_aligned + max(n for n, event in enumerate(events) if event[0] == time)
            h = states[row, place]
            asked = {item for _, item, _ in following if item <= ITEMS}
            by_item.append(-np.mean([_log_softmax(items @ h)[item - 1] for item in asked]) if asked else 0.0)
            asked = {scene for _, _, scene in following if scene <= 4}
            log_share = _log_softmax(scenes @ (h @ scene_map.kernel.numpy() + scene_map.bias.numpy()))
            by_scene.append(-np.mean([log_share[scene - 1] for scene in asked]) if asked else 0.0)
        np.testing.assert_allclose(terms["item_loss"][row], np.mean(by_item), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(terms["scene_loss"][row], np.mean(by_scene), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("question", ["next", "period"])
def test_else_the_last_event_alone_predicts(question):
    model = build(question, objective="softmax")
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    states = model.network.states(HISTORY)
    table = model.network.item_embedding.table.numpy()[1:13]
    expected = [-_log_softmax(table @ h)[target - 1] for h, target in zip(states.numpy()[::2, -1], (7, 5), strict=True)]
    np.testing.assert_allclose(terms["item_loss"].numpy()[::2], expected, rtol=1e-4)
    assert float(terms["item_loss"][1]) == 0  # its next item is in no catalogue


@pytest.mark.parametrize("calibration", [0.0, 0.75, 1.0])
def test_gbce_is_that_of_gsasrec(monkeypatch, calibration):
    """-(beta log sigma(s+) + sum log(1 - sigma(s-))), beta = alpha (t (1 - 1/alpha) + 1/alpha), alpha = K / (N - 1)."""
    drawn = []

    def record(*arguments):
        drawn.append(sampler(*arguments))
        return drawn[-1]

    sampler = recommender.SAMPLERS["uniform"]
    monkeypatch.setitem(recommender.SAMPLERS, "uniform", record)
    candidates = {"sampling": "uniform", "number": 5}
    model = build("next", objective="gbce", gbce_calibration=calibration, candidates=candidates)
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    states = model.network.states(HISTORY)
    table, h = model.network.item_embedding.table.numpy()[1:13], states.numpy()[:, -1]
    alpha = 5 / (ITEMS - 1)
    beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)
    draws = np.repeat(drawn[0].columns.numpy(), drawn[0].counts.numpy().astype(int))
    assert len(draws) == 5
    for row, target in ((0, 7), (2, 5)):
        scores = table @ h[row]
        negatives = [column for column in draws if column != target - 1]
        total = -beta * _log_sigmoid(scores[target - 1]) - sum(_log_sigmoid(-scores[column]) for column in negatives)
        np.testing.assert_allclose(terms["item_loss"][row], total / (1 + len(negatives)), rtol=1e-4)


@pytest.mark.parametrize("calibration", [0.0, 0.75])
def test_with_prefixes_every_event_is_compared_with_the_same_draws(monkeypatch, calibration):
    drawn, sampler = [], recommender.SAMPLERS["uniform"]
    monkeypatch.setitem(recommender.SAMPLERS, "uniform", lambda *a: drawn.append(sampler(*a)) or drawn[-1])
    few = {"sampling": "uniform", "number": 5}
    model = build("prefix", objective="gbce", gbce_calibration=calibration, candidates=few)
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    negatives, other = drawn  # for the last event and for earlier ones
    np.testing.assert_array_equal(negatives.columns, other.columns)
    draws = np.repeat(negatives.columns.numpy(), negatives.counts.numpy().astype(int))
    states, items = model.network.states(HISTORY).numpy(), model.network.aligned(HISTORY).items.numpy()
    table = model.network.item_embedding.table.numpy()[1:13]
    power = 1 - calibration * (1 - 5 / (ITEMS - 1))
    for row in range(3):
        events, losses = np.flatnonzero(items[row]), []
        for place, target in zip(events, [*items[row][events[1:]], NEXT[row][0]], strict=True):
            scores = table @ states[row, place]
            at_draws = [_log_sigmoid(-scores[column]) for column in draws if column != target - 1]
            known = [power * _log_sigmoid(scores[target - 1])] if target <= ITEMS else []  # unknown: the draws alone
            losses.append(-np.mean([*known, *at_draws]))
        np.testing.assert_allclose(terms["item_loss"][row], np.mean(losses), rtol=1e-4)


def _log_sigmoid(x: float) -> float:
    return -np.log(1 + np.exp(-x))
