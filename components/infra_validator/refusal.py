"""Why a candidate is not blessed."""

import contextlib
from collections.abc import Iterator


class RefusedError(Exception):
    """The candidate must not be served; the message says why, in one line."""


class UndecidedError(RuntimeError):
    """The candidate could not be judged; the message says why.

    The machine may be at fault, and a refusal would be cached: the step fails instead, and is done again.
    """


@contextlib.contextmanager
def about(name: str) -> Iterator[None]:
    """Puts in front of a refusal what it is about."""
    try:
        yield
    except RefusedError as refusal:
        raise RefusedError(f"{name}: {refusal}") from refusal


@contextlib.contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turns whatever a broken model makes others throw into a refusal: the step itself goes on."""
    try:
        yield
    except UndecidedError:
        raise
    except Exception as error:
        raise RefusedError(f"{what}: {first_line(str(error))}") from error


def first_line(text: str) -> str:
    """Returns what an error says, without the traces of graphs and frames that follow it."""
    return text.strip().partition("\n")[0] or "no message"
