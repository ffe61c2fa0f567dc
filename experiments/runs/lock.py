"""One experiment in a folder at a time: two would train the same into the same files."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from reporting.console import short_path
from schemas.errors import UserError

LOCK_FILE = "lock"


@contextlib.contextmanager
def exclusive_lock(folder: str, what: str, advice: str = "") -> Iterator[None]:
    """Holds a lock on a folder, which ends with this process however that ends.

    Args:
        folder: of the experiment.
        what: it is, as in "a benchmark".
        advice: what else to do than wait, for who is refused, as in ", or give this one another folder".

    Raises:
        UserError: if another process holds it.
    """
    with open(os.path.join(folder, LOCK_FILE), "a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise UserError(
                f"{short_path(folder)}: {what} is running there already, process {file.read().strip()}. "
                f"Wait for it{advice}."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
