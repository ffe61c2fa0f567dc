"""Progress of training: a live line on a terminal, one lasting line an epoch."""

import logging
import sys
import time
from typing import Any

import tf_keras

_log = logging.getLogger("dspnet")
_REFRESH_SECONDS = 0.5


class TrainingProgress(tf_keras.callbacks.Callback):
    """Tells how far training is, how it goes, and how long it may still take.

    Args:
        steps: steps an epoch.
        epochs: most epochs; early stopping may end sooner.
    """

    def __init__(self, steps: int, epochs: int):
        super().__init__()
        self.steps = steps
        self.epochs = epochs
        self._epochs_timed = 0
        self._seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock of an epoch."""
        self._epoch = epoch
        self._start = self._shown = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Redraws the live line now and then."""
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._shown > _REFRESH_SECONDS:
            self._shown = now
            done = batch + 1
            left = (now - self._start) / done * (self.steps - done)
            loss = (logs or {}).get("loss", float("nan"))
            filled = 24 * done // self.steps
            bar = "#" * filled + "-" * (24 - filled)
            place = f"epoch {self._epoch + 1}/{self.epochs} [{bar}] {done}/{self.steps}"
            line = f"  {place}  loss {loss:.4f}  {left:.0f} s left"
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Leaves one line for the epoch."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        seconds = time.monotonic() - self._start
        self._epochs_timed += 1
        self._seconds += seconds
        left = self._seconds / self._epochs_timed * (self.epochs - epoch - 1)
        # What was measured on validation is logged last and asked for first; long lines are cut or wrapped.
        values = "  ".join(f"{name} {value:.4f}" for name, value in reversed((logs or {}).items()))
        _log.info("epoch %d/%d  %.0f s (at most %.0f s left)  %s", epoch + 1, self.epochs, seconds, left, values)
