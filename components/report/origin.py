"""What a report's numbers come from: configuration, code and libraries."""

import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

import yaml

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
