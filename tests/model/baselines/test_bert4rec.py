"""BERT4Rec: the Cloze task, and the [MASK] at the end that stands for the future."""

import math

import numpy as np
import pytest
import tensorflow as tf

from model.baselines import bert4rec
from model.data.padding import right_align
from model.training import recommender
from tests import recommenders
from tests.recommenders import ITEMS, MODEL, batch, history

MASK = ITEMS + 1
HISTORY_ITEMS = [[0, 3, 4, 11, 2], [5, 0, 0, MASK, 1], [0, 0, 0, 0, 9]]
HISTORY_SCENES = [[0, 1, 2, 1, 1], [4, 0, 0, 5, 1], [0, 0, 0, 0, 2]]
HISTORY = history(HISTORY_ITEMS, HISTORY_SCENES)


def build(*arguments, **training):
    return recommenders.build("bert4rec", *arguments, **{"questions": ["period"], **training})


def _batch(future=((3, 2), (MASK, 1), (5, 0))):
    return batch(HISTORY_ITEMS, HISTORY_SCENES, future, [[3, 1], [2, 0], [4, 1]])


def _scores(network, state):
    """LayerNorm(GELU(h W + b)) . e_k of all items, given h."""
    kernel, bias, gamma, beta = (weight.numpy() for weight in network.projection.weights)
    x = (state @ kernel + bias).astype(np.float64)
    gelu = 0.5 * x * (1 + np.array([math.erf(value / math.sqrt(2)) for value in x]))
    query = gamma * (gelu - gelu.mean()) / np.sqrt(gelu.var() + 1e-6) + beta
    return network.item_embedding.table.numpy()[1 : ITEMS + 1] @ query


def _loss_of(network, state, target):
    scores = _scores(network, state)
    return np.log(np.exp(scores).sum()) - scores[target - 1]


def _in_pieces(monkeypatch, model, data=None):
    """The terms of a step, and the histories that it has masked."""
    masked, original = [], bert4rec.mask
    monkeypatch.setattr(bert4rec, "mask", lambda *a, **k: masked.append(original(*a, **k)) or masked[-1])
    terms, _ = model.terms(data or _batch(), tf.constant([1, 2]), tf.GradientTape())
    return terms, masked[0].numpy()


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_the_cloze_loss_is_the_mean_over_hidden_events(monkeypatch, share):
    model = build(3, cloze={"mask_share": share})
    terms, masked = _in_pieces(monkeypatch, model)
    network, expected = model.network, []
    latest = network.latest(tf.constant(HISTORY_ITEMS)).numpy()
    states = network.states(history(masked)).numpy()
    for row, (was, now) in enumerate(zip(latest, masked, strict=True)):
        places = [place for place in range(len(was)) if was[place] != now[place]]
        losses = [_loss_of(network, states[row, place], was[place]) for place in places]
        expected.append(np.mean(losses) if losses else 0.0)
        events = int((was != 0).sum())
        unknown = int((was == MASK).sum())
        number = max(1, int(np.floor(share * events + 0.5)))
        assert number - unknown <= len(places) <= number
    np.testing.assert_allclose(terms["cloze_loss"], expected, rtol=1e-4)
    assert expected[0] > 0 and expected[2] > 0  # a history of one event has a blank, too


def test_hidden_events_are_compared_with_drawn_items(monkeypatch):
    """With themselves and the draws, each of which stands for as many items as there are to a draw; copies are no help:
    what is hidden would be copied from the history that it is hidden in."""
    drawn, sampler = [], recommender.SAMPLERS["uniform"]
    monkeypatch.setitem(recommender.SAMPLERS, "uniform", lambda *a: drawn.append(sampler(*a)) or drawn[-1])
    few = {"sampling": "uniform", "number": 5}
    model = build(3, {"repeat_head": True}, cloze={"mask_share": 0.6}, candidates=few)
    terms, masked = _in_pieces(monkeypatch, model)
    negatives, other = drawn  # for either prediction, and the same
    np.testing.assert_array_equal(negatives.columns, other.columns)
    draws = np.repeat(negatives.columns.numpy(), negatives.counts.numpy().astype(int))
    assert len(draws) == 5
    latest = model.network.latest(tf.constant(HISTORY_ITEMS)).numpy()
    states = model.network.states(history(masked)).numpy()
    for row in range(3):
        losses = []
        for place in np.flatnonzero(latest[row] != masked[row]):
            scores, target = _scores(model.network, states[row, place]), latest[row, place] - 1
            others = np.exp(scores[draws[draws != target]]).sum() * ITEMS / 5
            losses.append(np.log(np.exp(scores[target]) + others) - scores[target])
        np.testing.assert_allclose(terms["cloze_loss"][row], np.mean(losses), rtol=1e-4)


def test_only_events_that_are_read_are_hidden(monkeypatch):
    """Of a history longer than what is read, the latest; one without events has no blank, and no loss."""
    longest = MODEL["max_length"]
    events = [list(range(1, longest + 4)), [0] * (longest + 3)]
    data = batch(events, [[1] * (longest + 3)] * 2, [[3], [4]], [[1], [2]])
    model = build(2, cloze={"mask_share": 0.5})
    terms, masked = _in_pieces(monkeypatch, model, data)
    assert masked.shape == (2, longest) and (masked[0] == MASK).sum() == longest // 2 and not masked[1].any()
    kept = masked[0] != MASK
    np.testing.assert_array_equal(masked[0][kept], np.array(events[0][3:])[kept])
    assert terms["cloze_loss"][0] > 0 and terms["cloze_loss"][1] == 0 and terms["item_loss"][1] > 0


def test_a_mask_at_the_end_predicts_the_future():
    model = build(3)
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    network = model.network
    # The same by hand: the history with one more event, of the item [MASK], that nothing hides.
    longer = tf.concat([tf.constant(HISTORY_ITEMS), tf.fill([3, 1], MASK)], axis=1)
    items = right_align(longer, network.config.max_length + 1)
    embedded = network.item_embedding(items)
    h = network.encoder.states(embedded, items != 0).numpy()[:, -1]
    for row, targets in enumerate([[3, 2], [1], [5]]):  # an item outside the catalogue is nobody's target
        expected = np.mean([_loss_of(network, h[row], target) for target in targets])
        np.testing.assert_allclose(terms["item_loss"][row], expected, rtol=1e-4)


def test_hidden_events_do_not_see_the_mask_at_the_end():
    network = build(3).network
    states = network.states(HISTORY).numpy()
    items = network.latest(tf.constant(HISTORY_ITEMS))
    # Positions are counted from the end, where [MASK] has the first: without it they are shifted by one.
    positions = network.encoder.positions
    embedded = network.item_embedding(items) + positions[-1 - items.shape[1] : -1] - positions[-items.shape[1] :]
    np.testing.assert_allclose(states, network.encoder.states(embedded, items != 0), rtol=1e-4, atol=1e-5)


def test_hidden_events_see_what_comes_after_them():
    network = build(3).network
    before, after = (network.states(history([[3, MASK, last]])).numpy() for last in (5, 9))
    assert np.abs(before[:, 1] - after[:, 1]).max() > 1e-3


def test_scenes_say_nothing():
    network = build(3).network
    first, second = (network(history(HISTORY_ITEMS, scenes)) for scenes in (HISTORY_SCENES, [[1]] * 3))
    np.testing.assert_array_equal(first.items, second.items)


def test_the_cloze_task_is_weighed():
    logs = {k: float(v) for k, v in build(3, cloze={"weight": 0.3}).train_step(_batch()).items()}
    total = logs["item_loss"] + logs["scene_loss"] + 0.3 * logs["cloze_loss"]
    assert logs["loss"] == pytest.approx(total, rel=1e-5)
