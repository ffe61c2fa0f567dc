"""Values of the configuration as a person types them: as YAML to paste, or as options of a command."""

import shlex
from collections.abc import Mapping
from typing import Any

import yaml


def as_yaml(values: Mapping[str, Any]) -> str:
    """Writes values by key as the sections of a configuration.

    >>> print(as_yaml({"training.epochs": 3, "training.candidates.number": 64}), end="")
    training:
      epochs: 3
      candidates:
        number: 64
    """
    content: dict[str, Any] = {}
    for key, value in values.items():
        *sections, last = key.split(".")
        section = content
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def as_flags(values: Mapping[str, Any]) -> str:
    """Writes values by key as options of a command.

    >>> as_flags({"training.epochs": 3, "training.distribution.scales": [1, 4]})
    "--set training.epochs=3 --set 'training.distribution.scales=[1, 4]'"
    """
    return " ".join(f"--set {shlex.quote(f'{key}={as_text(value)}')}" for key, value in values.items())


def as_text(value: Any) -> str:
    """Writes a value as YAML, on one line.

    >>> as_text(1e-05), as_text("in_batch"), as_text(None)
    ('1.0e-05', 'in_batch', 'null')
    """
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=2**31)
    return text.removesuffix("\n").removesuffix("\n...")


def short_key(key: str) -> str:
    """Leaves out what keys begin with, which says little.

    >>> short_key("training.learning_rate"), short_key("training.adversarial.weight")
    ('learning_rate', 'adversarial.weight')
    """
    return key.partition(".")[2]
