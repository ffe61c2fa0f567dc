"""MSDP: what a window of the future asks, and how alike a masked copy is."""

import math

import numpy as np
import pytest
import tensorflow as tf

from model.baselines import msdp
from model.baselines.msdp import WHOLE, MSDPNetwork, draw_scales, list_scales, siamese_loss
from model.config import TrainingConfig
from model.training import recommender
from tests import recommenders
from tests.recommenders import ITEMS, batch, history

HISTORY_ITEMS = [[0, 3, 4, 11], [5, 0, 0, 13], [1, 2, 3, 4]]
HISTORY_SCENES = [[0, 1, 2, 1], [4, 0, 0, 5], [1, 1, 2, 2]]
# An item chosen twice weighs twice; 13 is in no catalogue.
FUTURE_ITEMS = [[3, 3, 7, 2], [13, 1, 0, 0], [5, 6, 13, 5]]
FUTURE_SCENES = [[3, 1, 1, 2], [2, 4, 0, 0], [4, 4, 1, 3]]


HISTORY = history(HISTORY_ITEMS, HISTORY_SCENES)


def build(question="period", **training):
    return recommenders.build("msdp", 3, questions=[question], **training)


def _batch():
    return batch(HISTORY_ITEMS, HISTORY_SCENES, FUTURE_ITEMS, FUTURE_SCENES)


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def _cross_entropy_to_window(scores: np.ndarray, future: list[list[int]], sizes: list[int], known: int) -> list[float]:
    """Minus the mean log probability of the events of each window that are in the catalogue, event by event."""
    losses = []
    for row, events, size in zip(_log_softmax(scores), future, sizes, strict=True):
        asked = [event for event in events[:size] if 1 <= event <= known]
        losses.append(-sum(row[event - 1] for event in asked) / len(asked) if asked else 0.0)
    return losses


@pytest.mark.parametrize("sizes", [[1, 2, 4], [2, 1, 3], [4, 4, 1]])
def test_the_loss_of_a_window_is_the_cross_entropy_to_its_distribution(monkeypatch, sizes):
    model = build(distribution={"scales": (1, 2, 3, 4), "contrast_weight": 0.0})
    places = [size - 1 for size in sizes]
    monkeypatch.setattr(msdp, "draw_scales", lambda scales, number, seed: tf.constant(places))
    data = _batch()
    terms, _ = model.terms(data, tf.constant([1, 2]), tf.GradientTape())

    network = model.network
    prompts = network.prompts.numpy()[places]
    h = network.encode(HISTORY, tf.constant(prompts)).numpy()
    item_scores = h @ network.item_embedding.table.numpy()[1 : ITEMS + 1].T
    np.testing.assert_allclose(
        terms["item_loss"], _cross_entropy_to_window(item_scores, FUTURE_ITEMS, sizes, ITEMS), rtol=1e-4, atol=1e-6
    )
    scene_map = network.scene_maps["period"]
    scene_scores = (h @ scene_map.kernel.numpy() + scene_map.bias.numpy()) @ network.scene_embedding.table.numpy()[
        1:5
    ].T
    np.testing.assert_allclose(
        terms["scene_loss"], _cross_entropy_to_window(scene_scores, FUTURE_SCENES, sizes, 4), rtol=1e-4, atol=1e-6
    )
    assert set(terms) == {"item_loss", "scene_loss"}


def test_a_window_parts_no_events_at_one_time(monkeypatch):
    model = build(distribution={"scales": (1,), "contrast_weight": 0.0})
    monkeypatch.setattr(msdp, "draw_scales", lambda scales, number, seed: tf.constant([0, 0, 0]))
    times = [[7, 7, 7, 8], [7, 8, 0, 0], [7, 7, 8, 8]]
    data = batch(HISTORY_ITEMS, HISTORY_SCENES, FUTURE_ITEMS, FUTURE_SCENES, future_times=times)
    terms, _ = model.terms(data, tf.constant([1, 2]), tf.GradientTape())
    network = model.network
    h = network.encode(HISTORY, tf.gather(network.prompts, [0, 0, 0])).numpy()
    scores = h @ network.item_embedding.table.numpy()[1 : ITEMS + 1].T
    expected = _cross_entropy_to_window(scores, FUTURE_ITEMS, [3, 1, 2], ITEMS)
    np.testing.assert_allclose(terms["item_loss"], expected, rtol=1e-4, atol=1e-6)


def test_over_drawn_negatives_an_item_chosen_twice_is_one_candidate(monkeypatch):
    """It weighs twice in the mean of the targets, but stands once below the fraction."""
    drawn, sampler = [], recommender.SAMPLERS["uniform"]
    monkeypatch.setitem(recommender.SAMPLERS, "uniform", lambda *a: drawn.append(sampler(*a)) or drawn[-1])
    monkeypatch.setattr(msdp, "draw_scales", lambda scales, number, seed: tf.constant([0, 0, 0]))
    few = {"sampling": "uniform", "number": 5}
    model = build(distribution={"scales": (4,), "contrast_weight": 0.0}, candidates=few)
    data, network = _batch(), model.network
    terms, _ = model.terms(data, tf.constant([1, 2]), tf.GradientTape())
    draws = np.repeat(drawn[0].columns.numpy(), drawn[0].counts.numpy().astype(int))
    prompts = tf.gather(network.prompts, [0, 0, 0])
    h = network.encode(HISTORY, prompts).numpy()
    for row, scores in enumerate(h @ network.item_embedding.table.numpy()[1 : ITEMS + 1].T):
        events = [event - 1 for event in FUTURE_ITEMS[row] if 1 <= event <= ITEMS]
        others = [column for column in draws if column not in events]
        partition = np.exp(scores[sorted(set(events))]).sum() + np.exp(scores[others]).sum() * ITEMS / 5
        np.testing.assert_allclose(terms["item_loss"][row], np.log(partition) - np.mean(scores[events]), rtol=1e-4)


def _numpy_siamese(a, b, of_a, of_b):
    def cosine(left, right):
        return (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)

    return -(cosine(of_a, b) + cosine(of_b, a)) / 2


def test_the_contrast_is_simsiam_between_a_sequence_and_its_masked_copy(monkeypatch):
    share = 0.5
    model = build(distribution={"scales": (1,), "contrast_weight": 0.3, "mask_share": share})
    masked = []

    def record(*arguments, **options):
        masked.append(original(*arguments, **options))
        return masked[-1]

    original = msdp.mask
    monkeypatch.setattr(msdp, "mask", record)
    monkeypatch.setattr(msdp, "draw_scales", lambda scales, number, seed: tf.constant([0, 1, 0]))
    data = _batch()
    terms, _ = model.terms(data, tf.constant([1, 2]), tf.GradientTape())

    (copy,) = masked
    # Half of 3, 2 and 4 events; [MASK] is the index of unknown items, which one event is already.
    hidden = (copy.numpy() == ITEMS + 1).sum(1)
    assert [*hidden] in ([2, 2, 2], [2, 1, 2])
    prompts = tf.gather(model.network.prompts, [0, 1, 0])
    a, b = (model.network.encode(history(items), prompts).numpy() for items in (HISTORY_ITEMS, copy))
    first, second = model.predictor.layers

    def predicted(h):
        inner = h @ first.kernel.numpy() + first.bias.numpy()
        gelu = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / np.sqrt(2)))
        return gelu @ second.kernel.numpy() + second.bias.numpy()

    np.testing.assert_allclose(terms["contrast_loss"], _numpy_siamese(a, b, predicted(a), predicted(b)), rtol=1e-4)
    assert model.weights_of_terms["contrast_loss"] == 0.3


def test_the_contrast_teaches_through_the_predictor_alone():
    rng = np.random.default_rng(0)
    a, b, of_a, of_b = (tf.Variable(rng.normal(size=[4, 3]).astype(np.float32)) for _ in range(4))
    with tf.GradientTape() as tape:
        loss = siamese_loss(a, b, of_a, of_b)
    gradients = tape.gradient(loss, [a, b, of_a, of_b], unconnected_gradients="zero")
    assert not gradients[0].numpy().any() and not gradients[1].numpy().any()
    assert gradients[2].numpy().any() and gradients[3].numpy().any()
    np.testing.assert_allclose(loss, _numpy_siamese(*(x.numpy() for x in (a, b, of_a, of_b))), rtol=1e-5)
    np.testing.assert_allclose(siamese_loss(a, a, a, a), -1.0, rtol=1e-6)


@pytest.mark.parametrize("scales", [(5,), (1, 10), (1, 5, 20, 100)])
def test_scales_are_drawn_alike(scales):
    drawn = draw_scales(scales, tf.constant(20_000), tf.constant([1, 2])).numpy()
    shares = np.bincount(drawn, minlength=len(scales)) / 20_000
    assert len(shares) == len(scales)
    np.testing.assert_allclose(shares, 1 / len(scales), atol=0.015)


def test_the_seed_decides_the_scales():
    first, again, other = (draw_scales((1, 5, 20), tf.constant(50), tf.constant([1, n])).numpy() for n in (2, 2, 3))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("next", 1),
        ("prefix", 1),
        ("first_4_events", 4),
        ("first_3_events", 3),
        ("first_9_days", WHOLE),
        ("period", WHOLE),
    ],
)
def test_users_are_asked_about_the_window_of_the_question(question, asked):
    training = {"distribution": {"scales": (4, 1)}}
    scales, places = list_scales(TrainingConfig(questions=(question,), **training))
    assert scales == sorted({1, 4, asked, WHOLE}) and scales[places[question]] == asked
    network = build(question=question, **training).network
    assert isinstance(network, MSDPNetwork)
    expected = network.encode(HISTORY, tf.gather(network.prompts, [places[question]] * 3))
    np.testing.assert_array_equal(network.represent(HISTORY)[question].z_item, expected)


def _scores_of(model, question, place):
    """Scores of items and scenes in answer to one of two questions, by the prompt of a window, float [3, N] each."""
    network = model.network
    h = network.encode(HISTORY, tf.gather(network.prompts, [place] * 3)).numpy()
    queries = [h @ maps[question].kernel.numpy() + maps[question].bias.numpy()
               for maps in (network.item_maps, network.scene_maps)]  # fmt: skip
    tables = network.item_embedding.table.numpy()[1 : ITEMS + 1], network.scene_embedding.table.numpy()[1:5]
    return [query @ table.T for query, table in zip(queries, tables, strict=True)]


def test_of_several_questions_each_is_asked_in_its_own_window():
    """The mean of both losses, each by the prompt and the maps of its question; of a set each item weighs once."""
    training = {"distribution": {"scales": (1, 4), "contrast_weight": 0.0}}
    model = recommenders.build("msdp", 3, questions=["next", "period"], **training)
    data = _batch()
    data["future_items"] = tf.constant([[3, 7, 2], [13, 1, 0], [5, 6, 13]])  # distinct, as a real batch has them
    data["future_scenes"] = tf.constant([[3, 1, 2], [2, 4, 0], [4, 1, 3]])
    terms, _ = model.terms(data, tf.constant([1, 2]), tf.GradientTape())
    losses = {"item_loss": [], "scene_loss": []}
    for question, place in (("next", 0), ("period", 2)):
        wanted = ("next_item", "next_scene") if question == "next" else ("future_items", "future_scenes")
        for (term, values), name, scores in zip(
            losses.items(), wanted, _scores_of(model, question, place), strict=True
        ):
            known = ITEMS if term == "item_loss" else 4
            values.append(_cross_entropy_to_window(scores, data[name].numpy().tolist(), [9] * 3, known))
    for term, values in losses.items():
        np.testing.assert_allclose(terms[term], np.mean(values, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("question", ["next", "period"])
def test_validation_asks_about_that_window(question):
    model = build(question=question, distribution={"scales": (1, 4)})
    network, data = model.network, _batch()
    data["future_items"] = tf.constant([[3, 7, 2], [13, 1, 0], [5, 6, 13]])
    measured = float(model.test_step(data)["item_loss"])
    prompts = tf.repeat(network.prompts[0 if question == "next" else 2][tf.newaxis], 3, axis=0)
    h = network.encode(HISTORY, prompts).numpy()
    scores = h @ network.item_embedding.table.numpy()[1 : ITEMS + 1].T
    targets = data["next_item" if question == "next" else "future_items"].numpy().tolist()
    expected = _cross_entropy_to_window(scores, targets, [4, 4, 4], ITEMS)
    assert measured == pytest.approx(np.mean(expected), rel=1e-4)


def test_the_sizes_of_windows_are_drawn_anew_for_each_sequence_and_step(monkeypatch):
    drawn, original = [], msdp.draw_scales
    monkeypatch.setattr(msdp, "draw_scales", lambda *a: drawn.append(original(*a)) or drawn[-1])
    model = build()
    for _ in range(8):
        model.train_step(_batch())
    assert set(np.ravel(drawn)) == {0, 1, 2, 3} and len({tuple(places.numpy()) for places in drawn}) > 4


def test_a_step_moves_predictor_and_prompts():
    model = build(distribution={"contrast_weight": 0.3})
    before = [variable.numpy() for variable in model.trained_variables]
    names = [variable.name for variable in model.trained_variables]
    model.train_step(_batch())
    after = [variable.numpy() for variable in model.trained_variables]
    moved = {name for name, old, new in zip(names, before, after, strict=True) if (old != new).any()}
    assert any("predictor" in name or "dense" in name for name in moved) and any("prompts" in name for name in moved)
