"""`dspnet config`: shows what is set, or what can be set."""

import argparse
import json
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any

import pydantic
import yaml
from pydantic_core import PydanticUndefined

from cli.command import Command
from pipeline.config import PipelineConfig, add_config_arguments, load_config
from schemas.config_model import ConfigModel


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument("--describe", action="store_true", help="explain every key instead")


def _run(arguments: argparse.Namespace) -> None:
    if arguments.describe:
        print("\n".join(describe_keys(PipelineConfig)))
    else:
        print(resolve_yaml(load_config(arguments.config, arguments.set)), end="")


def resolve_yaml(config: ConfigModel) -> str:
    """Returns a configuration with all its defaults, as YAML that `load_config` reads."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def describe_keys(section: type[ConfigModel], prefix: str = "") -> Iterator[str]:
    """Yields a paragraph for each key below a section: its name, type, default and documentation."""
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, ConfigModel):
            yield from describe_keys(kind, f"{key}.")
        else:
            text = textwrap.indent(textwrap.fill(field.description or "", 96), "    ")
            yield f"{key}: {write_type(kind)}{_write_limits(field)}, {_write_default(field)}\n{text}"


def write_type(kind: Any) -> str:
    """Writes a type for people.

    >>> write_type(int | None), write_type(tuple[str, ...]), write_type(typing.Literal["a", "b"])
    ('int or null', 'list of str', 'a | b')
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is types.NoneType:
        return "null"
    if origin is typing.Annotated:
        return write_type(arguments[0])
    if origin is typing.Literal:
        return " | ".join(str(argument) for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(write_type(argument) for argument in arguments)
    if origin is tuple:
        return f"list of {write_type(arguments[0])}"
    if origin is dict:
        return f"{{{write_type(arguments[0])}: {write_type(arguments[1])}}}"
    return getattr(kind, "__name__", str(kind))


def _write_limits(field: pydantic.fields.FieldInfo) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    limits = [
        f"{sign} {getattr(limit, name)}"
        for limit in field.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    ]
    return f" ({', '.join(limits)})" if limits else ""


def _write_default(field: pydantic.fields.FieldInfo) -> str:
    default = field.get_default(call_default_factory=False)
    if default is PydanticUndefined:
        return "required"
    return f"default {json.dumps(default)}"


COMMAND = Command("config", "show a configuration with all its defaults", _add_arguments, _run)
