"""The screen: what a person sees of a command, in whole lines, with a live line on a terminal."""

import contextlib
import os
import time
from collections.abc import Iterator
from typing import TextIO

import rich.console
import rich.live
import rich.spinner
import rich.text

from reporting.numbers import format_seconds

_REFRESHES_PER_SECOND = 4  # enough to see that it lives; the threads of a training have better things to do


class OutputClosedError(KeyboardInterrupt):
    """Nobody reads the output any more, as in ``dspnet config --describe | head``.

    It is an interruption, as Ctrl-C is one: no step has failed, and whoever catches errors leaves it alone.
    """


def short_path(path: str) -> str:
    """Returns a path as short as it can be typed from the current folder."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


class Screen:
    """A terminal or a file whose lines stay whole, whoever writes in between.

    A file gets text alone. A terminal gets colours, unless NO_COLOR is set, and one live line, which shows what is
    going on and for how long, and stays below all other lines.

    Args:
        stream: a terminal or a file.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._console = _Console(file=stream, force_terminal=stream.isatty(), force_jupyter=False)
        self._live_line: _LiveLine | None = None
        self._open = False

    def is_terminal(self) -> bool:
        """Returns whether lines can be redrawn in place."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def begin(self, text: str) -> None:
        """Writes the beginning of a line, which `end` completes."""
        if self.is_terminal():
            self._show().begin(text)
        else:
            self._close_line()
            self._write(text)
            self._open = True

    def end(self, begun: str, rest: str, style: str = "") -> None:
        """Completes the line that began with `begun`, or repeats its beginning if something was written in between.

        Args:
            begun: the text that `begin` was given.
            rest: what follows.
            style: colour of `rest` on a terminal, as `rich` names it.
        """
        self.close()
        if self.is_terminal():
            self._print(rich.text.Text.assemble(begun, (rest, style)))
        else:
            self._write(f"{rest}\n" if self._open else f"{begun}{rest}\n")
            self._open = False

    def line(self, text: str, style: str = "") -> None:
        """Writes whole lines, in a colour on a terminal."""
        if self.is_terminal():
            self._print(rich.text.Text(text, style))
        else:
            self._close_line()
            self._write(f"{text}\n")

    def redraw(self, text: str) -> None:
        """Shows a text in the place of the one before, cut to the width of the terminal; does nothing in a file.

        An empty text takes the one before away.
        """
        if self.is_terminal() and (text or self._live_line):
            line = self._show()
            line.redraw(text)
            if line.is_empty():
                self.close()

    def close(self) -> None:
        """Takes the live line away."""
        if self._live_line:
            self._live_line.stop()
            self._live_line = None
            _SCREENS.discard(self)

    def _show(self) -> "_LiveLine":
        if self._live_line is None:
            self._live_line = _LiveLine(self._console)
            _SCREENS.add(self)
        return self._live_line

    def _print(self, text: rich.text.Text) -> None:
        self._console.print(text, soft_wrap=True)

    def _close_line(self) -> None:
        if self._open:
            self._write("\n")
            self._open = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError as error:
            raise OutputClosedError from error


_SCREENS: set[Screen] = set()
"""Screens with a live line."""


@contextlib.contextmanager
def closing_live_lines() -> Iterator[None]:
    """Takes the live lines of all screens away at the end, however it comes: they would hide what is written next."""
    try:
        yield
    finally:
        for screen in [*_SCREENS]:
            screen.close()


class _Console(rich.console.Console):
    def on_broken_pipe(self) -> None:
        raise OutputClosedError

    def show_cursor(self, show: bool = True) -> bool:
        """Leaves the cursor as it is: a process that is killed or suspended could not show it again."""
        return False


class _LiveLine:
    """The last lines of a terminal: a step that has begun, with its time, and a text that is redrawn below it."""

    def __init__(self, console: rich.console.Console):
        self._step = ""
        self._text = ""
        self._spinner = rich.spinner.Spinner("dots")
        self._live = rich.live.Live(
            get_renderable=self._draw,
            console=console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def begin(self, step: str) -> None:
        self._step, self._began = step, time.monotonic()
        self._live.refresh()

    def redraw(self, text: str) -> None:
        self._text = text
        self._live.refresh()

    def is_empty(self) -> bool:
        return not self._step and not self._text

    def stop(self) -> None:
        self._step = self._text = ""
        self._live.stop()

    def _draw(self) -> rich.console.RenderableType:
        lines = [f"{self._step}{format_seconds(time.monotonic() - self._began)}"] if self._step else []
        lines += [self._text] if self._text else []
        if lines:
            lines[0] = f"{lines[0]} {self._spinner.render(time.monotonic())}"
        return rich.text.Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
