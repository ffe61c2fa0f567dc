"""What a person sees of a run: whole lines, one line that is still open, and a live line on a terminal."""

import os
import shutil
from typing import TextIO


def short_path(path: str) -> str:
    """Writes a path as short as it can be typed from the current folder."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


class Screen:
    """Keeps lines whole, whoever writes in between.

    Args:
        stream: a terminal or a file.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._open = False

    def is_terminal(self) -> bool:
        """Tells whether lines can be redrawn in place."""
        return self._stream.isatty()

    def begin(self, text: str) -> None:
        """Writes the beginning of a line, which `end` completes."""
        self._close()
        self._write(text)
        self._open = True

    def end(self, begun: str, rest: str) -> None:
        """Completes the line that began with `begun`, or repeats it when something was written in between."""
        self._write(f"{rest}\n" if self._open else f"{begun}{rest}\n")
        self._open = False

    def line(self, text: str) -> None:
        """Writes whole lines."""
        self._close()
        self._write(f"{text}\n")

    def live(self, text: str) -> None:
        """Redraws a line in place; nothing in a file. The text brings its own carriage return."""
        if self.is_terminal():
            self._close()
            self._write(text)

    def redraw(self, text: str) -> None:
        """Shows a text in the place of the one before, cut to the width of the terminal; nothing in a file."""
        width = shutil.get_terminal_size().columns - 1  # a line that is full would break
        self.live(f"\r{text if len(text) <= width else text[: width - 1] + '…'}\x1b[K")

    def _close(self) -> None:
        if self._open:
            self._write("\n")
            self._open = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
