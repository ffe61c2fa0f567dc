"""Failure messages: why a run did not finish, in sentences that say what happened, where, and what to do."""

import os
import re
from collections.abc import Iterator

from experiments.runs.process import describe_exit
from experiments.runs.result import FAILED, OUT_OF_MEMORY, Status
from experiments.runs.run import Run
from reporting.console import short_path
from reporting.numbers import format_gib

_LONGEST = 400
"""Characters of an exception's message that are repeated at most."""
_TAIL = 4096
"""Bytes at the end of a log that are searched."""
_KILLED = -9
_REFUSED = re.compile(r"(OOM when allocating|std::bad_alloc).*")
_NOT_OF_MEMORY = ("no space left", "quota exceeded", "too many open files")
"""Phrases in what TensorFlow also reports as an exhausted resource."""


def describe_over_limit(run: Run, used: int, limit: int, stage: str) -> str:
    """Says that a run was stopped because it took more memory than it was allowed.

    Args:
        run: the run.
        used: bytes that it took.
        limit: bytes that it was allowed.
        stage: where the run was, as in "in training epoch 3".
    """
    took = f"It took {format_gib(used)} {stage}, more than the {format_gib(limit)} it was given."
    return f"{took} {_advise(run, stage)}"


def describe_refusal(message: str, stage: str, peak: int) -> str:
    """Says that a run failed because it asked for memory and got none, when it held `peak` bytes."""
    found = _REFUSED.search(message)
    said = _shorten(found[0] if found else message)
    return f"It could not get the memory it asked for {stage}, when it had {format_gib(peak)}: {said}"


def describe_exception(message: str, stage: str, log_file: str) -> str:
    """Says that a run failed because of an exception, given the message of the exception."""
    return f"It failed {stage}: {_shorten(message)} (full log: {short_path(log_file)})"


def diagnose_exit(
    exit_code: int | None, killed_for_memory: bool, stage: str, peak: int, log_file: str
) -> tuple[Status, str]:
    """Returns the status of a run whose process ended without a last message, and says why it ended.

    Args:
        exit_code: exit code of the process.
        killed_for_memory: whether the kernel may have killed a process meanwhile because memory ran out.
        stage: where the run was.
        peak: largest memory that it was seen to hold, in bytes.
        log_file: log of the run.
    """
    if exit_code == _KILLED and killed_for_memory:
        return OUT_OF_MEMORY, (
            f"The kernel killed it {stage}, when it had {format_gib(peak)}, because the machine ran out of memory. "
            "Leave it more, or give the run less by --memory-gib to have it stopped earlier."
        )
    if "bad_alloc" in _read_tail(log_file):
        return OUT_OF_MEMORY, describe_refusal("std::bad_alloc", stage, peak)
    ended = f"It ended unexpectedly {stage}, with {describe_exit(exit_code)}"
    return FAILED, f"{ended} (full log: {short_path(log_file)})"


def is_memory_error(error: BaseException) -> bool:
    """Tells whether an exception, or one that led to it, says that memory has run out."""
    chain = list(_follow_causes(error))
    if any(phrase in str(one).lower() for one in chain for phrase in _NOT_OF_MEMORY):
        return False
    return any(
        isinstance(one, MemoryError) or type(one).__name__ == "ResourceExhaustedError" or "std::bad_alloc" in str(one)
        for one in chain
    )


def _follow_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _advise(run: Run, stage: str) -> str:
    """Says what a person can do so that a run takes less memory, or may take more."""
    if "evaluation" in stage:
        return "Raise --memory-gib, or lower evaluation.batch_size."
    if not run.trained:
        return "Raise --memory-gib."
    sampling = run.config.training.candidates.sampling
    if sampling == "in_batch":
        return "Raise --memory-gib, or lower training.batch_size."
    if sampling == "none":
        fewer = "compare with a sample of the items (training.candidates.sampling)"
    else:
        fewer = "lower training.candidates.number"
    return f"Raise --memory-gib, lower training.batch_size, or {fewer}."


def _shorten(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _read_tail(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, "rb") as file:
        file.seek(max(os.path.getsize(path) - _TAIL, 0))
        return file.read().decode("utf-8", "replace")
