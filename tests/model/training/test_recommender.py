"""What every method's training step and validation are made of."""

import numpy as np
import pydantic
import pytest
import tensorflow as tf

from model.config import VALIDATION_METRIC, TrainingConfig
from model.data.batches import prefix_batches
from model.losses.full import LOSSES
from model.methods import METHODS, load
from model.networks.base import Outputs
from tests import recommenders
from tests.recommenders import ITEMS

TRAINED = [name for name, method in METHODS.items() if method.trained]
OWN_TERMS = [
    ("dspnet", "apr_loss", {"adversarial": {"weight": 0.3}}, {"adversarial": {"weight": 0}}),
    ("dspnet", "ccr_loss", {"contrastive": {"weight": 0.3}}, {"contrastive": {"weight": 0}}),
    ("dspnet_minus", "ccr_loss", {"contrastive": {"weight": 0.3}}, {"contrastive": {"weight": 0}}),
    ("contrarec", "ccc_loss", {"context_contrast": {"weight": 0.3}}, {"context_contrast": {"weight": 0}}),
    ("scene_contrarec", "ccc_loss", {"context_contrast": {"weight": 0.3}}, {"context_contrast": {"weight": 0}}),
    ("msdp", "contrast_loss", {"distribution": {"contrast_weight": 0.3}}, {"distribution": {"contrast_weight": 0}}),
]
SEED = [3, 4]


def _batch():
    return recommenders.batch(
        [[0, 3, 4, 11], [0, 0, 5, ITEMS + 1], [1, 2, 3, 4], [0, 0, 0, 0]],
        [[0, 2, 3, 1], [0, 0, 4, 5], [1, 1, 2, 2], [0, 0, 0, 0]],
        [[3, 5, 7], [ITEMS + 1, 1, 2], [5, 6, 8], [9, 3, 1]],
        [[3, 3, 2], [2, 1, 2], [4, 1, 1], [1, 2, 3]],
    )


def _terms(model, batch=None):
    with tf.GradientTape(persistent=True) as tape:
        return model.terms(batch or _batch(), tf.constant(SEED), tape)[0]


def _logged(model):
    return {name: float(value) for name, value in model.train_step(_batch()).items()}


@pytest.mark.parametrize("name", TRAINED)
def test_the_loss_is_the_weighted_sum_of_the_terms(name):
    weights = {"apr_loss": 0.3, "ccr_loss": 0.2, "cloze_loss": 0.4, "ccc_loss": 0.6, "contrast_loss": 0.5}
    model = recommenders.build(
        name,
        scene_weight=0.7,
        adversarial={"weight": 0.3},
        contrastive={"weight": 0.2},
        cloze={"weight": 0.4},
        context_contrast={"weight": 0.6},
        distribution={"contrast_weight": 0.5},
    )
    logs = _logged(model)
    own = sum(weights[term] * logs[term] for term in load(METHODS[name].recommender).own_terms(model.config))
    assert logs["loss"] == pytest.approx(logs["item_loss"] + 0.7 * logs["scene_loss"] + own, rel=1e-5)


@pytest.mark.parametrize(("name", "target"), [*((name, "next") for name in TRAINED), ("sasrec", "prefix")])
def test_without_a_weight_there_is_no_scene_term(name, target):
    """And nothing of scenes alone is trained, though how well they are predicted is still measured."""
    model = recommenders.build(name, scene_weight=0, target=target)
    bias = model.network.scene_head.bias.numpy()
    logs = _logged(model)
    assert "scene_loss" not in logs and logs["loss"] != 0
    np.testing.assert_array_equal(model.network.scene_head.bias.numpy(), bias)
    assert float(model.test_step(_batch())["scene_loss"]) > 0


@pytest.mark.parametrize(("name", "term", "on", "off"), OWN_TERMS)
def test_a_term_of_weight_0_is_left_out(name, term, on, off):
    assert term in _terms(recommenders.build(name, **on))
    assert term not in _logged(recommenders.build(name, **off))


def test_without_its_contrast_contrarec_is_scene_ctc():
    """Both with a softmax, so that one step makes the same network of the same weights."""
    networks = []
    for name in ("scene_contrarec", "scene_ctc"):
        model = recommenders.build(name, context_contrast={"weight": 0})
        model.train_step(_batch())
        networks.append([variable.numpy() for variable in model.network.trainable_variables])
    for first, second in zip(*networks, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("name", "target"), [*((name, "next") for name in TRAINED), ("sasrec", "prefix")])
def test_dropout_is_on_in_training_alone(name, target):
    """Of two passes with the same draws but those of dropout, every term differs; no term of validation does."""
    on = {"contrastive": {"weight": 0.3}, "adversarial": {"weight": 0.3}}
    model = recommenders.build(name, model={"dropout": 0.5}, target=target, distribution={"scales": (1,)}, **on)
    first, second = _terms(model), _terms(model)
    for term, values in first.items():
        assert np.abs(values - second[term]).max() > 1e-4, term
    logs = []
    for _ in range(2):
        model.reset_metrics()
        logs.append({name: float(value) for name, value in model.test_step(_batch()).items()})
    assert logs[0] == logs[1]


@pytest.mark.parametrize("name", TRAINED)
def test_drawn_negatives_reach_every_method(name):
    """So few that the losses over them are far from those over the whole catalogue, and the step is still finite."""
    model = recommenders.build(name, objective="softmax", candidates={"sampling": "uniform", "number": 3})
    whole = recommenders.build(name, objective="softmax")
    for term in set(_terms(model)) & {"item_loss", "cloze_loss"}:
        assert np.abs(_terms(model)[term] - _terms(whole)[term]).max() > 1e-3, term
    assert all(np.isfinite(value) for value in _logged(model).values())


@pytest.mark.parametrize("sampling", ["none", "in_batch"])
def test_gbce_needs_drawn_negatives(sampling):
    with pytest.raises(pydantic.ValidationError, match=f"gbce needs negatives that are drawn.*sampling='{sampling}'"):
        TrainingConfig(objective="gbce", candidates={"sampling": sampling})


@pytest.mark.parametrize("name", ["sasrec", "carca"])
def test_gbce_is_another_loss_where_the_objective_is_configured(name):
    drawn = {"sampling": "uniform", "number": 4}
    losses = [
        _terms(recommenders.build(name, objective=objective, candidates=drawn))["item_loss"].numpy()
        for objective in ("gbce", "bce")
    ]
    assert np.isfinite(losses).all() and np.abs(losses[0] - losses[1]).max() > 1e-3


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", TRAINED)
def test_the_validation_metric_is_ndcg_at_10_of_the_next_items(name, ties):
    """Against ranks from whole score matrices; targets that are not in the catalogue are missed."""
    model = recommenders.build(name, model={"repeat_head": True, "popularity_prior": True})
    for variable in model.network.trainable_variables:
        variable.assign_add(tf.random.stateless_normal(variable.shape, [5, len(variable.name)], stddev=0.3))
    batch = _batch()
    if ties:
        batch["next_item"] = tf.constant([[3, 5, 7], [ITEMS + 1, 1, 0], [5, 0, 0], [9, 3, 1]])
    scores = model(batch, training=False).items.numpy()
    gains = []
    for row, targets in zip(scores, batch["next_item"].numpy().tolist(), strict=True):
        asked = [target for target in targets if target]
        order = np.argsort(-row)[:10].tolist()
        found = sum(1 / np.log2(2 + order.index(target - 1)) for target in asked if target - 1 in order)
        gains.append(found / sum(1 / np.log2(2 + place) for place in range(len(asked))))
    assert sum(gain > 0 for gain in gains) >= 2
    assert float(model.test_step(batch)[VALIDATION_METRIC]) == pytest.approx(np.mean(gains), rel=1e-5)


@pytest.mark.parametrize("name", [name for name in TRAINED if not load(METHODS[name].recommender).has_all_prefixes])
def test_prefixes_are_batches_that_are_cut(name):
    """What a step is given is what follows a place in the history, and its loss is that of such a batch."""
    model = recommenders.build(name, target="prefix", objective="softmax")
    (cut,) = prefix_batches(tf.data.Dataset.from_tensors(_batch()), seed=2, first_step=0)
    terms = _terms(model, cut)
    assert (cut["history_items"].numpy() != _batch()["history_items"].numpy()).any()
    if name != "msdp":  # it draws how much of the future is asked for
        scores = model(cut, training=False).items.numpy()
        target = cut["next_item"].numpy()[:, 0]
        known = target <= ITEMS
        log_share = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        expected = np.where(known, -log_share[np.arange(4), np.where(known, target, 1) - 1], 0)
        np.testing.assert_allclose(terms["item_loss"], expected, atol=1e-4)
    assert all(np.isfinite(term).all() for term in terms.values())


@pytest.mark.parametrize("options", [{}, {"repeat_head": True}])
def test_sasrec_predicts_what_follows_each_event(options):
    """The loss of a sequence is the mean over its events, of which each sees what came before it alone."""
    loss = LOSSES["softmax"]
    model = recommenders.build("sasrec", target="prefix", model=options)
    batch, network = _batch(), model.network
    terms = _terms(model, batch)
    outputs = network.outputs(network.represent(batch["history_items"], None), batch["history_items"])
    last = {
        "item_loss": loss(network.score_items(outputs), batch["future_items"]),
        "scene_loss": loss(network.score_scenes(outputs), batch["future_scenes"]),
    }
    for row in range(4):
        items, scenes = batch["history_items"].numpy()[row], batch["history_scenes"].numpy()[row]
        losses = {term: [float(values[row])] for term, values in last.items()}
        for place in np.flatnonzero(items)[:-1]:
            past = np.where(np.arange(4) <= place, items, 9)  # whatever comes later
            h = network.states(tf.constant([past]), None)[0][:, place - 4]
            inner = Outputs(network.scene_queries(h), h, None)
            for term, scores, target in (
                ("item_loss", network.score_items(inner), items[place + 1]),
                ("scene_loss", network.score_scenes(inner), scenes[place + 1]),
            ):
                losses[term].append(float(loss(scores, tf.constant([[target]]))[0]))
        for term, values in losses.items():
            assert float(terms[term][row]) == pytest.approx(np.mean(values), abs=1e-5), (row, term)
