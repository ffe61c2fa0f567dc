"""Why a cell did not finish, in sentences that say what happened, where, and what to do."""

import os
import re
from typing import Literal

from experiments.runs.dataset import how_it_ended
from experiments.runs.result import FAILED, OUT_OF_MEMORY
from experiments.runs.run import Run
from reporting.console import short_path
from reporting.numbers import format_gib

_LONGEST = 400
_TAIL = 4096
_KILLED = -9
_REFUSED = re.compile(r"(OOM when allocating|std::bad_alloc).*")


def over_limit(cell: Run, used: int, limit: int, stage: str) -> str:
    """Returns why a cell was stopped that took more memory than it may.

    Args:
        cell: the cell.
        used: bytes that it took.
        limit: bytes that it was given.
        stage: where it was, as in "in training epoch 3".
    """
    took = f"It took {format_gib(used)} {stage}, more than the {format_gib(limit)} it was given."
    return f"{took} {_what_to_do(cell, stage)}"


def refused(message: str, stage: str, peak: int) -> str:
    """Returns why a cell failed that asked for memory and got none.

    Args:
        message: what the exception said.
        stage: where it was.
        peak: most bytes that it was seen to take.
    """
    found = _REFUSED.search(message)
    said = _short(found[0] if found else message)
    return f"It could not get the memory it asked for {stage}, when it had {format_gib(peak)}: {said}"


def failed(message: str, stage: str, log_file: str) -> str:
    """Returns why a cell failed; `message` is what the exception said."""
    return f"It failed {stage}: {_short(message)} (full log: {short_path(log_file)})"


def died(
    exit_code: int | None, killed_for_memory: bool, stage: str, peak: int, log_file: str
) -> tuple[Literal["out_of_memory", "failed"], str]:
    """Returns what became of a process that ended without a word, and why.

    Args:
        exit_code: of the process.
        killed_for_memory: whether the kernel may have killed a process meanwhile because memory ran out.
        stage: where it was.
        peak: most bytes that it was seen to take.
        log_file: what it wrote.
    """
    if exit_code == _KILLED and killed_for_memory:
        return OUT_OF_MEMORY, (
            f"The kernel killed it {stage}, when it had {format_gib(peak)}, because the machine ran out of memory. "
            "Leave it more, or give the cell less by --memory-gib to have it stopped earlier."
        )
    if "bad_alloc" in _tail(log_file):
        return OUT_OF_MEMORY, refused("std::bad_alloc", stage, peak)
    ended = f"It ended unexpectedly {stage}, with {how_it_ended(exit_code)}"
    return FAILED, f"{ended} (full log: {short_path(log_file)})"


def _what_to_do(cell: Run, stage: str) -> str:
    if "evaluation" in stage:
        return "Raise --memory-gib, or lower evaluation.batch_size."
    if not cell.learned:
        return "Raise --memory-gib."
    sampling = cell.config.training.candidates.sampling
    if sampling == "in_batch":
        return "Raise --memory-gib, or lower training.batch_size."
    if sampling == "none":
        fewer = "compare with a sample of the items (training.candidates.sampling)"
    else:
        fewer = "lower training.candidates.number"
    return f"Raise --memory-gib, lower training.batch_size, or {fewer}."


def _short(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _tail(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, "rb") as file:
        file.seek(max(os.path.getsize(path) - _TAIL, 0))
        return file.read().decode("utf-8", "replace")
