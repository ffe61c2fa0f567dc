"""When training stops early, and what it remembers of its best round."""

import contextlib
import types

import pytest
import tensorflow as tf

from model.training import schedule
from model.training.callbacks import EarlyStopping
from model.training.schedule import Schedule

ROUND = 10
"""Steps of a round."""


def _callback(folder, patience):
    """The callback, and a network of one number whose average is ten times as large."""
    network = tf.Module()
    network.weight = tf.Variable(0.0)
    callback = EarlyStopping(str(folder / "best"), network, "val", Schedule(ROUND, 1000), patience)

    @contextlib.contextmanager
    def averaged():
        network.weight.assign(network.weight * 10)
        yield
        network.weight.assign(network.weight / 10)

    callback.set_model(types.SimpleNamespace(averaged=averaged, stop_training=False))
    return callback, network.weight


def _train(callback, weight, values, first=0):
    """Ends rounds until training stops; the weight is the number of the round. Returns how many have ended."""
    for epoch, value in enumerate(values[first:], first):
        weight.assign(epoch + 1.0)
        callback.on_epoch_end(epoch, {"val": value, "loss": 1.0})
        assert callback.is_over(epoch + 1) == callback.model.stop_training
        if callback.model.stop_training:
            return epoch + 1
    return None


FALLING = [1.0 / (1 + epoch) for epoch in range(50)]
RISING = FALLING[::-1]


@pytest.mark.parametrize(
    ("values", "fewest", "patience", "rounds", "best"),
    [
        (FALLING, 1, 3, 4, 1),  # from the first round on, it gets no better
        (FALLING, 40, 3, 7, 1),  # but the first four rounds do not count
        (FALLING, 41, 3, 8, 1),
        ([0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2], 1, 3, 4, 1),  # as good is no better
        ([0.1, 0.1, 0.3, 0.2, 0.2, 0.3, 0.4], 1, 3, 6, 3),
        ([0.1, 0.1, 0.3, 0.2, 0.2, 0.3, 0.4, *FALLING[3:]], 1, 4, 11, 7),
        ([0.1, 0.9, 0.3, 0.2, 0.2, 0.3, 0.4], 40, 2, 6, 2),  # what is best may be a round that does not count
        (RISING, 1, 1, None, 50),
    ],
)
def test_training_stops_when_patience_is_over(tmp_path, monkeypatch, values, fewest, patience, rounds, best):
    monkeypatch.setattr(schedule, "FEWEST_STEPS", fewest)
    callback, weight = _callback(tmp_path, patience)
    assert _train(callback, weight, values) == rounds
    assert float(weight) == (rounds or len(values))
    callback.restore_best()
    assert float(weight) == 10 * best  # the average after the best round


def test_a_resumed_training_remembers_its_best_round(tmp_path, monkeypatch):
    monkeypatch.setattr(schedule, "FEWEST_STEPS", 1)
    values = [0.1, 0.5, 0.2, 0.3, 0.4, 0.6]
    callback, weight = _callback(tmp_path, 3)
    _train(callback, weight, values[:3])
    resumed, weight = _callback(tmp_path, 3)
    assert not resumed.is_over(3) and resumed.is_over(5)
    assert _train(resumed, weight, values, 3) == 5
    resumed.restore_best()
    assert float(weight) == 10 * 2
    again, weight = _callback(tmp_path, 3)
    assert again.is_over(5)
    again.restore_best()
    assert float(weight) == 10 * 2


def test_nothing_is_restored_before_the_first_round(tmp_path):
    callback, weight = _callback(tmp_path, 3)
    weight.assign(7.0)
    callback.restore_best()
    assert float(weight) == 7.0 and not callback.is_over(0)
