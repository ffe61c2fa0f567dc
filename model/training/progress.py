"""Progress of training: a live line on a terminal, and one lasting line an epoch."""

import logging
import sys
import time
from typing import Any

import tf_keras

from model.config import MONITOR
from model.training.schedule import Schedule

_log = logging.getLogger("dspnet")
_details = logging.getLogger("dspnet.training")
"""Goes into the log file of a run, but not to the screen."""
_REFRESH_SECONDS = 0.5
_BAR_WIDTH = 24
_FIGURES = 5

_SHOWN_FIRST = {
    MONITOR: "validation NDCG@10",
    "val_item_loss": "val item loss",
    "loss": "loss",
    "item_loss": "item loss",
    "scene_loss": "scene loss",
}
"""Titles of the values that an epoch's line begins with: first what decides which epoch is kept."""


class TrainingProgress(tf_keras.callbacks.Callback):
    """Shows how far training is, how it goes, and how long it may still take.

    Args:
        schedule: how many epochs, of how many steps; early stopping may end sooner.
    """

    def __init__(self, schedule: Schedule):
        super().__init__()
        self.steps = schedule.round_steps
        self.epochs = schedule.rounds
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
            filled = _BAR_WIDTH * done // self.steps
            bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
            place = f"epoch {self._epoch + 1}/{self.epochs} [{bar}] {done}/{self.steps}"
            line = f"  {place}  loss {loss:.4f}  {left:.0f} s left"
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Leaves one line for the epoch on the screen, and all of its values in the log file."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        seconds = time.monotonic() - self._start
        self._epochs_timed += 1
        self._seconds += seconds
        left = self._seconds / self._epochs_timed * (self.epochs - epoch - 1)
        values = logs or {}
        figures = format_figures(values)
        _log.info("epoch %d/%d  %.0f s (at most %.0f s left)  %s", epoch + 1, self.epochs, seconds, left, figures)
        _details.info("epoch %d: %s", epoch + 1, ", ".join(f"{name}={value:.6g}" for name, value in values.items()))


def format_figures(logs: dict[str, float]) -> str:
    """Returns the values of an epoch that fit into a line, validation first.

    >>> format_figures({"loss": 11.7712, "apr_loss": 0.25, "val_item_loss": 8.79783, MONITOR: 0.09291})
    'validation NDCG@10 0.0929  val item loss 8.7978  loss 11.7712  apr loss 0.2500'
    """
    ordered = [name for name in _SHOWN_FIRST if name in logs]
    ordered += [name for name in logs if name not in _SHOWN_FIRST]
    titles = {name: _SHOWN_FIRST.get(name, name.replace("_", " ")) for name in ordered}
    return "  ".join(f"{titles[name]} {logs[name]:.4f}" for name in ordered[:_FIGURES])
