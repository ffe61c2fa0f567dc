"""Early stopping that survives a restart: the best weights and the count of poor epochs lie on disk."""

import json
import os
from typing import Any

import tensorflow as tf
import tf_keras


class EarlyStopping(tf_keras.callbacks.Callback):
    """Stops when the monitored value has not risen for some epochs, and restores the best epoch.

    Keras' own callback forgets its best weights when training is killed, so a resumed run could keep a worse
    model than one that was never interrupted.

    Args:
        folder: where the best weights and the state are kept; must outlive the process.
        monitor: name of a logged value; larger is better.
        patience: epochs without a new best before training stops.
    """

    def __init__(self, folder: str, monitor: str, patience: int):
        super().__init__()
        self.monitor = monitor
        self.patience = patience
        self.folder = folder
        self.best = float("-inf")
        self.best_epoch = -1

    @property
    def _state_file(self) -> str:
        return os.path.join(self.folder, "state.json")

    @property
    def _weights(self) -> str:
        return os.path.join(self.folder, "weights")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Takes up the state of an interrupted run."""
        tf.io.gfile.makedirs(self.folder)
        if tf.io.gfile.exists(self._state_file):
            with tf.io.gfile.GFile(self._state_file) as file:
                state = json.load(file)
            self.best, self.best_epoch = state["best"], state["best_epoch"]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps a new best, or counts a poor epoch."""
        value = (logs or {})[self.monitor]
        if value > self.best:
            self.best, self.best_epoch = float(value), epoch
            self.model.save_weights(self._weights)
            with tf.io.gfile.GFile(self._state_file, "w") as file:
                json.dump({"best": self.best, "best_epoch": epoch}, file)
        elif epoch - self.best_epoch >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the best epoch's weights."""
        if self.best_epoch >= 0:
            self.model.load_weights(self._weights).expect_partial()
