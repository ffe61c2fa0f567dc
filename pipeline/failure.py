"""What went wrong in a step, in the words of the component that refused."""

import re
from typing import Any

_TRACEBACK = "Traceback (most recent call last)"
# The line after the frames of a traceback: the exception's name, with its module, then the message.
_EXCEPTION = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt|Exit|Failed)\b: ", re.MULTILINE)
_BEAM_STEP = re.compile(r"\s*\[while running [^\]]*\]")


class StepFailedError(Exception):
    """A step of the pipeline failed.

    Attributes:
        step: its id.
    """

    def __init__(self, step: str, message: str):
        super().__init__(message)
        self.step = step

    def __reduce__(self) -> tuple[type, tuple[str, str], dict[str, Any]]:
        return type(self), (self.step, str(self)), self.__dict__  # so that it can leave a worker process, notes and all


def message_of(error: BaseException) -> str:
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
