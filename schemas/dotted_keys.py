"""Dotted keys of the configuration: nested sections as flat keys and back, as YAML to paste, or as options."""

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
        set_value(content, key, value)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def set_value(sections: dict[str, Any], key: str, value: Any) -> None:
    """Sets the value at a dotted key, making the sections that lead to it.

    >>> content = {"training": {"epochs": 3}}
    >>> set_value(content, "training.candidates.number", 64)
    >>> content
    {'training': {'epochs': 3, 'candidates': {'number': 64}}}

    Raises:
        ValueError: if a part of the key holds a value, not a section.
    """
    *above, last = key.split(".")
    for name in above:
        child = sections.setdefault(name, {})
        if not isinstance(child, dict):
            raise ValueError(f"{key}: {name} holds a value, not a section. Received: {child!r}")
        sections = child
    sections[last] = value


def as_flags(values: Mapping[str, Any]) -> str:
    """Writes values by key as options of a command.

    >>> as_flags({"training.epochs": 3, "training.distribution.scales": [1, 4]})
    "--set training.epochs=3 --set 'training.distribution.scales=[1, 4]'"
    """
    return " ".join(f"--set {shlex.quote(f'{key}={as_text(value)}')}" for key, value in values.items())


def flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the values of nested sections by dotted key; an empty section is a value.

    >>> flatten({"training": {"epochs": 3, "candidates": {"number": 64}}})
    {'training.epochs': 3, 'training.candidates.number': 64}
    """
    found: dict[str, Any] = {}
    for name, value in section.items():
        key = f"{prefix}{name}"
        found |= flatten(value, f"{key}.") if isinstance(value, Mapping) and value else {key: value}
    return found


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
