"""The training step: the objective of Eq. 9, its players and what it logs."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from model.config import ModelConfig, TrainingConfig
from model.data import augmentation
from model.data.augmentation import augment
from model.data.history import History
from model.data.target_counts import without_scenes
from model.losses.adversarial import minimax
from model.losses.contrastive import contrastive_loss
from model.losses.full import softmax_cross_entropy
from model.methods import METHODS, load
from model.networks.dspnet import DSPnet, DSPnetNetwork
from model.training.recommender import compile_model
from tests import recommenders

ITEMS, SCENES, BATCH = 11, 4, 3
HISTORY_ITEMS = [[0, 3, 4, 11], [5, 0, 0, 12], [1, 2, 3, 4]]
HISTORY_SCENES = [[1, 2, 0, 1], [4, 4, 5, 0], [1, 1, 2, 2]]
HISTORY = recommenders.history(HISTORY_ITEMS, HISTORY_SCENES)
NETWORK = {
    "item_dim": 8,
    "scene_dim": 4,
    "max_length": 4,
    "layers": 1,
    "dropout": 0.0,
    "head_dropout": 0.0,
    **recommenders.PLAIN,
}
TRAINING = {
    "objective": "bce",
    "questions": ("period",),
    "event_mask": 0.0,
    "adversarial": {"weight": 0.3},
    "contrastive": {"weight": 0.02},
    "scene_weight": 0.7,
}


def _batch():
    return {
        "history_items": tf.constant(HISTORY_ITEMS),
        "history_scenes": tf.constant(HISTORY_SCENES),
        "next_item": tf.constant([[3], [12], [5]]),
        "next_scene": tf.constant([[3], [2], [4]]),
        "future_items": tf.constant([[3, 0], [12, 1], [5, 6]]),
        "future_scenes": tf.constant([[3, 0], [2, 1], [4, 0]]),
    }


def _model(network=None, sgd=False, **training):
    tf_keras.utils.set_random_seed(1)
    config = ModelConfig(**{**NETWORK, **(network or {})})
    training = TrainingConfig(**{**TRAINING, **training})
    counts = recommenders.counts_of(training.questions, ITEMS, SCENES)
    model = DSPnet(load(METHODS[config.name].network)(config, counts), training, BATCH, counts)
    optimizer = tf_keras.optimizers.SGD if sgd else tf_keras.optimizers.Adam
    model.compile(optimizer(0.01), optimizer(0.01))
    return model


def _logged(step):
    return {name: float(value) for name, value in step.items()}


@pytest.mark.parametrize("objective", ["bce", "softmax"])
def test_the_loss_is_eq_9(objective):
    logs = _logged(_model(objective=objective).train_step(_batch()))
    total = logs["item_loss"] + 0.7 * logs["scene_loss"] + 0.3 * logs["apr_loss"] + 0.02 * logs["ccr_loss"]
    assert logs["loss"] == pytest.approx(total, rel=1e-5)
    assert {"D_S_accuracy", "D_V_accuracy"} < set(logs)


@pytest.fixture
def recorded(monkeypatch):
    """Every augmented copy that a training step makes, in order: items and scenes of the first copy, then the next."""
    copies = []

    def record(*arguments):
        copies.append(augment(*arguments))
        return copies[-1]

    monkeypatch.setattr(augmentation, "augment", record)
    return copies


@pytest.mark.parametrize("large", ["item_loss", "scene_loss", "apr_loss", "ccr_loss"])
@pytest.mark.parametrize("name", ["dspnet", "dspnet_minus"])
def test_the_update_is_the_gradient_of_eq_9(recorded, large, name):
    """One step of plain gradient descent against the gradient of the terms, each computed on its own."""
    weights = {"item_loss": 1.0, "scene_loss": 0.7, "apr_loss": 0.3, "ccr_loss": 0.01}
    weights[large] *= 1 if large == "item_loss" else 30
    config = {
        "scene_weight": weights["scene_loss"],
        "adversarial": {"weight": weights["apr_loss"]},
        "contrastive": {"weight": weights["ccr_loss"]},
    }
    model = _model({"name": name}, sgd=True, objective="softmax", **config)
    network, batch, drawn = model.network, _batch(), []
    model.optimizer.learning_rate.assign(1e-3)
    model.discriminator_optimizer.learning_rate.assign(0.0)
    draw = model.adversary.draw
    model.adversary.draw = lambda *inputs: drawn.append(draw(*inputs)) or drawn[-1]
    before = [variable.numpy() for variable in network.trainable_variables]
    model.train_step(batch)
    after = [variable.numpy() for variable in network.trainable_variables]

    for variable, value in zip(network.trainable_variables, before, strict=True):
        variable.assign(value)
    with tf.GradientTape() as tape:
        known = network.represent(HISTORY)
        outputs = network.outputs(known, HISTORY, "period")
        copies = [network.encode(History(*copy)) for copy in zip(recorded[::2], recorded[1::2], strict=True)]
        terms = {
            "item_loss": softmax_cross_entropy(network.score_items(outputs, "period"), batch["future_items"]),
            "scene_loss": softmax_cross_entropy(network.score_scenes(outputs, "period"), batch["future_scenes"]),
            "apr_loss": sum(
                minimax(discriminator(drawn[0][name]), discriminator(z))
                for (name, discriminator), z in zip(
                    model.adversary.discriminators.items(), (known.z_scene, known.z_item), strict=True
                )
            ),
            "ccr_loss": sum(
                contrastive_loss(h, tf.stack([copy[kind] for copy in copies]), 1.0, 0.07)
                for kind, h in enumerate((known.h_scene, known.h_item))
            ),
        }
        loss = tf.reduce_mean(sum(weights[name] * term for name, term in terms.items()))
    gradients = tape.gradient(loss, network.trainable_variables)
    for variable, old, new, gradient in zip(network.trainable_variables, before, after, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient).numpy()
        np.testing.assert_allclose(
            (old - new) / 1e-3, gradient, atol=2e-3 * max(1, np.abs(gradient).max()), err_msg=variable.name
        )


def test_copies_are_augmented_anew(recorded):
    """Copies differ from the original and from one another, and from those of the next step."""
    model = _model({"max_length": 40}, contrastive={"weight": 0.1, "positives": 3})
    model.optimizer.learning_rate.assign(0.0)
    batch = {**_batch(), "history_items": tf.random.stateless_uniform([3, 40], [1, 1], 1, 11, tf.int32)}
    for _ in range(2):
        model.train_step(batch)
    items = [batch["history_items"], *(copy[:, -40:] for copy in recorded[::2])]
    assert len(items) == 1 + 2 * 3
    for number, first in enumerate(items):
        for second in items[number + 1 :]:
            assert (first.numpy() != second.numpy()).any()


def test_pairs_are_augmented_alike(recorded):
    """With one token an event, the same events are masked and moved in both sequences."""
    model = _model({"name": "dspnet_minus", "max_length": 40})
    rows = tf.random.stateless_uniform([3, 40], [1, 1], 1, 4, tf.int32)
    model.train_step({**_batch(), "history_items": rows, "history_scenes": rows})
    for items, scenes in zip(recorded[::2], recorded[1::2], strict=True):
        np.testing.assert_array_equal(tf.where(items == ITEMS + 1, SCENES + 1, items), scenes)


@pytest.mark.parametrize("name", ["dspnet", "dspnet_minus"])
@pytest.mark.parametrize("contrast", [0.0, 0.1])
def test_encoders_do_not_see_hidden_events_and_heads_see_all(monkeypatch, name, contrast):
    """Item and scene of an event are hidden together, anew in each step, and nothing in validation."""
    heads = {"repeat_head": True, "popularity_prior": True, "scene_head": True}
    model = _model({"name": name, "max_length": 9, **heads}, event_mask=0.4, contrastive={"weight": contrast})
    network, read, whole = model.network, [], []
    encode, outputs = network.encode, network.outputs
    monkeypatch.setattr(network, "encode", lambda history, *a, **k: read.append(history) or encode(history, *a, **k))
    monkeypatch.setattr(network, "outputs", lambda known, history, *a, **k: whole.append(history) or outputs(
        known, history, *a, **k))  # fmt: skip
    rows = tf.random.stateless_uniform([3, 7], [1, 1], 1, 4, tf.int32)
    batch = {**_batch(), "history_items": rows, "history_scenes": tf.pad(rows, [[0, 0], [2, 0]])}
    for _ in range(2):
        model.train_step(batch)
    hidden = []
    for history in read:
        items, scenes = (
            indices.numpy()[:3, -7:] for indices in (history.items, history.scenes)
        )  # of the sequences, not of copies
        np.testing.assert_array_equal(items == ITEMS + 1, scenes == SCENES + 1)
        np.testing.assert_array_equal(np.where(items == ITEMS + 1, rows, items), rows)
        hidden.append(items == ITEMS + 1)
    assert len(hidden) == 2 and all(0 < np.mean(some) < 1 for some in hidden) and (hidden[0] != hidden[1]).any()
    model.test_step(batch)
    assert (read[-1].items.numpy() <= ITEMS).all()
    for history in whole:
        np.testing.assert_array_equal(history.items, rows)
        np.testing.assert_array_equal(history.scenes, batch["history_scenes"])


def test_every_step_draws_its_own_prior_and_trains_the_discriminators():
    model, drawn = _model(), []
    draw = model.adversary.draw
    model.adversary.draw = lambda *inputs: drawn.append(draw(*inputs)) or drawn[-1]
    before = [variable.numpy() for variable in model.adversary.trainable_variables]
    for _ in range(2):
        model.train_step(_batch())
    for name in ("D_S", "D_V"):
        assert (drawn[0][name].numpy() != drawn[1][name].numpy()).all()
    for old, variable in zip(before, model.adversary.trainable_variables, strict=True):
        assert (old != variable.numpy()).any(), variable.name


def test_minimax_logs_eq_4_of_the_updated_discriminators():
    """One step, seen from outside: L_APR from the weights after the discriminators' turn, in NumPy."""
    model = _model(sgd=True)
    known = model.network.represent(HISTORY)
    drawn = []
    draw = model.adversary.draw
    model.adversary.draw = lambda *inputs: drawn.append(draw(*inputs)) or drawn[-1]
    logs = _logged(model.train_step(_batch()))
    value = 0.0
    for name, z in (("D_S", known.z_scene), ("D_V", known.z_item)):

        def probability(x, name=name):
            layers = [*model.adversary.discriminators[name].hidden, model.adversary.discriminators[name].output_layer]
            for layer in layers[:-1]:
                x = x @ layer.kernel.numpy() + layer.bias.numpy()
                x = np.where(x > 0, x, 0.2 * x)
            return 1 / (1 + np.exp(-(x @ layers[-1].kernel.numpy() + layers[-1].bias.numpy())))

        value += np.mean(np.log(probability(drawn[0][name].numpy())) + np.log(1 - probability(z.numpy())))
    assert logs["apr_loss"] == pytest.approx(value, rel=1e-4)


def test_the_players_climb_and_descend_the_same_value():
    """With the prior's draws held still, the discriminators' turn raises L_APR and the network's lowers it."""
    model = _model(sgd=True, scene_weight=0.0, contrastive={"weight": 0})
    known = model.network.represent(HISTORY)
    draws = model.adversary.draw(known, tf.constant([1, 2]))

    def value():
        known = model.network.represent(HISTORY)
        return float(tf.reduce_sum(model.adversary.generator_loss(model.adversary.logits(known, draws))))

    before = value()
    model._train_discriminators(model.adversary, known, draws)
    after = value()
    assert after > before
    with tf.GradientTape() as tape:
        known = model.network.represent(HISTORY)
        loss = tf.reduce_mean(model.adversary.generator_loss(model.adversary.logits(known, draws)))
    variables = model.network.trainable_variables
    used = [(g, v) for g, v in zip(tape.gradient(loss, variables), variables, strict=True) if g is not None]
    model.optimizer.learning_rate.assign(1e-4)  # small enough for the gradient to be the slope
    model.optimizer.apply_gradients(used)
    assert value() < after


def test_discriminators_do_not_learn_from_the_network_loss():
    """Each optimizer moves its own weights alone."""
    model = _model(sgd=True)
    model.discriminator_optimizer.learning_rate.assign(0.0)
    before = [variable.numpy() for variable in model.adversary.trainable_variables]
    weights = [variable.numpy() for variable in model.network.trainable_variables]
    model.train_step(_batch())
    for old, variable in zip(before, model.adversary.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    changed = [(old != v.numpy()).any() for old, v in zip(weights, model.network.trainable_variables, strict=True)]
    assert np.mean(changed) > 0.9


@pytest.mark.parametrize(
    ("switch", "terms"),
    [
        ({"adversarial": {"weight": 0}}, {"ccr_loss"}),
        ({"contrastive": {"weight": 0}}, {"apr_loss", "D_S_accuracy", "D_V_accuracy"}),
        ({"adversarial": {"weight": 0}, "contrastive": {"weight": 0}}, set()),
    ],
)
def test_terms_of_weight_0_are_left_out(switch, terms):
    model = _model(**switch)
    assert set(model.train_step(_batch())) == {"loss", "item_loss", "scene_loss"} | terms
    assert (model.adversary is not None) == ("apr_loss" in terms)


SWITCHES = {
    "w/o concat": {"interplay": False},
    "w/o MLP": {"fusion_layers": 0},
    "w/o both": {"interplay": False, "fusion_layers": 0},
    "1 layer": {"fusion_layers": 1},
    "3 layers": {"fusion_layers": 3},
    "DSPnet-": {"name": "dspnet_minus"},
    "DSPnet- w/o MLP": {"name": "dspnet_minus", "fusion_layers": 0},
    "repeat": {"repeat_head": True, "popularity_prior": True},
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_trains_all_its_weights(switch):
    model = _model(SWITCHES[switch], objective="softmax")
    before = [variable.numpy() for variable in model.network.trainable_variables]
    first = _logged(model.train_step(_batch()))
    for _ in range(2):
        model.reset_metrics()
        last = _logged(model.train_step(_batch()))
    for old, variable in zip(before, model.network.trainable_variables, strict=True):
        if "key" not in variable.name or "bias" not in variable.name:  # softmax ignores a bias of the keys
            assert (old != variable.numpy()).any(), variable.name
    assert last["item_loss"] < first["item_loss"]
    assert np.isfinite(list(last.values())).all()


@pytest.mark.parametrize("prior", ["gaussian", "multi_gaussian", "uniform"])
@pytest.mark.parametrize("generator_loss", ["minimax", "non_saturating"])
def test_every_prior_and_generator_loss(prior, generator_loss):
    logs = _model(adversarial={"weight": 0.1, "prior": prior, "generator_loss": generator_loss}).train_step(_batch())
    assert np.isfinite(float(logs["apr_loss"]))


@pytest.mark.parametrize("objective", ["bce", "softmax"])
@pytest.mark.parametrize("sampling", ["uniform", "log_uniform", "in_batch"])
def test_sampled_candidates_train_with_row_sparse_updates(objective, sampling):
    """Only rows of histories (masked ones too), targets and negatives move; the loss falls."""
    candidates = {"sampling": sampling, "number": 2}
    model = _model(objective=objective, candidates=candidates, adversarial={"weight": 0})
    one = {name: value[:1] for name, value in _batch().items()}
    before = model.network.item_embedding.table.numpy()
    model.train_step(one)
    moved = (before != model.network.item_embedding.table.numpy()).any(axis=1)
    assert moved[[3, 4, 11]].all()
    assert moved.sum() <= 3 + 1 + 2  # history and target, mask, negatives
    assert not moved[0]
    model.reset_metrics()
    first = _logged(model.train_step(_batch()))
    for _ in range(4):
        model.reset_metrics()
        last = _logged(model.train_step(_batch()))
    assert last["item_loss"] < first["item_loss"]
    assert "ndcg@10" in model.test_step(_batch())


def test_terms_do_not_depend_on_padding():
    plain, padded = _batch(), _batch()
    for name in ("history_items", "history_scenes"):
        padded[name] = tf.pad(plain[name], [[0, 0], [2, 3]])
    for name in ("next_item", "next_scene", "future_items", "future_scenes"):
        padded[name] = tf.pad(plain[name], [[0, 0], [1, 2]])
    first, second = (_logged(_model(questions=("next", "period")).train_step(batch)) for batch in (plain, padded))
    for name, value in first.items():
        assert value == pytest.approx(second[name], rel=1e-4), name


@pytest.mark.parametrize("case", ["one", "equal", "long", "short", "empty"])
@pytest.mark.parametrize(("name", "event_mask"), [("dspnet", 0.5), ("dspnet_minus", 0.0)])
def test_odd_batches(case, name, event_mask):
    """A batch of one, equal sequences, very long, short and empty ones train and stay finite."""
    plain = _batch()
    change = {
        "one": lambda value: value[:1],
        "equal": lambda value: tf.repeat(value[:1], 3, axis=0),
        "long": lambda value: tf.tile(value, [1, 1000]),
        "short": lambda value: value[:, -1:],
        "empty": lambda value: value[:, :0],
    }[case]
    batch = {
        name: change(value) if case in ("one", "equal") or "history" in name else value for name, value in plain.items()
    }
    model = _model({"repeat_head": True, "name": name}, event_mask=event_mask)
    logs = _logged(model.train_step(batch))
    assert np.isfinite(list(logs.values())).all()
    for variable in [*model.network.variables, *model.adversary.variables]:
        assert np.isfinite(variable.numpy()).all(), variable.name


def test_in_batch_negatives_need_a_batch():
    counts = recommenders.counts_of(["next", "period"])
    network = DSPnetNetwork(ModelConfig(item_dim=8, scene_dim=4), counts)
    with pytest.raises(ValueError, match="in_batch negatives are the targets of other sequences.*batch_size"):
        DSPnet(network, TrainingConfig(candidates={"sampling": "in_batch"}), 1, counts)


@pytest.mark.parametrize("items", [1000, 1_000_000])
def test_the_size_of_a_step_does_not_depend_on_the_catalogue(items):
    """Eq. 6 is a mean over the catalogue, so its gradient falls as the catalogue grows; Adam's steps must not."""
    config = TrainingConfig(**{**TRAINING, "adversarial": {"weight": 0}, "contrastive": {"weight": 0}})
    counts = {"period": without_scenes(np.ones(items, np.int64), np.ones(SCENES, np.int64))}
    network = DSPnetNetwork(ModelConfig(**NETWORK), counts)
    model = DSPnet(network, config, BATCH, counts)
    compile_model(model)
    before = network.item_embedding.table.numpy()[20:1000]
    model.train_step(_batch())
    steps = np.abs(network.item_embedding.table.numpy()[20:1000] - before) / config.learning_rate
    assert np.median(steps) == pytest.approx(1, abs=0.1)
