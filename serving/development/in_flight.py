"""Counts the requests that are being answered, so that a server can stop between them."""

import threading
from types import TracebackType


class InFlight:
    """Entered for the time of a request, by many threads at once."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Waits until nothing is in flight; returns whether that came to be in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, seconds)
