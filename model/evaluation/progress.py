"""Progress of an evaluation, as a person reads it."""

import logging
import time

_log = logging.getLogger("dspnet")

EVERY_SECONDS = 10.0
"""Shortest time between two lines of progress."""


class EvaluationProgress:
    """Logs from time to time how many sequences are measured and how long the rest will take.

    Args:
        models: number of models that are measured side by side.
    """

    def __init__(self, models: int):
        self._models = models
        self._start = self._last = time.monotonic()
        self._first: tuple[int, float] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Takes the number of sequences that are done and the number of all, and logs if it is time to."""
        now = time.monotonic()
        if done == total:
            _log.info("measured %d models on %d sequences in %.1f s", self._models, total, now - self._start)
        elif self._first is None:
            self._first = done, now  # the first batch takes longer, because it is traced
        elif now - self._last >= EVERY_SECONDS:
            self._last = now
            number, start = self._first
            left = (now - start) / (done - number) * (total - done)
            _log.info("measured %d of %d sequences, about %.0f s left", done, total, left)
