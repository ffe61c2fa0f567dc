"""How a command ends: what a person reads when it cannot go on, and the exit code that a shell gets."""

import errno
import os
import select
import sys
from collections.abc import Callable

from pipeline.console import StepFailedError
from reporting.console import OutputClosedError, Screen, closing_live_lines
from schemas.errors import UserError

FAILED, WRONG_USAGE = 1, 2
"""Exit codes: a step failed; what was asked cannot be done."""

INTERRUPTED, OUTPUT_CLOSED = 130, 141
"""Exit codes, as shells have them for the signals SIGINT and SIGPIPE."""

STOPPED = "Stopped. The same command resumes: finished steps are cached."
"""What Ctrl-C is answered with, unless a command has something else to say."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


def run_command(work: Callable[[], object], stopped: str = STOPPED) -> int:
    """Does the work of a command, and writes on standard error why it did not come to its end.

    Args:
        work: raises `UserError` for a wrong request and `StepFailedError` for work that failed.
        stopped: what Ctrl-C is answered with.

    Returns:
        The exit code: 0 for success, 1 for a step that failed or a full disk, 2 for a wrong request, 130 after Ctrl-C,
        141 when nobody reads the output any more.
    """
    try:
        with closing_live_lines():
            work()
            if sys.stdout is not None:  # the shell has closed it: ``dspnet config >&-``
                sys.stdout.flush()
    except (UserError, StepFailedError) as error:
        return _report_failure(error)
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
        print(f"\n{stopped}", file=sys.stderr)
        return INTERRUPTED
    return 0


def _report_failure(error: UserError | StepFailedError) -> int:
    screen = Screen(sys.stderr)
    if not isinstance(error, StepFailedError):
        screen.line(str(error), "red")
        return WRONG_USAGE
    screen.line(f"\n{error.step} failed: {error}", "red")
    notes = getattr(error, "__notes__", [])
    if notes:
        screen.line("\n".join(["", *notes]).rstrip())
    return FAILED


def _is_output_closed() -> bool:
    """Returns whether nobody reads standard output: another pipe, or a connection, may have broken as well."""
    if sys.stdout is None:
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _leave_quietly() -> int:
    # Python writes at its end what is left of standard output, and would complain about the broken pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OUTPUT_CLOSED
