"""CARCA: what a candidate is, and the loss over few candidates and over all."""

import numpy as np
import pytest
import tensorflow as tf

from model.baselines.carca import CrossAttentionScorer
from model.data.history import align
from model.networks.clock import fill_now
from model.training import recommender
from tests import recommenders
from tests.recommenders import ITEMS, MODEL, SCENES, batch, history

UNKNOWN = ITEMS + 1
HISTORY_ITEMS = [[0, 3, 4, 11], [5, 0, 6, UNKNOWN], [1, 2, 3, 4]]
HISTORY_SCENES = [[0, 1, 2, 4], [4, 0, 3, 5], [1, 1, 2, 2]]
NEXT_ITEMS = [[7, 3], [UNKNOWN, 0], [5, 0]]
HISTORY = history(HISTORY_ITEMS, HISTORY_SCENES)


def build(*arguments, **training):
    return recommenders.build("carca", *arguments, **{"questions": ["period"], **training})


def _batch():
    return batch(HISTORY_ITEMS, HISTORY_SCENES, NEXT_ITEMS, [[3, 2], [2, 0], [4, 0]])


def _all_scores(network):
    """Scores of all items from the parts of the network, candidates by hand: a normalised event of an unknown scene.

    What is copied from the history, if anything, is mixed in as `model.networks.copy_head` says.
    """
    items, scenes = network.item_embedding.table.numpy(), network.scene_embedding.table.numpy()
    pairs = np.concatenate([items[1 : ITEMS + 1], np.repeat(scenes[SCENES + 1 :], ITEMS, axis=0)], axis=1)
    events = pairs @ network.event.kernel.numpy() + network.event.bias.numpy()
    candidates = (events - events.mean(1, keepdims=True)) / np.sqrt(events.var(1, keepdims=True) + 1e-6)
    known = network.represent(HISTORY)
    scores = network.attention(known.events, tf.constant(candidates)).numpy()
    repeat = network.heads["period"].repeat_head
    if repeat is not None:
        given = _batch()
        timed = HISTORY._replace(times=given["history_times"], now=given["cutoff"])
        for row, column, value in zip(*repeat(fill_now(align(timed)), known.h_item), strict=True):
            scores[row, column] = np.log(np.exp(scores[row, column]) + np.exp(value))
    return scores


def test_a_candidate_is_an_item_in_an_unknown_scene():
    network = build().network
    scores = network(HISTORY)
    np.testing.assert_allclose(scores.items, _all_scores(network), rtol=1e-4, atol=1e-5)
    other = network(history(HISTORY_ITEMS, [[1]] * 3))
    assert np.abs(other.items - scores.items).max() > 1e-2


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("options", [{}, {"repeat_head": True}])
@pytest.mark.parametrize("objective", ["bce", "softmax"])
def test_over_the_whole_catalogue(objective, options):
    model = build(3, options, objective=objective)
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    for row, scores in enumerate(_all_scores(model.network).astype(float)):
        targets = [target - 1 for target in NEXT_ITEMS[row] if 1 <= target <= ITEMS]
        if objective == "bce":
            wanted = np.isin(np.arange(ITEMS), targets)
            expected = -np.mean(np.where(wanted, np.log(_sigmoid(scores)), np.log(1 - _sigmoid(scores))))
        else:
            expected = np.log(np.exp(scores).sum()) - np.mean(scores[targets]) if targets else 0.0
        np.testing.assert_allclose(terms["item_loss"][row], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("objective", ["bce", "softmax"])
def test_validation_is_over_the_whole_catalogue_where_training_is(objective):
    model = build(3, objective=objective)
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    measured = float(model.test_step(_batch())["item_loss"])
    assert measured == pytest.approx(np.mean(terms["item_loss"]), rel=1e-5)


def test_all_candidates_are_alike_to_a_history_without_events():
    """Nothing but biases tells them apart, and the step that learns them is finite."""
    model = build(2, {"popularity_prior": True}, objective="softmax")
    data = batch([[0, 0], [3, 4]], [[0, 0], [1, 2]], [[7], [5]], [[3], [4]])
    model.network.attention.value.bias.assign(np.arange(MODEL["item_dim"]))  # as which padding would be read
    scores = model(data).items.numpy()
    bias = model.network.heads["period"].item_bias.numpy()
    np.testing.assert_allclose(scores[0] - scores[0, 0], bias - bias[0], atol=1e-5)
    assert np.ptp(scores[1] - bias) > 1e-2
    assert all(np.isfinite(value) for value in model.train_step(data).values())
    assert all(np.isfinite(variable).all() for variable in model.network.trainable_variables)


@pytest.mark.parametrize("options", [{}, {"repeat_head": True}])
@pytest.mark.parametrize("objective", ["bce", "gbce", "softmax"])
def test_over_drawn_negatives(monkeypatch, objective, options):
    drawn, sampler = [], recommender.SAMPLERS["uniform"]
    monkeypatch.setitem(recommender.SAMPLERS, "uniform", lambda *a: drawn.append(sampler(*a)) or drawn[-1])
    candidates = {"sampling": "uniform", "number": 6}
    model = build(3, options, objective=objective, gbce_calibration=0.3, candidates=candidates)
    terms, _ = model.terms(_batch(), tf.constant([1, 2]), tf.GradientTape())
    power = 1 - 0.3 * (1 - 6 / (ITEMS - 1)) if objective == "gbce" else 1
    draws = np.repeat(drawn[0].columns.numpy(), drawn[0].counts.numpy().astype(int))
    assert len(draws) == 6
    for row, scores in enumerate(_all_scores(model.network).astype(float)):
        targets = [target - 1 for target in NEXT_ITEMS[row] if 1 <= target <= ITEMS]
        negatives = [column for column in draws if column not in targets]
        if objective in ("bce", "gbce"):
            logs = [*power * np.log(_sigmoid(scores[targets])), *np.log(1 - _sigmoid(scores[negatives]))]
            expected = -np.mean(logs)
        else:
            # Each negative stands for as many as there are to a draw.
            partition = np.exp(scores[targets]).sum() + np.exp(scores[negatives]).sum() * ITEMS / 6
            expected = np.log(partition) - np.mean(scores[targets]) if targets else 0.0
        np.testing.assert_allclose(terms["item_loss"][row], expected, rtol=1e-4, atol=1e-6)


def test_validation_compares_what_training_does():
    """Else it would need the memory that training is spared."""
    model = build(3, candidates={"sampling": "uniform", "number": 6})
    wide, columns = [], CrossAttentionScorer.columns

    def record(scorer, queries, chosen):
        wide.append(int(tf.size(chosen)))
        return columns(scorer, queries, chosen)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CrossAttentionScorer, "columns", record)
        outputs = model.network.outputs(model.network.represent(HISTORY), HISTORY, "period")
        model.validation_item_loss(outputs, "period", _batch()["future_items"])
    assert wide and max(wide) <= 6
