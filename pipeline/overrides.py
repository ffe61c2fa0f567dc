"""Overrides of a configuration as people type them: ``key=value``."""

import types
import typing
from typing import Any

import yaml

from schemas.config_model import ConfigModel
from schemas.dotted_keys import set_value
from schemas.errors import UserError

_NULLS = ("null", "~", "")


def apply_override(values: dict[str, Any], override: str, config: type[ConfigModel]) -> None:
    """Sets a key of a configuration.

    Args:
        values: sections and values by key; changed.
        override: an assignment such as ``training.epochs=3``. The value is text as it is written where the key holds
            text, else YAML.
        config: the configuration, which says what the key holds.

    Raises:
        UserError: if it is no assignment, or the value is no YAML where it should be.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"An override is written key=value, as in training.epochs=3. Received: {override!r}")
    try:
        value = read_value(text, find_kind(config, key))
    except yaml.YAMLError as error:
        raise UserError(f"{key}: not valid YAML: {text!r}") from error
    try:
        set_value(values, key, value)
    except ValueError as error:
        raise UserError(str(error)) from error


def find_kind(config: type[ConfigModel], key: str) -> Any:
    """Returns the type of what a dotted key holds; None if there is no such key."""
    kind: Any = config
    for name in key.split("."):
        if typing.get_origin(kind) is dict:
            kind = typing.get_args(kind)[1]
            continue
        if not (isinstance(kind, type) and issubclass(kind, ConfigModel) and name in kind.model_fields):
            return None
        kind = kind.model_fields[name].annotation
    return kind


def read_value(text: str, kind: Any) -> Any:
    """Reads the value of a key of some type.

    >>> read_value("|", str), read_value("'|'", str), read_value("007", str), read_value("null", str | None)
    ('|', '|', '007', None)
    >>> read_value("[1, 2]", tuple[str, ...]), read_value("[1, 2]", tuple[int, ...])
    (['1', '2'], [1, 2])
    >>> read_value(">4", tuple[str | int, ...] | str), read_value("[4]", tuple[str | int, ...] | str)
    ('>4', [4])

    Raises:
        yaml.YAMLError: if it is no YAML where it should be.
    """
    leaves, is_text = _find_leaves(kind)
    if not is_text:
        # One line holds no block scalar: what begins like one is a comparison, as in `>=4`.
        return text if str in leaves and text[:1] == ">" else yaml.safe_load(text)
    if types.NoneType in leaves and text in _NULLS:
        return None
    if text[:1] in ("'", '"'):
        try:
            quoted = yaml.safe_load(text)
        except yaml.YAMLError:
            return text
        return quoted if isinstance(quoted, str) else text
    holds_several = {tuple, list, dict} & leaves
    return yaml.load(text, Loader=yaml.BaseLoader) if holds_several and text[:1] in ("[", "{") else text


def _find_leaves(kind: Any) -> tuple[set[Any], bool]:
    """Returns the types and containers in a type, and whether all values in it are text."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _find_leaves(arguments[0])
    if origin is typing.Literal:
        return {str}, all(isinstance(argument, str) for argument in arguments)
    if origin in (typing.Union, types.UnionType, tuple, list, dict):
        parts = [_find_leaves(argument) for argument in arguments if argument is not Ellipsis]
        leaves = set().union({origin}, *(found for found, _ in parts))
        return leaves, all(is_text or found == {types.NoneType} for found, is_text in parts)
    return {kind}, kind is str
