"""The command `dspnet`: finds the command that was asked for, runs it and returns its exit code.

Whatever is slow to import is imported by the command that needs it, so that `dspnet --help` answers at once.
"""

import argparse
import errno
import os
import select
import shlex
import sys
from collections.abc import Sequence

from cli import batch_recommend, benchmark, compare, config, prepare, recommend, run, serve, tune
from pipeline.console import FAILED, StepFailedError, report_failure
from reporting.console import OutputClosedError, closing_live_lines
from schemas.errors import UserError

COMMANDS = tuple(
    module.COMMAND for module in (run, config, prepare, compare, benchmark, tune, recommend, batch_recommend, serve)
)
"""All commands, in the order in which `dspnet --help` lists them."""

INTERRUPTED, OUTPUT_CLOSED = 130, 141
"""Exit codes, as shells have them for the signals SIGINT and SIGPIPE."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands; its result holds the `cli.command.Command` as ``command``."""
    parser = argparse.ArgumentParser(
        prog="dspnet", description="Recommends the next items and scenes from purchase logs."
    )
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
        The exit code: 0 for success, 1 for a step that failed, 2 for a wrong request, 130 after Ctrl-C, 141 when nobody
        reads the output any more.
    """
    arguments = make_parser().parse_args(argv)
    arguments.typed = shlex.join(["dspnet", *(sys.argv[1:] if argv is None else argv)])
    try:
        with closing_live_lines():
            arguments.command.run(arguments)
            sys.stdout.flush()
    except (UserError, StepFailedError) as error:
        return report_failure(error)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _is_output_closed():
            return _leave_quietly()
        if error.errno not in _FULL:
            raise
        where = f" to write {error.filename}" if error.filename else ""
        print(f"\n{error.strerror}{where}. Make room, and run the same command again.", file=sys.stderr)
        return FAILED
    except OutputClosedError:
        return _leave_quietly()
    except KeyboardInterrupt:
        print(f"\n{arguments.command.stopped}", file=sys.stderr)
        return INTERRUPTED
    return 0


def _is_output_closed() -> bool:
    """Returns whether nobody reads standard output: another pipe, or a connection, may have broken as well."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _leave_quietly() -> int:
    # Python writes at its end what is left of standard output, and would complain about the broken pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OUTPUT_CLOSED


if __name__ == "__main__":
    sys.exit(main())
