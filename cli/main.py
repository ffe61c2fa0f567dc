"""The command `dspnet`: finds the command that was asked for, runs it and returns its exit code.

Whatever is slow to import is imported by the command that needs it, so that `dspnet --help` answers at once.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence

from cli import batch_recommend, benchmark, check, compare, config, init, prepare, recommend, run, serve, tune
from pipeline.exit_codes import run_command

COMMANDS = tuple(
    module.COMMAND
    for module in (init, check, run, config, prepare, compare, benchmark, tune, recommend, batch_recommend, serve)
)
"""All commands, in the order in which `dspnet --help` lists them."""


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands; its result holds the `cli.command.Command` as ``command``."""
    parser = argparse.ArgumentParser(prog="dspnet", description="Recommends the next items and scenes from event logs.")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        below = parsers.add_parser(command.name, help=command.help, description=command.description)
        command.add_arguments(below)
        below.set_defaults(command=command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: the words after `dspnet`; by default those of the command line.

    Returns:
        The exit code, as `pipeline.exit_codes.run_command` gives it.
    """
    arguments = make_parser().parse_args(argv)
    arguments.typed = shlex.join(["dspnet", *(sys.argv[1:] if argv is None else argv)])
    return run_command(lambda: arguments.command.run(arguments), arguments.command.stopped)


if __name__ == "__main__":
    sys.exit(main())
