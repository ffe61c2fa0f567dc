"""The configuration as text: what can be set, and what is set."""

import json
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any

import pydantic
import yaml
from pydantic_core import PydanticUndefined

from schemas.config_model import ConfigModel


def resolved_yaml(config: ConfigModel) -> str:
    """Returns a configuration with all its defaults, as YAML that `load_config` reads."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def describe(section: type[ConfigModel], prefix: str = "") -> Iterator[str]:
    """Yields a paragraph for each key below a section: its name, type, default and documentation."""
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, ConfigModel):
            yield from describe(kind, f"{key}.")
        else:
            yield f"{key}: {type_name(kind)}{_limits(field)}, {_default(field)}\n{_documentation(field)}"


def type_name(kind: Any) -> str:
    """Writes a type for people.

    >>> type_name(int | None), type_name(tuple[str, ...]), type_name(typing.Literal["a", "b"])
    ('int or null', 'list of str', 'a | b')
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is types.NoneType:
        return "null"
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin is typing.Literal:
        return " | ".join(str(argument) for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments)
    if origin is tuple:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"{{{type_name(arguments[0])}: {type_name(arguments[1])}}}"
    return getattr(kind, "__name__", str(kind))


def _limits(field: pydantic.fields.FieldInfo) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    limits = [
        f"{sign} {getattr(limit, name)}"
        for limit in field.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    return f" ({', '.join(limits)})" if limits else ""


def _default(field: pydantic.fields.FieldInfo) -> str:
    default = field.get_default(call_default_factory=False)
    if default is PydanticUndefined:
        return "required"
    return f"default {json.dumps(default)}"


def _documentation(field: pydantic.fields.FieldInfo) -> str:
    return textwrap.indent(textwrap.fill(field.description or "", 96), "    ")
