"""How much memory there is to give to a process, on a machine and in a container."""

import contextlib
import pathlib
from collections.abc import Iterator

import psutil

from schemas.errors import UserError

SHARE = 0.8
"""Of what is available; the rest is for everything else."""
_GIB = 2**30

# Of each version of control groups: where they are, and the files of the limit, of what is in use, and the line of
# `memory.stat` for what of that is cached files, which make room when asked to.
_UNIFIED = ("", "memory.max", "memory.current", "inactive_file")
_LEGACY = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def read_limit(memory_gib: float | None) -> int:
    """Reads what a person allows a process to take; returns bytes.

    Args:
        memory_gib: in GiB; None for `default_limit`.

    Raises:
        UserError: if it is no amount of memory.
    """
    if memory_gib is None:
        return default_limit()
    if not 0 < memory_gib < float("inf"):
        raise UserError(f"--memory-gib: must be greater than 0. Received: {memory_gib}")
    return int(memory_gib * _GIB)


def default_limit() -> int:
    """Returns what a process may take by default, in bytes: a share of what is available now.

    In whole GiB where that makes sense, because it decides whether what has run out of memory is tried again: that
    should not depend on a few MB.
    """
    limit = int(SHARE * available_bytes())
    return limit - limit % _GIB if limit >= 2 * _GIB else limit


def available_bytes(root: str = "/") -> int:
    """Returns how much memory can be had now, within the limits of the control groups of this process.

    Args:
        root: where the filesystem begins.
    """
    return min([psutil.virtual_memory().available, *_rooms(pathlib.Path(root))])


def killed_for_memory() -> int | None:
    """Returns how many processes the kernel has killed since it started because memory ran out; None if unknown."""
    with contextlib.suppress(OSError), open("/proc/vmstat", encoding="ascii") as file:
        for line in file:
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return None


def be_killed_first() -> None:
    """Asks the kernel to kill this process before others when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _rooms(root: pathlib.Path) -> Iterator[int]:
    """Yields what is left in each control group of this process that has a limit, and in those around it."""
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or "memory" in controllers.split(","):
                folder, *names = _LEGACY if controllers else _UNIFIED
                top = root / "sys/fs/cgroup" / folder
                # In a container the path may be that of the host: the root, then, is the container's own group.
                group = top / path.lstrip("/")
                for place in {group, *group.parents}:
                    if place.is_relative_to(top):
                        yield from _room(place, *names)


def _room(place: pathlib.Path, limit_file: str, used_file: str, cached: str) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):  # no such file; "max"
        limit, used = (int((place / name).read_text(encoding="ascii")) for name in (limit_file, used_file))
        lines = (place / "memory.stat").read_text(encoding="ascii").splitlines()
        reclaimable = sum(int(line.split()[1]) for line in lines if line.split()[0] == cached)
        yield max(limit - used + reclaimable, 0)
