"""Early stopping that survives a restart: the best weights and the count of poor epochs lie on disk."""

import json
import os
from typing import Any

import tensorflow as tf
import tf_keras

from model.network import Network


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
