"""Sends what TFX, Beam and TensorFlow write to a log file, so that a person sees what concerns them."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from pipeline.screen import Screen

OWN_LOGGER = "dspnet"
"""Our components and our model speak to the person through this logger."""


@contextlib.contextmanager
def quiet(log_file: str) -> Iterator[Screen]:
    """Redirects standard output, standard error and all logging to a file; yields the screen.

    The redirection is done to the file descriptors, because TensorFlow's C++ code writes to them directly. Our own
    messages and the errors of others are shown on the screen as well.
    """
    os.makedirs(os.path.dirname(log_file), exist_ok=True)
    with contextlib.ExitStack() as stack:
        screen = Screen(stack.enter_context(_descriptors_to(log_file)))
        log = stack.enter_context(open(log_file, "a", encoding="utf-8", buffering=1))
        stack.enter_context(contextlib.redirect_stdout(log))
        stack.enter_context(contextlib.redirect_stderr(_Stderr(log, screen)))
        stack.enter_context(_handlers(_log_handler(log), _ScreenHandler(screen)))
        yield screen


@contextlib.contextmanager
def _descriptors_to(log_file: str) -> Iterator[TextIO]:
    """Points descriptors 1 and 2 at an emptied file; yields the former descriptor 1."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    # O_APPEND, because the descriptors and the stream of `quiet` write to one file side by side.
    target = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    screen = os.fdopen(os.dup(saved[0]), "w", encoding=sys.stdout.encoding or "utf-8", errors="replace")
    try:
        yield screen
    finally:
        screen.close()
        for descriptor, former in zip((1, 2), saved, strict=True):
            os.dup2(former, descriptor)
            os.close(former)


@contextlib.contextmanager
def _handlers(*handlers: logging.Handler) -> Iterator[None]:
    """Makes the root logger use these handlers alone, from INFO on."""
    root, own = logging.getLogger(), logging.getLogger(OWN_LOGGER)
    before = root.handlers[:], root.level, own.level
    root.handlers[:] = handlers
    root.setLevel(logging.INFO)
    own.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        own.setLevel(before[2])


class _Stderr(io.TextIOBase):
    """Standard error of a quiet run: lines redrawn in place are for the person, the rest is for the log."""

    def __init__(self, log: TextIO, screen: Screen):
        self._log = log
        self._screen = screen

    def isatty(self) -> bool:
        return self._screen.is_terminal()

    def fileno(self) -> int:
        return 2

    def write(self, text: str) -> int:
        if text.startswith("\r"):
            self._screen.live(text)
        elif not self._log.closed:  # loggers of others may keep this stream and write when the run is over
            self._log.write(text)
        return len(text)


class _ScreenHandler(logging.Handler):
    """Shows our own messages, and the first line of the errors of others."""

    def __init__(self, screen: Screen):
        super().__init__(logging.INFO)
        self._screen = screen
        self.addFilter(lambda record: record.name == OWN_LOGGER or _is_news(record))

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        shown = text if record.name == OWN_LOGGER else text.partition("\n")[0]
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        self._screen.line(f"  {level}{shown}")


def _is_news(record: logging.LogRecord) -> bool:
    # What a failing step raises is logged here and by TFX's launcher, but told once, by `pipeline.local_runner`.
    told = record.module in ("launcher", "step_runner")
    return record.levelno >= logging.ERROR and not told


def _log_handler(log: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
