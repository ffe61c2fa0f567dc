"""Tells the process that watches a training how far it is, and asks whether to go on."""

import time
from multiprocessing.connection import Connection
from typing import Any

import tf_keras

from experiments.runs.run import EPOCH, STAGE


class StoppedError(Exception):
    """Training was told to stop."""


class Reporter(tf_keras.callbacks.Callback):
    """Sends each stage and each epoch's entry of `training.json`; waits for True or False after an epoch.

    Args:
        link: to the process that watches.
    """

    def __init__(self, link: Connection):
        super().__init__()
        self._link = link

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Tells that training begins."""
        self._link.send((STAGE, "before the first epoch"))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells which epoch begins, and starts its clock."""
        self._start = time.monotonic()
        self._link.send((STAGE, f"in training epoch {epoch + 1}"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells what the epoch measured.

        Raises:
            StoppedError: if that is enough.
        """
        measured = {name: float(value) for name, value in (logs or {}).items()}
        self._link.send((EPOCH, {"epoch": epoch + 1, "seconds": time.monotonic() - self._start, **measured}))
        if not self._link.recv():
            raise StoppedError

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Tells that what is left is to write the model."""
        self._link.send((STAGE, "in the export of the model"))
