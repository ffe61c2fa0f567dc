"""A function in a fresh process: seeds and memory of one do not reach the next, and it never outlives this process."""

import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import signal
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import psutil

from experiments.runs.memory import be_killed_first

_TO_END = 10.0
"""Seconds that a process gets to end by itself."""


class WorkerProcess:
    """Runs a function in a process, and process group, of its own; a context manager that leaves none behind.

    Ctrl-C in a terminal reaches this process alone, which decides what becomes of the other.

    Args:
        function: of a module, so that the other process finds it; is given a connection to this process, then the
            arguments.
        *arguments: can be pickled.

    Attributes:
        link: connection to the function.
    """

    def __init__(self, function: Callable[..., None], *arguments: Any):
        context = multiprocessing.get_context("spawn")
        self.link, other = context.Pipe()
        self._process = context.Process(target=_begin, args=(function, other, arguments))
        # Ctrl-C must not reach the process before it has a group of its own: it waits until then, and is dropped.
        multiprocessing.resource_tracker.ensure_running()  # starting it would let signals through again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        other.close()

    def messages(self, every: float) -> Iterator[Any]:
        """Yields what the function sends until the process ends, and None whenever it was silent for some seconds.

        Args:
            every: how many.
        """
        while True:
            ready = multiprocessing.connection.wait([self.link, self._process.sentinel], every)
            if not ready:
                yield None
            elif self.link in ready:  # first, so that the last words of a process that has ended are heard
                try:
                    message = self.link.recv()
                except (EOFError, OSError):
                    break
                yield message
            else:
                break
        self._process.join(_TO_END)

    def memory_bytes(self) -> int:
        """Returns what the process and those it has started hold in memory now; 0 when it has ended."""
        try:
            process = psutil.Process(self._process.pid)
            family = [process, *process.children(recursive=True)]
            return sum(one.memory_info().rss for one in family)
        except psutil.Error:  # ended in between
            return 0

    @property
    def exit_code(self) -> int | None:
        """Of the process; the negative number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def interrupt(self) -> None:
        """Asks the process to stop, as Ctrl-C does, and waits for a while."""
        self._signal(signal.SIGINT)
        self._process.join(_TO_END)

    def end(self) -> None:
        """Waits for a while for a process that has done its work: it may have files of its own to remove."""
        self._process.join(_TO_END)

    def kill(self) -> None:
        """Ends the process and all that it has started, at once."""
        self._signal(signal.SIGKILL)
        self._process.join()
        self.link.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:  # has ended, or has no group of its own yet
            if self._process.is_alive():
                os.kill(self._process.pid, number)

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.kill()


def _begin(
    function: Callable[..., None], link: multiprocessing.connection.Connection, arguments: tuple[Any, ...]
) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # drops one that waits
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    be_killed_first()
    function(link, *arguments)


def _end_with_parent() -> None:
    """A parent that was killed could not say goodbye; nobody would wait for what this process does."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a process that was started by another one comes here"
    multiprocessing.connection.wait([parent.sentinel])
    os.killpg(os.getpgrp(), signal.SIGKILL)
