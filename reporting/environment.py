"""What the numbers of a run come from: configuration, code, libraries and machine."""

import dataclasses
import importlib.metadata
import os
import pathlib
import platform
from collections.abc import Iterable, Mapping
from typing import Any

import psutil
import yaml

from reporting.numbers import format_gib

DISTRIBUTIONS = ("dspnet", "tensorflow", "tf-keras", "tfx", "apache-beam", "numpy", "pyarrow", "scikit-learn")
"""Libraries whose versions are recorded."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Configuration, code and libraries of a run.

    Attributes:
        config: configuration of the run, with all defaults.
        config_text: the configuration as YAML.
        source_digests: digest of the code of each component, by the component's id.
        versions: versions of Python and of the installed libraries.
    """

    config: Mapping[str, Any]
    config_text: str
    source_digests: Mapping[str, str]
    versions: Mapping[str, str]


def describe_origin(config: Mapping[str, Any], source_digests: Mapping[str, str]) -> Origin:
    """Returns the origin of a run that takes place in this process.

    Args:
        config: configuration of the run, with all defaults.
        source_digests: digest of the code of each component, by the component's id.
    """
    return Origin(
        config=dict(config),
        config_text=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
        source_digests=dict(source_digests),
        versions={"python": platform.python_version(), **read_versions()},
    )


def read_versions(distributions: Iterable[str] = DISTRIBUTIONS) -> dict[str, str]:
    """Returns the version of each distribution that is installed."""
    versions = {}
    for name in distributions:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def describe_machine(root: str = "/") -> dict[str, str]:
    """Returns what is known of this machine: processor, cores, memory, accelerators, system and Python, as text.

    Args:
        root: folder in which the filesystem begins.
    """
    known = {
        "processor": _read_processor(pathlib.Path(root)),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": format_gib(psutil.virtual_memory().total),
        "accelerators": ", ".join(_read_accelerators(pathlib.Path(root))),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
    return {name: value for name, value in known.items() if value}


def _read_processor(root: pathlib.Path) -> str:
    return _read_entry(root / "proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def _read_accelerators(root: pathlib.Path) -> list[str]:
    files = sorted(root.glob("proc/driver/nvidia/gpus/*/information"))
    return [_read_entry(file, "Model") or "unknown" for file in files]


def _read_entry(file: pathlib.Path, name: str) -> str | None:
    """Returns the value of the first line ``name : value``, None if there is none."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    entries = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in entries if key.strip() == name), None)
