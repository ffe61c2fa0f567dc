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


BOTH = ("next", "period")
WINDOWS = ("first_2_events", "first_1_days")
QUESTIONS = pytest.mark.parametrize(
    ("name", "questions"),
    [*((name, BOTH) for name in TRAINED), ("msdp", ("next",)), ("sasrec", ("prefix",)), ("dspnet", WINDOWS)],
)


@QUESTIONS
def test_without_a_weight_there_is_no_scene_term(name, questions):
    """And nothing of scenes alone is trained, though how well they are predicted is still measured."""
    model = recommenders.build(name, scene_weight=0, questions=questions)
    biases = [model.network.scene_maps[question].bias for question in questions]
    before = [bias.numpy() for bias in biases]
    logs = _logged(model)
    assert "scene_loss" not in logs and logs["loss"] != 0
    np.testing.assert_array_equal([bias.numpy() for bias in biases], before)
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


@QUESTIONS
def test_dropout_is_on_in_training_alone(name, questions):
    """Of two passes with the same draws but those of dropout, every term differs; no term of validation does."""
    on = {"contrastive": {"weight": 0.3}, "adversarial": {"weight": 0.3}, "distribution": {"scales": (1,)}}
    model = recommenders.build(name, model={"dropout": 0.5}, questions=questions, **on)
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
    terms, whole = _terms(model), _terms(recommenders.build(name, objective="softmax"))
    for term in set(terms) & {"item_loss", "cloze_loss"}:
        assert np.abs(terms[term] - whole[term]).max() > 1e-3, term
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


def _ndcg_at_10(scores, targets):
    """NDCG@10 of each row, from whole score matrices; targets that are not in the catalogue are missed."""
    gains = []
    for row, asked in zip(scores, targets, strict=True):
        asked = [target for target in asked if target]
        order = [k for k in np.argsort(-row)[:10].tolist() if row[k] > -np.inf]
        found = sum(1 / np.log2(2 + order.index(target - 1)) for target in asked if target - 1 in order)
        gains.append(found / sum(1 / np.log2(2 + place) for place in range(len(asked))))
    return gains


@pytest.mark.parametrize(
    ("name", "questions", "repeats"),
    [
        *((name, BOTH, 1.0) for name in TRAINED),
        ("dspnet", BOTH[::-1], 1.0),
        *(("sasrec", (question,), 1.0) for question in (*BOTH, "prefix")),
        ("dspnet", BOTH, 0.0),
        ("carca", BOTH, 0.0),
    ],
)
def test_the_validation_metric_is_the_mean_ndcg_at_10_of_both_lists(name, questions, repeats):
    """Of the next items and of the period's, by the question that answers for each, whatever was trained on.

    Where nothing comes again the history is left out of both, as it is when the model is served.
    """
    heads = {"repeat_head": True, "popularity_prior": True, "scene_head": True}
    model = recommenders.build(name, model=heads, questions=questions, repeats=repeats)
    for variable in model.network.trainable_variables:
        variable.assign_add(tf.random.stateless_normal(variable.shape, [5, len(variable.name)], stddev=0.3))
    batch = _batch()
    batch["next_item"] = tf.constant([[3, 5, 0], [ITEMS + 1, 1, 0], [5, 0, 0], [9, 0, 0]])
    history, gains = model.read_history(batch), []
    for wanted, targets in (("next", "next_item"), ("period", "future_items")):
        scores = model.network(history, wanted if wanted in questions else questions[0], training=False)
        gains.append(_ndcg_at_10(scores.items.numpy(), batch[targets].numpy().tolist()))
    assert np.count_nonzero(gains) >= 4 and gains[0] != gains[1]
    assert float(model.test_step(batch)[VALIDATION_METRIC]) == pytest.approx(np.mean(gains), rel=1e-5)


@pytest.mark.parametrize("objective", ["bce", "softmax"])
@pytest.mark.parametrize("name", ["dspnet", "scene_contrarec", "carca", "sasrec"])
def test_losses_are_means_over_questions_of_the_losses_of_each(name, objective):
    """In training and in validation, with every head, each question asked about its own targets."""
    heads = {"repeat_head": True, "popularity_prior": True, "scene_head": True}
    model = recommenders.build(name, model=heads, objective=objective, event_mask=0.0)
    network, batch, loss = model.network, _batch(), LOSSES[model.whole_objective]
    batch["next_scene"] = tf.constant([[3, 2], [2, 0], [4, 0], [1, 0]])
    expected = {"item_loss": [], "scene_loss": []}
    for question, items, scenes in (
        ("next", "next_item", "next_scene"),
        ("period", "future_items", "future_scenes"),
    ):
        scores = network(model.read_history(batch), question)
        expected["item_loss"].append(loss(scores.items, batch[items]))
        expected["scene_loss"].append(loss(scores.scenes, batch[scenes]))
    terms, measured = _terms(model, batch), model.test_step(batch)
    for term, values in expected.items():
        assert np.abs(values[0] - values[1]).max() > 1e-3
        np.testing.assert_allclose(terms[term], np.mean(values, axis=0), rtol=1e-4, atol=1e-6)
        assert float(measured[term]) == pytest.approx(np.mean(values), rel=1e-4)


@pytest.mark.parametrize("name", [name for name in TRAINED if not load(METHODS[name].recommender).has_all_prefixes])
def test_prefixes_are_batches_that_are_cut(name):
    """What a step is given is what follows a place in the history, and its loss is that of such a batch."""
    model = recommenders.build(name, questions=["prefix"], objective="softmax", event_mask=0.0)
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
    model = recommenders.build("sasrec", questions=["prefix"], model=options)
    batch, network = _batch(), model.network
    terms, history = _terms(model, batch), model.read_history(batch)
    outputs = network.outputs(network.represent(history), history, "prefix")
    last = {
        "item_loss": loss(network.score_items(outputs, "prefix"), batch["next_item"]),
        "scene_loss": loss(network.score_scenes(outputs, "prefix"), batch["next_scene"]),
    }
    for row in range(4):
        items, scenes = history.items.numpy()[row], history.scenes.numpy()[row]
        losses = {term: [float(values[row])] for term, values in last.items()}
        for place in np.flatnonzero(items)[:-1]:
            past = np.where(np.arange(4) <= place, items, 9)  # whatever comes later
            h = network.states(recommenders.history([past]))[:, place - 4]
            inner = Outputs(network.scene_queries(h, "prefix"), h)
            for term, scores, target in (
                ("item_loss", network.score_items(inner, "prefix"), items[place + 1]),
                ("scene_loss", network.score_scenes(inner, "prefix"), scenes[place + 1]),
            ):
                losses[term].append(float(loss(scores, tf.constant([[target]]))[0]))
        for term, values in losses.items():
            assert float(terms[term][row]) == pytest.approx(np.mean(values), abs=1e-5), (row, term)
