"""Training that survives being killed: everything that the next epoch depends on lies in one folder.

The contract of resuming, which the callbacks below share:

- Each callback takes up what an earlier process left in the folder when the callback is made.
- Each writes at the end of an epoch, whole or not at all.
- `FiniteLosses` comes first, so that nothing is kept of an epoch that diverged, and `Backup` comes last, so that the
  weights that a run resumes from are never ahead of what the other callbacks have written. An epoch that was killed
  in between is trained again, and its entries are replaced.
- Whatever is random is drawn from the seed and the number of the step or epoch, or from a generator whose state is
  saved, so that a resumed run reaches the same numbers as one that was never interrupted.

An epoch is what Keras calls so, the steps between two validations: a round of `model.training.schedule`.

`ResumableTraining` holds the callbacks of one training together.
"""

import json
import math
import os
import time
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from model.networks.base import Network
from model.training.recommender import Recommender
from model.training.schedule import Schedule
from schemas.training import TRAINING_FILE


class ResumableTraining:
    """The state of one training in a folder: weights so far, best weights, and what every epoch measured.

    Must be made in the scope of the model's distribution strategy.

    Args:
        folder: folder of this training alone; must outlive the process.
        model: a compiled model; takes up the weights of an interrupted run.
        monitor: name of the logged value that decides which epoch is kept and when training stops; larger is better.
            None for a training of all epochs, of which the last one is kept.
        schedule: when training validates and must end.
        patience: epochs without a new best before training stops.

    Attributes:
        epochs_done: number of epochs that an interrupted run has completed, 0 for a new run.

    Raises:
        ValueError: if what an interrupted run left behind cannot be read.
    """

    def __init__(self, folder: str, model: Recommender, monitor: str | None, schedule: Schedule, patience: int):
        self._folder = folder
        self._model = model
        self._schedule = schedule
        self._backup = Backup(folder, model)
        self.epochs_done = self._backup.restore()
        parameters = sum(int(tf.size(variable)) for variable in model.network.trainable_variables)
        self._history = History(folder, monitor, schedule, parameters)
        self._stopping = None
        if monitor is not None:
            self._stopping = EarlyStopping(os.path.join(folder, "best"), model.network, monitor, schedule, patience)

    @property
    def is_over(self) -> bool:
        """Whether an interrupted run had come to its end."""
        stopped = self._stopping is not None and self._stopping.is_over(self.epochs_done)
        return self.epochs_done >= self._schedule.rounds or stopped

    def callbacks(self, others: Sequence[tf_keras.callbacks.Callback]) -> list[tf_keras.callbacks.Callback]:
        """Returns all callbacks of the training in their order; `others` see an epoch before it is saved."""
        stopping = [] if self._stopping is None else [self._stopping]
        return [FiniteLosses(), AveragedValidation(), *stopping, self._history, *others, self._backup]

    def finish(self, model_run_dir: str) -> None:
        """Gives the network the weights to export, and writes `training.json` into another folder.

        They are the best ones or, without validation, the last averages.
        """
        self._history.save(model_run_dir)
        if self._stopping is None:
            self._model.swap_average()
        else:
            self._stopping.restore_best()

    def remove(self) -> None:
        """Removes the folder; it is renamed first, so that no half of it passes for an interrupted training."""
        leftover = f"{self._folder}.over"
        if tf.io.gfile.exists(leftover):
            tf.io.gfile.rmtree(leftover)
        tf.io.gfile.rename(self._folder, leftover)
        tf.io.gfile.rmtree(leftover)


class Backup(tf_keras.callbacks.Callback):
    """Saves weights, optimizers and the states of dropout after every epoch.

    Args:
        folder: folder where the latest epoch is kept; must outlive the process.
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
        """Takes up an interrupted run.

        Returns:
            the number of epochs that are done, 0 for a new run.

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
        """Saves the state after an epoch."""
        self._epochs_done.assign(epoch + 1)
        self._manager.save()


def _dropout_generators(network: tf_keras.layers.Layer) -> list[tf.random.Generator]:
    """Returns the generators of dropout layers, which Keras leaves out of its own checkpoints on purpose."""
    layers = [layer for layer in network.submodules if isinstance(layer, tf_keras.layers.Dropout)]
    generators = [layer._random_generator._generator for layer in layers]
    return [generator for generator in generators if generator is not None]


class AveragedValidation(tf_keras.callbacks.Callback):
    """Lets validation measure the moving averages of weights, which are what is exported."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Gives the network the averages."""
        self.model.swap_average()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Gives the network the weights of the last step again."""
        self.model.swap_average()


class EarlyStopping(tf_keras.callbacks.Callback):
    """Stops when the monitored value has not risen for some epochs, and keeps the best epoch.

    Keras' own callback forgets its best weights when training is killed, so a resumed run could keep a worse
    model than one that was never interrupted.

    Args:
        folder: folder where the best weights and the state are kept; must outlive the process.
        network: network whose weights are kept.
        monitor: name of a logged value; larger is better.
        schedule: says when patience begins to count.
        patience: epochs without a new best before training stops.
    """

    def __init__(self, folder: str, network: Network, monitor: str, schedule: Schedule, patience: int):
        super().__init__()
        self.monitor = monitor
        self._schedule = schedule
        self.patience = patience
        self._state_file = os.path.join(folder, "state.json")
        self._weights = os.path.join(folder, "weights")
        self._checkpoint = tf.train.Checkpoint(network=network)
        state = _read_state(self._state_file) or {"best": float("-inf"), "best_epoch": -1}
        self._best: float = state["best"]
        self._best_epoch: int = state["best_epoch"]

    def is_over(self, epochs_done: int) -> bool:
        """Returns whether training has come to its end after a number of epochs."""
        return self._schedule.is_over(epochs_done, self._best_epoch + 1, self.patience)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps a new best epoch, or stops after too many poor epochs."""
        value = (logs or {})[self.monitor]
        if value > self._best:
            self._best, self._best_epoch = float(value), epoch
            with self.model.averaged():
                self._checkpoint.write(self._weights)
            _write_state(self._state_file, {"best": self._best, "best_epoch": self._best_epoch})
        self.model.stop_training = self.is_over(epoch + 1)

    def restore_best(self) -> None:
        """Restores the best epoch's weights."""
        if self._best_epoch >= 0:
            self._checkpoint.read(self._weights).assert_consumed()


class History(tf_keras.callbacks.Callback):
    """Keeps the logged values of every epoch, also of those before training was killed and resumed.

    Keras' own history lives in memory, so a resumed run would forget how it began.

    Args:
        folder: folder where the epochs so far are kept; must outlive the process.
        monitor: name of the logged value whose first maximum is the best epoch; None if the last epoch is the best.
        schedule: how many epochs make a pass over the train split; needed only where there are epochs.
        parameters: how many numbers are trained.
    """

    def __init__(self, folder: str, monitor: str | None, schedule: Schedule | None = None, parameters: int = 0):
        super().__init__()
        self._folder = folder
        self._monitor = monitor
        self._schedule = schedule
        self._parameters = parameters
        state = _read_state(os.path.join(folder, TRAINING_FILE))
        self._epochs: list[dict[str, float]] = state["epochs"] if state else []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock of an epoch."""
        self._start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds an epoch, in the place of one that was killed after it was kept here and is trained once more."""
        measured = {name: float(value) for name, value in (logs or {}).items()}
        earlier = [entry for entry in self._epochs if entry["epoch"] <= epoch]
        passes = epoch + 1.0 if self._schedule is None else self._schedule.epochs_after(epoch + 1)
        entry = {"epoch": epoch + 1, "passes": passes, "seconds": time.monotonic() - self._start, **measured}
        self._epochs = [*earlier, entry]
        self.save(self._folder)

    def save(self, folder: str) -> None:
        """Writes `training.json`, whole or not at all.

        Args:
            folder: folder to write into. The file holds ``epochs``, a dictionary each of ``epoch`` (from 1), ``passes``
                over the train split so far, ``seconds`` and the logged values; ``best_epoch``, whose weights are kept
                (null before the first); ``monitor``; and ``parameters``.
        """
        content = {
            "epochs": self._epochs,
            "best_epoch": self._best_epoch(),
            "monitor": self._monitor,
            "parameters": self._parameters,
        }
        _write_state(os.path.join(folder, TRAINING_FILE), content)

    def _best_epoch(self) -> int | None:
        if not self._epochs:
            return None
        monitor = self._monitor
        if monitor is None:
            return int(self._epochs[-1]["epoch"])
        # The first of equal epochs, like `EarlyStopping`.
        return int(max(self._epochs, key=lambda entry: entry[monitor])["epoch"])


class FiniteLosses(tf_keras.callbacks.Callback):
    """Fails at the end of an epoch in which a logged value is infinite or not a number.

    Comes before all callbacks that keep weights: a model of such numbers would be saved, exported and pushed.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks every logged value.

        Raises:
            FloatingPointError: names the epoch and the values.
        """
        broken = sorted(name for name, value in (logs or {}).items() if not math.isfinite(value))
        if broken:
            raise FloatingPointError(
                f"Training diverged in epoch {epoch + 1}: {', '.join(broken)} became infinite or not a number. "
                "Lower training.learning_rate, or the weights of the terms in training."
            )


def _read_state(path: str) -> dict[str, Any] | None:
    """Returns the content of a file from `_write_state`; None if there is none."""
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return json.load(file)


def _write_state(path: str, content: dict[str, Any]) -> None:
    """Writes a JSON file, on any file system that TensorFlow knows, whole or not at all."""
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(f"{path}.new", "w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
    tf.io.gfile.rename(f"{path}.new", path, overwrite=True)
