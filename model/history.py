"""What training measured, epoch by epoch, for people to look back on."""

import json
import os
import time
from typing import Any

import tensorflow as tf
import tf_keras

TRAINING_FILE = "training.json"


class History(tf_keras.callbacks.Callback):
    """Keeps the logged values of every epoch, also of those before training was killed and resumed.

    Keras' own history lives in memory, so a resumed run would forget how it began. Stand before `model.backup.Backup`:
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
        # Of equal epochs the first, as `model.early_stopping` has it.
        return int(max(self._epochs, key=lambda one: one[monitor])["epoch"])
