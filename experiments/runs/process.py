"""Processes of experiments: a function in a worker process, and a lock that lets one experiment into a folder.

Random seeds and memory of one worker process do not reach the next.
"""

import contextlib
import fcntl
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

from pipeline.memory import prefer_to_be_killed
from reporting.console import short_path
from schemas.errors import UserError

LOCK_FILE = "lock"

_END_SECONDS = 10.0
"""Time that a process gets to end by itself."""


class WorkerProcess:
    """A function in a process, and process group, of its own; a context manager that leaves no process behind.

    Ctrl-C in a terminal reaches the parent process alone, which decides what becomes of the worker process. The worker
    process does not outlive its parent.

    Args:
        function: function of a module, so that the worker process can import it; is called with a connection to the
            parent process, then the arguments.
        *arguments: arguments that can be pickled.

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

    def receive(self, every: float) -> Iterator[Any]:
        """Yields what the function sends until the process ends, and None whenever it was silent for some time.

        Args:
            every: seconds of silence after which None is yielded.
        """
        while True:
            ready = multiprocessing.connection.wait([self.link, self._process.sentinel], every)
            if not ready:
                yield None
            elif self.link in ready:  # first, so that the last messages of a process that has ended are read
                try:
                    message = self.link.recv()
                except (EOFError, OSError):
                    break
                yield message
            else:
                break
        self._process.join(_END_SECONDS)

    def measure_memory(self) -> int:
        """Returns what the process and those it has started hold in memory now; 0 when it has ended."""
        try:
            process = psutil.Process(self._process.pid)
            family = [process, *process.children(recursive=True)]
            return sum(one.memory_info().rss for one in family)
        except psutil.Error:  # ended in between
            return 0

    @property
    def exit_code(self) -> int | None:
        """Exit code of the process; the negative number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def interrupt(self) -> None:
        """Asks the process to stop, as Ctrl-C does, and waits for a while."""
        self._signal(signal.SIGINT)
        self._process.join(_END_SECONDS)

    def end(self) -> None:
        """Waits for a while for a process that has done its work: it may have files of its own to remove."""
        self._process.join(_END_SECONDS)

    def kill(self) -> None:
        """Ends the process and all that it has started, at once."""
        self._signal(signal.SIGKILL)
        self._process.join()
        self.link.close()

    def _signal(self, number: signal.Signals) -> None:
        pid = self._process.pid
        assert pid is not None, "the process was started"
        try:
            os.killpg(pid, number)
        except ProcessLookupError:  # has ended, or has no group of its own yet
            if self._process.is_alive():
                os.kill(pid, number)

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.kill()


def describe_exit(exit_code: int | None) -> str:
    """Writes the exit code of a process for people.

    >>> describe_exit(-9), describe_exit(1)
    ('SIGKILL', 'exit code 1')
    """
    return f"exit code {exit_code}" if exit_code is None or exit_code >= 0 else signal.Signals(-exit_code).name


@contextlib.contextmanager
def exclusive_lock(folder: str, what: str, advice: str = "") -> Iterator[None]:
    """Holds a lock on a folder, which ends with this process however that ends.

    Two experiments at once would train the same model into the same files.

    Args:
        folder: folder of the experiment.
        what: name of the experiment, as in "a benchmark".
        advice: what else to do than wait when the lock is refused, as in ", or give this one another folder".

    Raises:
        UserError: if another process holds the lock.
    """
    with open(os.path.join(folder, LOCK_FILE), "a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise UserError(
                f"{short_path(folder)}: {what} is running there already, process {file.read().strip()}. "
                f"Wait for it{advice}."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _begin(
    function: Callable[..., None], link: multiprocessing.connection.Connection, arguments: tuple[Any, ...]
) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # drops one that waits
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prefer_to_be_killed()
    function(link, *arguments)


def _end_with_parent() -> None:
    """Ends this process group when the parent process does: nobody would wait for its work."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a worker process comes here"
    multiprocessing.connection.wait([parent.sentinel])
    os.killpg(os.getpgrp(), signal.SIGKILL)
