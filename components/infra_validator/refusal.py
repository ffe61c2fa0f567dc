"""The two ways in which a candidate is not blessed: it is refused, or it cannot be judged."""

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
    """Puts the name of a request in front of a refusal."""
    try:
        yield
    except RefusedError as refusal:
        raise RefusedError(f"{name}: {refusal}") from refusal


@contextlib.contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turns any error that a broken model causes into a refusal, so that the step itself does not fail."""
    try:
        yield
    except UndecidedError:
        raise
    except Exception as error:
        raise RefusedError(f"{what}: {first_line(str(error))}") from error


def first_line(text: str) -> str:
    """Returns the first line of an error, without the traces of graphs and frames that follow it."""
    return text.strip().partition("\n")[0] or "no message"
