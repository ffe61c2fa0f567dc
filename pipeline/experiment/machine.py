"""What machine an experiment runs on: times and memory mean little without it."""

import os
import pathlib
import platform

import psutil

from pipeline.experiment.troubles import gib


def describe_machine(root: str = "/") -> dict[str, str]:
    """Returns what is known of this machine, by what it is.

    Args:
        root: where the filesystem begins.
    """
    facts = {
        "processor": _processor(pathlib.Path(root)),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": gib(psutil.virtual_memory().total),
        "accelerators": ", ".join(_accelerators(pathlib.Path(root))),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
    return {name: value for name, value in facts.items() if value}


def _processor(root: pathlib.Path) -> str:
    return _line(root / "proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def _accelerators(root: pathlib.Path) -> list[str]:
    files = sorted(root.glob("proc/driver/nvidia/gpus/*/information"))
    return [_line(file, "Model") or "unknown" for file in files]


def _line(file: pathlib.Path, name: str) -> str | None:
    """Returns the value of the first line ``name : value``."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    found = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in found if key.strip() == name), None)
