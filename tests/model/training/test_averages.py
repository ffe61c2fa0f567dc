"""The moving averages of weights: what they are, who measures them, and which are kept."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from model.config import MONITOR, VALIDATION_METRIC
from model.training.callbacks import AveragedValidation, ResumableTraining
from model.training.recommender import Recommender
from model.training.schedule import Schedule
from tests import recommenders

ON = {"adversarial": {"weight": 0.3}, "contrastive": {"weight": 0.02}}


def _data(steps=3, size=4, seed=0):
    """Batches as the trainer gives them to a model."""
    rng = np.random.RandomState(seed)
    shape = [steps * size, 4]
    items, scenes = rng.randint(1, recommenders.ITEMS, shape), rng.randint(1, recommenders.SCENES, shape)
    following = np.stack([rng.permutation(recommenders.ITEMS)[:3] + 1 for _ in items])
    batch = recommenders.batch(items, scenes, following, rng.randint(1, recommenders.SCENES, following.shape))
    return tf.data.Dataset.from_tensor_slices(batch).batch(size)


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Runs steps one by one: where there are few, tracing them takes longer."""
    monkeypatch.setattr(Recommender, "run_eagerly", True)


class Averages(tf_keras.callbacks.Callback):
    """Averages the weights of a network step by step, from their values before the first, by the formula."""

    def __init__(self, network, decay):
        super().__init__()
        self._variables, self._decay = network.trainable_variables, decay
        self.values = [variable.numpy().astype(np.float64) for variable in self._variables]
        self._step = 0

        self.by_round = []

    def on_epoch_end(self, epoch, logs=None):
        self.by_round.append(list(self.values))

    def on_train_batch_end(self, batch, logs=None):
        decay = min(self._decay, (1 + self._step) / (10 + self._step))
        self._step += 1
        for place, variable in enumerate(self._variables):
            self.values[place] = decay * self.values[place] + (1 - decay) * variable.numpy()


def _values(variables):
    return [variable.numpy() for variable in variables]


def _assert_all(compare, found, expected):
    for one, other in zip(found, expected, strict=True):
        compare(one, other)


def _close(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


_same = np.testing.assert_array_equal
BUILD = {"average_decay": 0.5, "learning_rate": 0.01}


@pytest.mark.parametrize("name", ["dspnet", "sasrec", "msdp"])
def test_fit_leaves_the_weights_of_the_last_step_and_their_averages_beside_them(name):
    """Keras would put the averages in their place, and look for some of variables that other optimizers train."""
    model = recommenders.build(name, **BUILD, **ON)
    averages, last = Averages(model.network, 0.5), []
    keep = tf_keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: last.append(_values(model.network.variables)))
    model.fit(_data(), verbose=0, callbacks=[averages, keep])
    _assert_all(_same, _values(model.network.variables), last[0])
    with model.averaged():
        _assert_all(_close, _values(model.network.trainable_variables), averages.values)
        assert any((one != other).any() for one, other in zip(_values(model.network.variables), last[0], strict=True))
    _assert_all(_same, _values(model.network.variables), last[0])


def test_weights_come_back_when_what_was_done_with_averages_fails():
    model = recommenders.build("sasrec", **BUILD)
    model.fit(_data(), verbose=0)
    before = _values(model.network.variables)
    with pytest.raises(KeyboardInterrupt), model.averaged():
        raise KeyboardInterrupt
    _assert_all(_same, _values(model.network.variables), before)


@pytest.mark.parametrize("decay", [0.5, 0.0])
def test_validation_measures_the_averages(decay):
    """Where there are any: what is logged is what a network measures that is given them."""
    model = recommenders.build("sasrec", **{**BUILD, "average_decay": decay})
    averages, validation = Averages(model.network, decay), _data(2, seed=1)
    logs = model.fit(
        _data(), validation_data=validation, epochs=2, verbose=0, callbacks=[AveragedValidation(), averages]
    ).history
    last = _values(model.network.trainable_variables)
    measured = {}
    for name, values in (("averages", averages.values), ("weights", last)):
        other = recommenders.build("sasrec", **BUILD)
        for variable, value in zip(other.network.trainable_variables, values, strict=True):
            variable.assign(value)
        measured[name] = other.evaluate(validation, verbose=0, return_dict=True)
    expected, others = measured["averages" if decay else "weights"], measured["weights"]
    assert {f"val_{name}" for name in expected} <= set(logs)
    for name in ("item_loss", "scene_loss"):
        assert logs[f"val_{name}"][1] == pytest.approx(expected[name], rel=1e-5)
        assert (abs(expected[name] - others[name]) > 1e-4) == (decay > 0)
    assert logs[f"val_{VALIDATION_METRIC}"][1] == pytest.approx(expected[VALIDATION_METRIC], rel=1e-5)


STEPS = 3
"""Steps of a round of the trainings below."""


class Training:
    """A training in a folder, with a validation that measures what it is told.

    Args:
        folder: folder of its states.
        measured: what validation measures after each round; None for a training without one.
        options: of the model.
    """

    def __init__(self, folder, measured, patience=9, **options):
        training = {"model": {"dropout": 0.2}, **BUILD, **options}
        self.model = recommenders.build("sasrec", **training)
        self._measured = measured
        schedule = Schedule(STEPS, 4)
        monitor = None if measured is None else MONITOR
        self.state = ResumableTraining(str(folder / "states"), self.model, monitor, schedule, patience)
        self.averages = Averages(self.model.network, 0.5)

    def run(self, folder, rounds=4):
        """Trains up to a number of rounds."""
        first = self.state.epochs_done
        data = _data(STEPS * 4).skip(STEPS * first)
        measured = tf_keras.callbacks.LambdaCallback(on_epoch_end=self._measure)
        callbacks = self.state.callbacks([self.averages])
        self.model.fit(
            data, steps_per_epoch=STEPS, initial_epoch=first, epochs=rounds, verbose=0,
            callbacks=[measured, *callbacks],
        )  # fmt: skip
        return self

    def _measure(self, epoch, logs):
        if self._measured is not None:
            logs[MONITOR] = self._measured[epoch]

    def finish(self, folder):
        """Ends it; returns the weights to export and what was written."""
        self.state.finish(str(folder / "run"))
        written = json.loads((folder / "run" / "training.json").read_text())
        return _values(self.model.network.trainable_variables), written


def test_the_best_weights_are_the_averages_after_the_best_round(tmp_path):
    training = Training(tmp_path, [0.2, 0.5, 0.5, 0.4]).run(tmp_path)
    found, written = training.finish(tmp_path)
    assert written["best_epoch"] == 2  # the first of two that are as good
    _assert_all(_close, found, training.averages.by_round[1])
    assert any(np.abs(one - other).max() > 1e-3 for one, other in zip(found, training.averages.values, strict=True))


def test_without_validation_the_last_averages_are_exported(tmp_path):
    training = Training(tmp_path, None).run(tmp_path)
    found, written = training.finish(tmp_path)
    assert written["best_epoch"] == 4 and written["monitor"] is None
    _assert_all(_close, found, training.averages.values)


def test_without_averages_the_weights_of_a_step_are_kept(tmp_path):
    training = Training(tmp_path, [0.2, 0.5, 0.3, 0.4], average_decay=0.0)
    kept = []
    training.averages = tf_keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: kept.append(_values(training.model.network.trainable_variables))
    )
    found, _ = training.run(tmp_path).finish(tmp_path)
    _assert_all(_same, found, kept[1])


@pytest.fixture
def generators():
    """Lets dropout draw from generators whose states are kept, as the trainer does."""
    tf_keras.backend.experimental.enable_tf_random_generator()
    yield
    tf_keras.backend.experimental.disable_tf_random_generator()


@pytest.mark.parametrize(
    ("measured", "killed_after"),
    [([0.2, 0.5, 0.5, 0.4], 2), ([0.2, 0.1, 0.3, 0.9], 1), (None, 2), ([0.2, 0.5, 0.5, 0.4], 4)],
)
def test_a_training_that_is_killed_comes_to_the_same_digits(tmp_path, generators, measured, killed_after):
    """Weights, averages, dropout and what is best go on where they were, in an other process' model."""
    straight = Training(tmp_path / "straight", measured).run(tmp_path)
    Training(tmp_path / "killed", measured).run(tmp_path, killed_after)
    resumed = Training(tmp_path / "killed", measured)
    assert resumed.state.epochs_done == killed_after and resumed.state.is_over == (killed_after == 4)
    if not resumed.state.is_over:
        resumed.run(tmp_path)
    last = [
        [*_values(one.model.network.variables), *_values(one.model.optimizer.variables)] for one in (straight, resumed)
    ]
    _assert_all(_same, *last)
    found, expected = (one.finish(tmp_path) for one in (resumed, straight))
    _assert_all(_same, found[0], expected[0])
    assert found[1]["best_epoch"] == expected[1]["best_epoch"]
    assert [epoch["loss"] for epoch in found[1]["epochs"]] == [epoch["loss"] for epoch in expected[1]["epochs"]]
