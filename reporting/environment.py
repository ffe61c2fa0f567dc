"""What a report's numbers come from: configuration, code and libraries."""

import importlib.metadata
import os
import pathlib
import platform
from collections.abc import Mapping
from typing import Any

import psutil
import yaml

from reporting.numbers import format_gib

DISTRIBUTIONS = (
    "dspnet",
    "tensorflow",
    "tf-keras",
    "tfx",
    "apache-beam",
    "numpy",
    "pyarrow",
    "scikit-learn",
)


def origin(config: Mapping[str, Any], source_digests: Mapping[str, str]) -> dict[str, Any]:
    """Tells where a report comes from.

    Args:
        config: of the run, with all defaults.
        source_digests: digest of the code of each component by its id.

    Returns:
        ``config``, ``config_text`` (the same as YAML), ``source_digests`` and ``versions``, of Python and of the
        installed libraries.
    """
    return {
        "config": dict(config),
        "config_text": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
        "source_digests": dict(source_digests),
        "versions": {"python": platform.python_version(), **versions(DISTRIBUTIONS)},
    }


def versions(distributions: tuple[str, ...]) -> dict[str, str]:
    """Returns the version of each distribution that is installed."""
    found = {}
    for name in distributions:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def describe_machine(root: str = "/") -> dict[str, str]:
    """Returns what is known of this machine, by what it is.

    Args:
        root: where the filesystem begins.
    """
    facts = {
        "processor": _processor(pathlib.Path(root)),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": format_gib(psutil.virtual_memory().total),
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
