"""Tells how far an evaluation is."""

import logging
import time

_log = logging.getLogger("dspnet")

EVERY_SECONDS = 10.0


class EvaluationProgress:
    """Logs from time to time how many sequences are measured and how long the rest will take.

    Args:
        models: how many are measured side by side.
    """

    def __init__(self, models: int):
        self._models = models
        self._start = self._last = time.monotonic()
        self._first: tuple[int, float] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Takes note of the sequences that are done, and of how many there are."""
        now = time.monotonic()
        if done == total:
            taken = now - self._start
            _log.info("measured %d models on %d sequences in %.1f s", self._models, total, taken)
        elif self._first is None:
            self._first = done, now  # this batch has taken longer, for it was traced
        elif now - self._last >= EVERY_SECONDS:
            self._last = now
            number, start = self._first
            left = (now - start) / (done - number) * (total - done)
            _log.info("measured %d of %d sequences, about %.0f s left", done, total, left)
