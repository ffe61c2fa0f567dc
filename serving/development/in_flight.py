"""Counts the requests that are being answered, so that a server can stop between them."""

import threading
import time
from types import TracebackType


class InFlight:
    """Entered for the time of a request, by many threads at once."""

    def __init__(self) -> None:
        self._count = self._begun = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1
            self._begun += 1
            self._changed.notify_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self, seconds: float, quiet: float) -> bool:
        """Waits until nothing is in flight, nor has been for a while.

        Args:
            seconds: to wait at most.
            quiet: seconds without a request, for a busy client is between two of them at any moment.

        Returns:
            Whether that came to be in time.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._changed.wait_for(lambda: self._count == 0, deadline - time.monotonic()):
                begun, left = self._begun, deadline - time.monotonic()
                if not self._changed.wait_for(lambda: self._begun != begun, min(quiet, left)):  # noqa: B023
                    return quiet <= left
        return False
