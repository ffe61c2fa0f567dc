"""What differs in two configurations, key by key."""

from collections.abc import Iterator, Mapping
from typing import Any

ABSENT = "(absent)"


def config_difference(reference: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns the keys whose values differ, dotted, with both values, in the order of the configurations.

    >>> config_difference({"model": {"tau": 1, "layers": 2}}, {"model": {"tau": 2, "layers": 2}})
    {'model.tau': (1, 2)}
    """
    ours, theirs = dict(_leaves(reference)), dict(_leaves(other))
    found = {key: (ours.get(key, ABSENT), theirs.get(key, ABSENT)) for key in ours | theirs}
    return {key: values for key, values in found.items() if values[0] != values[1]}


def _leaves(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
