"""What a person sees of a run: its steps, its failures and its own messages; all else goes to a log file.

Our components and our model write to the logger `dspnet`, whose records are shown as lines. A line that is redrawn in
place, as training redraws its bar, is written to standard error with a carriage return before it.
"""

import contextlib
import dataclasses
import io
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from reporting.console import Screen
from reporting.numbers import format_bytes, format_seconds

OWN_LOGGER = "dspnet"

_STYLES = {"done": "green", "cached": "dim", "failed": "bold red"}
"""Colours on a terminal, by outcome of a step."""

_ERASE_REST = "\x1b[K"
"""The sequence that erases a terminal's line from the cursor on, after a line that is redrawn."""

_TRACEBACK = "Traceback (most recent call last)"
# The line after the frames of a traceback: the exception's name, with its module, then the message.
_EXCEPTION = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt|Exit|Failed)\b: ", re.MULTILINE)
_BEAM_STEP = re.compile(r"\s*\[while running [^\]]*\]")


class StepFailedError(Exception):
    """A step of the pipeline failed.

    Attributes:
        step: the step's id.
    """

    def __init__(self, step: str, message: str):
        super().__init__(message)
        self.step = step

    def __reduce__(self) -> tuple[type, tuple[str, str], dict[str, Any]]:
        return type(self), (self.step, str(self)), self.__dict__  # so that it can leave a worker process, notes and all


def describe_error(error: BaseException) -> str:
    """Returns what an exception says, without traceback.

    Beam hands on the exceptions of its workers as text, traceback included, and adds where in the graph they rose:
    of that text only the last exception's own message is kept.
    """
    text = str(error).strip()
    if _TRACEBACK in text:
        starts = [match.end() for match in _EXCEPTION.finditer(text)]
        text = text[starts[-1] :] if starts else text.splitlines()[-1]
    text = _BEAM_STEP.sub("", text).strip()
    known = isinstance(error, ValueError | RuntimeError)  # their names would tell a person nothing
    name = "" if text and known else type(error).__name__
    return f"{name}: {text}" if name and text else name or text


def reset_peak() -> None:
    """Starts a new measurement of memory: the kernel's high-water mark falls to what is in use now."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def read_peak_bytes() -> int | None:
    """Returns the most memory this process has held since `reset_peak`; None where there is no way to know."""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


@dataclasses.dataclass(frozen=True)
class StepReport:
    """How a step went.

    Attributes:
        name: id of the step.
        outcome: ``done``, ``cached`` or ``failed``.
        seconds: wall time.
        peak_bytes: most memory of this process during the step; None where the kernel does not tell.
    """

    name: str
    outcome: str
    seconds: float
    peak_bytes: int | None

    def __str__(self) -> str:
        if self.outcome == "cached":
            return "cached"
        outcome = "" if self.outcome == "done" else f"{self.outcome} after "
        peak = f", peak {format_bytes(self.peak_bytes)}" if self.peak_bytes else ""
        return f"{outcome}{format_seconds(self.seconds)}{peak}"


class Progress:
    """Shows which step runs and how each step went, and keeps the reports.

    Args:
        screen: where to show it.
        steps: how many steps there will be.
        clock: returns the time, in seconds.
        read_peak_bytes: returns the most memory since the step began, in bytes; None where there is no way to know.
    """

    def __init__(
        self,
        screen: Screen,
        steps: int,
        clock: Callable[[], float] = time.monotonic,
        read_peak_bytes: Callable[[], int | None] = read_peak_bytes,
    ):
        self._screen = screen
        self._steps = steps
        self._clock = clock
        self._read_peak_bytes = read_peak_bytes
        self._began = clock()
        self.reports: list[StepReport] = []

    def start(self, name: str) -> None:
        """Announces a step."""
        self._line = f"[{len(self.reports) + 1}/{self._steps}] {name} … "
        self._screen.begin(self._line)
        reset_peak()
        self._step_began = self._clock()

    def finish(self, name: str, outcome: str) -> None:
        """Shows how the step that was started went; `outcome` as in `StepReport`."""
        report = StepReport(name, outcome, self._clock() - self._step_began, self._read_peak_bytes())
        self.reports.append(report)
        self._screen.end(self._line, str(report), _STYLES[outcome])

    def summarize(self) -> str:
        """Returns one line about all steps so far."""
        peaks = [report.peak_bytes for report in self.reports if report.peak_bytes]
        text = f"{len(self.reports)} steps in {format_seconds(self._clock() - self._began)}"
        return f"{text}, peak {format_bytes(max(peaks))}" if peaks else text

    def save(self, path: str) -> None:
        """Writes the reports as JSON."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"steps": [dataclasses.asdict(report) for report in self.reports]}, file, indent=2)
            file.write("\n")


@contextlib.contextmanager
def redirect_output(log_file: str) -> Iterator[Screen]:
    """Redirects standard output, standard error and all logging to a file; yields the screen.

    The redirection is done to the file descriptors, because TensorFlow's C++ code writes to them directly. Our own
    messages and the errors of others are shown on the screen as well.
    """
    os.makedirs(os.path.dirname(log_file), exist_ok=True)
    with contextlib.ExitStack() as stack:
        screen = Screen(stack.enter_context(_redirect_descriptors(log_file)))
        stack.callback(screen.close)
        log = stack.enter_context(open(log_file, "a", encoding="utf-8", buffering=1))
        stack.enter_context(contextlib.redirect_stdout(log))
        stack.enter_context(contextlib.redirect_stderr(_Stderr(log, screen)))
        stack.enter_context(_use_handlers(_make_log_handler(log), _ScreenHandler(screen)))
        yield screen


@contextlib.contextmanager
def _redirect_descriptors(log_file: str) -> Iterator[TextIO]:
    """Points descriptors 1 and 2 at an emptied file; yields the former descriptor 1."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    # O_APPEND, because the descriptors and the stream of `redirect_output` write to one file side by side.
    target = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    screen = os.fdopen(os.dup(saved[0]), "w", encoding=sys.stdout.encoding or "utf-8", errors="replace")
    try:
        yield screen
    finally:
        for descriptor, former in zip((1, 2), saved, strict=True):
            os.dup2(former, descriptor)
            os.close(former)
        with contextlib.suppress(BrokenPipeError):  # what nobody reads need not be written
            screen.close()


@contextlib.contextmanager
def _use_handlers(*handlers: logging.Handler) -> Iterator[None]:
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
    """Standard error of a run: lines redrawn in place are for the person, the rest is for the log."""

    def __init__(self, log: TextIO, screen: Screen):
        self._log = log
        self._screen = screen

    def isatty(self) -> bool:
        return self._screen.is_terminal()

    def fileno(self) -> int:
        return 2

    def write(self, text: str) -> int:
        if text.startswith("\r"):
            self._screen.redraw(text.removeprefix("\r").removesuffix(_ERASE_REST))
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
        style = "" if not level else "yellow" if record.levelno < logging.ERROR else "red"
        self._screen.line(f"  {level}{shown}", style)


def _is_news(record: logging.LogRecord) -> bool:
    # What a failing step raises is logged here and by TFX's launcher, but shown once, when the command ends.
    return record.levelno >= logging.ERROR and record.module not in ("launcher", "step_runner")


def _make_log_handler(log: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
