"""What a command of `dspnet` is, and the options and checks that several commands share."""

import argparse
import dataclasses
from collections.abc import Callable

from pipeline.exit_codes import STOPPED
from schemas.errors import UserError


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of `dspnet`.

    Attributes:
        name: the word after `dspnet` on the command line.
        help: one line for the list of commands.
        add_arguments: adds the command's arguments to its parser.
        run: does what the command is for, given the arguments; raises `schemas.errors.UserError` for a wrong request
            and `pipeline.console.StepFailedError` for work that failed.
        stopped: what Ctrl-C is answered with.
        description: what ``--help`` says about the command; None for nothing but its arguments.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    stopped: str = STOPPED
    description: str | None = None


TOP = 10
"""How many a user is recommended where ``--top`` does not say."""


def add_top(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--top``."""
    text = f"how many for a user; a model gives 100 at most (default: {TOP})"
    parser.add_argument("--top", type=int, metavar="N", help=text)


def read_top(given: int | None, default: int = TOP) -> int:
    """Returns the value of ``--top``, or the default if it was not given.

    Raises:
        UserError: if it is less than 1.
    """
    if given is not None and given < 1:
        raise UserError(f"--top: must be at least 1. Received: {given}")
    return default if given is None else given
