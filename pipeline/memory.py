"""Memory that a process can be given, on a machine and in a container."""

import contextlib
import pathlib
from collections.abc import Iterator

import psutil

from schemas.errors import UserError

SHARE = 0.8
"""Share of the available memory that a process gets by default; the rest is for everything else."""
_GIB = 2**30

# For each version of control groups: the folder of the groups; the files of the limit and of the memory in use; and the
# line of `memory.stat` for the part of the latter that is cached files, which the kernel gives back when asked.
_UNIFIED = ("", "memory.max", "memory.current", "inactive_file")
_LEGACY = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def read_limit(memory_gib: float | None) -> int:
    """Returns the memory limit that a person has given, in bytes.

    Args:
        memory_gib: limit in GiB; None for the one of `choose_limit`.

    Raises:
        UserError: if it is not an amount of memory.
    """
    if memory_gib is None:
        return choose_limit()
    if not 0 < memory_gib < float("inf"):
        raise UserError(f"--memory-gib: must be greater than 0. Received: {memory_gib}")
    return int(memory_gib * _GIB)


def choose_limit() -> int:
    """Returns the default memory limit, in bytes: a share of what is available now.

    A limit of 2 GiB or more is in whole GiB: a run that ran out of memory is repeated when the limit has grown, which
    should not depend on a few MB.
    """
    limit = int(SHARE * measure_available())
    return limit - limit % _GIB if limit >= 2 * _GIB else limit


def measure_available(root: str = "/") -> int:
    """Returns the memory that can be had now within the control groups of this process, in bytes.

    Args:
        root: root folder of the filesystem.
    """
    return min([psutil.virtual_memory().available, *_measure_groups(pathlib.Path(root))])


def count_memory_kills() -> int | None:
    """Returns how many processes the kernel has killed since it started because memory ran out; None if unknown."""
    with contextlib.suppress(OSError), open("/proc/vmstat", encoding="ascii") as file:
        for line in file:
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return None


def prefer_to_be_killed() -> None:
    """Asks the kernel to kill this process before others when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _measure_groups(root: pathlib.Path) -> Iterator[int]:
    """Yields the bytes left in each control group of this process that has a limit, and in the groups around it."""
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
                        yield from _measure_group(place, *names)


def _measure_group(place: pathlib.Path, limit_file: str, used_file: str, cached: str) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):  # no such file; "max"
        limit, used = (int((place / name).read_text(encoding="ascii")) for name in (limit_file, used_file))
        lines = (place / "memory.stat").read_text(encoding="ascii").splitlines()
        reclaimable = sum(int(line.split()[1]) for line in lines if line.split()[0] == cached)
        yield max(limit - used + reclaimable, 0)
