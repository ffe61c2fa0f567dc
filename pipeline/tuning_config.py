"""The search space: which keys of the configuration `dspnet tune` searches, over which values, in how many trials.

The section `tuning` holds ranges by key (`SearchRange`). Read by the types of the keys they are for, they become the
dimensions of a search (`Dimension`).
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pydantic

from model.config import TrainingConfig
from model.methods import METHODS, SearchSpace
from schemas.config_model import ConfigModel
from schemas.dotted_keys import as_text, set_value

_SPACE = {
    "training.learning_rate": {"low": 3e-4, "high": 3e-3, "log": True},
    "training.event_mask": {"choices": [0.0, 0.2, 0.5, 0.7]},
    "model.head_dropout": {"choices": [0.1, 0.3, 0.5]},
}


def _read_own_spaces() -> dict[str, SearchSpace]:
    """Returns what is searched for one method alone by default, by method."""
    return {name: method.search_space for name, method in METHODS.items() if method.search_space}


PARTS = ("model", "training")
"""The parts of the configuration that can be searched: those that change no data and no measure."""

_NEGATIVES = "training.candidates.number"

_NOT_SEARCHED = {
    "model.name": "a search is of one method",
    "training.seed": "the luckiest seed is not the best configuration",
}


class SearchRange(ConfigModel):
    """The values of one key that a search may try: from `low` to `high`, or one of `choices`."""

    low: float | None = None
    """Smallest value."""
    high: float | None = None
    """Largest value."""
    log: bool = False
    """Draws evenly by order of magnitude, as suits learning rates and weights."""
    choices: tuple[Any, ...] | None = None
    """All values there are to try, instead of `low` and `high`."""

    @pydantic.model_validator(mode="after")
    def _is_a_range_or_choices(self) -> "SearchRange":
        if self.choices is not None:
            if {"low", "high", "log"} & self.model_fields_set:
                raise ValueError(f"give low and high, or choices, not both. Received: {_write_given(self)}")
            if not self.choices:
                raise ValueError("choices must not be empty. Received: []")
        elif self.low is None or self.high is None:
            raise ValueError(f"give low and high, or choices. Received: {_write_given(self)}")
        elif self.low >= self.high:
            raise ValueError(f"low must be less than high. Received: {_write_given(self)}")
        elif self.log and self.low <= 0:
            raise ValueError(f"with log, low must be greater than 0. Received: {_write_given(self)}")
        return self

    @pydantic.model_serializer(mode="wrap")
    def _drop_defaults(self, handler: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {name: value for name, value in handler(self).items() if value != fields[name].default}


Ranges: TypeAlias = dict[str, SearchRange]


class TuningConfig(ConfigModel):
    """The search of `dspnet tune`."""

    trials: pydantic.PositiveInt = 10
    """The budget: how many settings are trained for a method, the configuration as it is among them."""
    space: Ranges = pydantic.Field(default=_SPACE, validate_default=True)
    """Keys below `model` and `training` that are searched for every method that learns: {key: values}.
    Values are `{low: 1, high: 10}`, with `log: true` drawn by order of magnitude, or `{choices: [1, 2]}`. Keys that
    are given take the place of the default ones.
    """
    own: dict[str, Ranges] = pydantic.Field(default=_read_own_spaces(), validate_default=True)
    """Keys searched for one method alone, likewise: {method: {key: values}}.
    A method that is given takes the place of its default, the others keep theirs. The weights that are tried of DSPnet
    and DSPnet- suit the objective: under `bce` and `gbce`, whose losses are thousands of times smaller, the paper's.
    """

    @pydantic.field_validator("space", mode="before")
    @classmethod
    def _space_by_key(cls, space: Any) -> Any:
        return _flatten_ranges(space)

    @pydantic.field_validator("own", mode="before")
    @classmethod
    def _own_by_method(cls, own: Any) -> Any:
        if not isinstance(own, Mapping):
            return own
        for name in own:
            if name not in METHODS:
                trained = ", ".join(name for name, method in METHODS.items() if method.trained)
                raise ValueError(f"there is no method {name!r}; those that learn are {trained}")
            if not METHODS[name].trained:
                raise ValueError(f"{name} counts and learns nothing, so nothing of it can be searched")
        return {**_read_own_spaces(), **{name: _flatten_ranges(ranges) for name, ranges in own.items()}}


def find_ranges(tuning: TuningConfig, method: str) -> Ranges:
    """Returns what is searched for a method, by key; nothing for one that counts."""
    return {**tuning.space, **tuning.own.get(method, {})} if METHODS[method].trained else {}


def suit_to_objective(objective: Any, tuning: Any) -> Any:
    """Returns the section as it was given, with DSPnet's default ranges where the objective is not `softmax`.

    Args:
        objective: as in `training.objective`.
        tuning: not yet checked.
    """
    own = tuning.get("own", {}) if isinstance(tuning, Mapping) else None
    if objective == "softmax" or not isinstance(own, Mapping):
        return tuning
    suited = {name: method.search_space_of_bce for name, method in METHODS.items() if method.search_space_of_bce}
    return {**tuning, "own": {**suited, **own}}


def _flatten_ranges(ranges: Any, prefix: str = "") -> Any:
    """Writes nested sections, as ``--set tuning.space.training.epochs=...`` makes them, as dotted keys.

    >>> _flatten_ranges({"model.heads": {"choices": [1]}, "training": {"epochs": {"low": 1, "high": 2}}})
    {'model.heads': {'choices': [1]}, 'training.epochs': {'low': 1, 'high': 2}}
    """
    if not isinstance(ranges, Mapping):
        return ranges
    flat: dict[str, Any] = {}
    for name, values in ranges.items():
        key = f"{prefix}{name}"
        if isinstance(values, Mapping) and _is_section(key, values):
            found = _flatten_ranges(values, f"{key}.")
        else:
            found = {key: values}
        for inner, leaf in found.items():
            both = isinstance(leaf, Mapping) and isinstance(flat.get(inner), Mapping)
            flat[inner] = {**flat[inner], **leaf} if both else leaf
    return flat


def _is_section(key: str, values: Mapping[str, Any]) -> bool:
    """Tells sections from ranges: every key that can be searched has a dot, and a range holds no further ranges."""
    return bool(values) and ("." not in key or all(isinstance(value, Mapping) for value in values.values()))


def _write_given(given: SearchRange) -> str:
    return ", ".join(
        f"{name}={getattr(given, name)!r}" for name in SearchRange.model_fields if name in given.model_fields_set
    )


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One dimension of a search space.

    Attributes:
        key: a key of the configuration, as in ``training.learning_rate``.
        low: smallest value; None where there are choices.
        high: largest value; None where there are choices.
        log: whether values are drawn by order of magnitude.
        whole: whether values are whole numbers.
        choices: all values; empty where there is a range.
        configured: the value in the configuration as it is.
    """

    key: str
    low: float | None
    high: float | None
    log: bool
    whole: bool
    choices: tuple[Any, ...]
    configured: Any

    @property
    def holds_configured(self) -> bool:
        """Whether the configuration as it is lies in the space."""
        if self.low is None or self.high is None:
            return self.configured in self.choices
        return self.configured is not None and self.low <= self.configured <= self.high

    def __str__(self) -> str:
        if self.choices:
            return f"{self.key} one of {', '.join(map(as_text, self.choices))}"
        return f"{self.key} from {as_text(self.low)} to {as_text(self.high)}{' (log)' if self.log else ''}"


def read_dimensions(parts: Mapping[str, ConfigModel], ranges: Ranges) -> list[Dimension]:
    """Returns the dimensions of a search; a key that has no effect is left out.

    Args:
        parts: the sections `PARTS` of a configuration, by name.
        ranges: values by key, in which `find_problems` finds nothing wrong.
    """
    training = parts["training"]
    assert isinstance(training, TrainingConfig)
    idle = set() if training.candidates.sampling in ("uniform", "log_uniform") else {_NEGATIVES}
    return [_read_dimension(parts, key, values) for key, values in ranges.items() if key not in idle]


def find_problems(parts: Mapping[str, ConfigModel], tuning: TuningConfig) -> Iterator[str]:
    """Yields what is wrong with the keys and values of all ranges: sentences that name the key."""
    for where, ranges in {"space": tuning.space, **{f"own.{name}": own for name, own in tuning.own.items()}}.items():
        for key, values in ranges.items():
            try:
                _read_dimension(parts, key, values)
            except ValueError as error:
                yield f"tuning.{where}.{key}: {error}"


def _read_dimension(parts: Mapping[str, ConfigModel], key: str, values: SearchRange) -> Dimension:
    if key in _NOT_SEARCHED:
        raise ValueError(f"cannot be searched: {_NOT_SEARCHED[key]}")
    part, _, inner = key.partition(".")
    if part not in parts:
        raise ValueError(f"only keys below {' and '.join(parts)} can be searched")
    configured = _read_value(parts[part], inner)
    tried = values.choices if values.choices is not None else (values.low, values.high)
    read = [_convert_value(parts[part], inner, value) for value in tried]
    if values.choices is not None:
        if len({json.dumps(value) for value in read}) < len(read):
            raise ValueError(f"choices must differ. Received: {list(values.choices)!r}")
        return Dimension(key, None, None, False, False, tuple(read), configured)
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in read):
        raise ValueError("is no number: give choices instead of low and high")
    low, high = read
    return Dimension(key, low, high, values.log, all(isinstance(value, int) for value in read), (), configured)


def _read_value(section: ConfigModel, key: str) -> Any:
    """Returns the value at a key below a section, as JSON has it."""
    value: Any = section
    for name in key.split("."):
        if not isinstance(value, ConfigModel) or name not in type(value).model_fields:
            known = ", ".join(type(value).model_fields) if isinstance(value, ConfigModel) else "none"
            raise ValueError(f"unknown key; the known ones: {known}")
        holder, value = value, getattr(value, name)
    if isinstance(value, ConfigModel):
        raise ValueError(f"is a section; name one of its keys: {', '.join(type(value).model_fields)}")
    return holder.model_dump(mode="json")[name]


def _convert_value(section: ConfigModel, key: str, value: Any) -> Any:
    """Returns a value as the configuration reads it at a key; raises ValueError if the configuration refuses it."""
    values = section.model_dump(mode="json")
    set_value(values, key, value)
    try:
        return _read_value(type(section).model_validate(values), key)
    except pydantic.ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"cannot be {value!r}: {message}") from error
