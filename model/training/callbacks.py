"""Training that survives being killed: all that the next epoch depends on lies on disk."""

import json
import math
import os
import time
from typing import Any

import tensorflow as tf
import tf_keras

from model.networks.base import Network
from model.training.recommender import Recommender


class FiniteLosses(tf_keras.callbacks.Callback):
    """Fails at the end of an epoch in which a logged value is infinite or not a number.

    Stand before all callbacks that keep weights: a model of such numbers would be saved, exported and pushed.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at every logged value.

        Raises:
            FloatingPointError: names the epoch and the values.
        """
        broken = sorted(name for name, value in (logs or {}).items() if not math.isfinite(value))
        if broken:
            raise FloatingPointError(
                f"Training diverged in epoch {epoch + 1}: {', '.join(broken)} became infinite or not a number. "
                "Lower training.learning_rate, or the weights of the terms in training."
            )


class Backup(tf_keras.callbacks.Callback):
    """Saves weights, optimizers and the states of dropout after every epoch.

    Everything else that is random is drawn from the seed and the number of the step or epoch, so a resumed run
    goes on to the same numbers as one that was never interrupted.

    Args:
        folder: where the latest epoch is kept; must outlive the process.
        model: a compiled model.
    """

    def __init__(self, folder: str, model: Recommender):
        super().__init__()
        self._epochs_done = tf.Variable(0, trainable=False, dtype=tf.int64)
        parts = {
            **model.checkpointed(),
            "dropout": _dropout_generators(model.network),
            "epochs_done": self._epochs_done,
        }
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**parts), os.path.join(folder, "backup"), max_to_keep=1
        )

    def restore(self) -> int:
        """Takes up an interrupted run; returns the number of epochs that are done, 0 for a new run.

        Raises:
            ValueError: if what the run left behind cannot be read.
        """
        latest = self._manager.latest_checkpoint
        if latest:
            try:
                self._manager.checkpoint.restore(latest).assert_consumed()
            except Exception as error:  # the readers of a damaged file raise many kinds
                raise ValueError(
                    f"The state of an interrupted training, {latest}, cannot be read ({error}). "
                    "Delete this folder to train from the start."
                ) from error
        return int(self._epochs_done.numpy())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves."""
        self._epochs_done.assign(epoch + 1)
        self._manager.save()


def _dropout_generators(network: tf_keras.layers.Layer) -> list[tf.random.Generator]:
    """Keras keeps the generators of random layers out of its checkpoints on purpose, for old ones to stay readable."""
    layers = [layer for layer in network.submodules if isinstance(layer, tf_keras.layers.Dropout)]
    generators = [layer._random_generator._generator for layer in layers]
    return [generator for generator in generators if generator is not None]


class EarlyStopping(tf_keras.callbacks.Callback):
    """Stops when the monitored value has not risen for some epochs, and keeps the best epoch.

    Keras' own callback forgets its best weights when training is killed, so a resumed run could keep a worse
    model than one that was never interrupted.

    Args:
        folder: where the best weights and the state are kept; must outlive the process.
        network: whose weights are kept.
        monitor: name of a logged value; larger is better.
        patience: epochs without a new best before training stops.
    """

    def __init__(self, folder: str, network: Network, monitor: str, patience: int):
        super().__init__()
        self.monitor = monitor
        self.patience = patience
        self._state_file = os.path.join(folder, "state.json")
        self._weights = os.path.join(folder, "weights")
        self._checkpoint = tf.train.Checkpoint(network=network)
        self._state = {"best": float("-inf"), "best_epoch": -1}
        tf.io.gfile.makedirs(folder)
        if tf.io.gfile.exists(self._state_file):
            with tf.io.gfile.GFile(self._state_file) as file:
                self._state = json.load(file)

    def is_over(self, epochs_done: int) -> bool:
        """Says whether an interrupted run had come to its end."""
        return epochs_done - 1 - self._state["best_epoch"] >= self.patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps a new best, or stops after too many poor epochs."""
        value = (logs or {})[self.monitor]
        if value > self._state["best"]:
            self._state = {"best": float(value), "best_epoch": epoch}
            self._checkpoint.write(self._weights)
            with tf.io.gfile.GFile(self._state_file + ".new", "w") as file:
                json.dump(self._state, file)
            tf.io.gfile.rename(self._state_file + ".new", self._state_file, overwrite=True)  # whole or not at all
        self.model.stop_training = self.is_over(epoch + 1)

    def restore_best(self) -> None:
        """Restores the best epoch's weights."""
        if self._state["best_epoch"] >= 0:
            self._checkpoint.read(self._weights).assert_consumed()


TRAINING_FILE = "training.json"


class History(tf_keras.callbacks.Callback):
    """Keeps the logged values of every epoch, also of those before training was killed and resumed.

    Keras' own history lives in memory, so a resumed run would forget how it began. Stand before `Backup`:
    an epoch that it has saved is never trained again, and must be known here by then.

    Args:
        folder: where the epochs so far are kept; must outlive the process.
        monitor: name of the logged value whose first maximum is the best epoch; without one the last epoch is.
        parameters: how many numbers are trained.
    """

    def __init__(self, folder: str, monitor: str | None, parameters: int = 0):
        super().__init__()
        self._folder = folder
        self._monitor = monitor
        self._parameters = parameters
        self._epochs: list[dict[str, float]] = []
        state = os.path.join(folder, TRAINING_FILE)
        if tf.io.gfile.exists(state):
            with tf.io.gfile.GFile(state) as file:
                self._epochs = json.load(file)["epochs"]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock of an epoch."""
        self._start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds an epoch, in the place of one that was killed after it was kept here and is trained once more."""
        measured = {name: float(value) for name, value in (logs or {}).items()}
        done = [one for one in self._epochs if one["epoch"] <= epoch]
        self._epochs = [*done, {"epoch": epoch + 1, "seconds": time.monotonic() - self._start, **measured}]
        self.save(self._folder)

    def save(self, folder: str) -> None:
        """Writes `training.json`, whole or not at all.

        Args:
            folder: where to. The file holds ``epochs``, a dictionary each of ``epoch`` (from 1), ``seconds`` and the
                logged values; ``best_epoch``, whose weights are kept (null before the first); ``monitor``; and
                ``parameters``.
        """
        content = {
            "epochs": self._epochs,
            "best_epoch": self._best_epoch(),
            "monitor": self._monitor,
            "parameters": self._parameters,
        }
        tf.io.gfile.makedirs(folder)
        path = os.path.join(folder, TRAINING_FILE)
        with tf.io.gfile.GFile(path + ".new", "w") as file:
            file.write(json.dumps(content, indent=2) + "\n")
        tf.io.gfile.rename(path + ".new", path, overwrite=True)

    def _best_epoch(self) -> int | None:
        if not self._epochs:
            return None
        monitor = self._monitor
        if monitor is None:
            return int(self._epochs[-1]["epoch"])
        # Of equal epochs the first, as `model.training.callbacks` has it.
        return int(max(self._epochs, key=lambda one: one[monitor])["epoch"])
