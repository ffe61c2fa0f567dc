"""The search space of one method: the keys that are searched, checked against the configuration they belong to."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

from model.config import TrainingConfig
from pipeline.tuning.settings import Ranges, SearchRange, TuningConfig
from pipeline.tuning.values import as_text
from schemas.section import Section

PARTS = ("model", "training")
"""The parts of the configuration that can be searched: those that change no data and no measure."""

_NEGATIVES = "training.candidates.number"

_NOT_SEARCHED = {
    "model.name": "a search is of one method",
    "training.seed": "the luckiest seed is not the best configuration",
}


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One key of a search space.

    Attributes:
        key: as in ``training.learning_rate``.
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


def dimensions(parts: Mapping[str, Section], ranges: Ranges) -> list[Dimension]:
    """Reads ranges by the types of the keys they are for; a key that has no effect is left out.

    Args:
        parts: the sections `PARTS` of a configuration, by name.
        ranges: values by key; sound, see `problems`.
    """
    training = parts["training"]
    assert isinstance(training, TrainingConfig)
    idle = set() if training.candidates.sampling in ("uniform", "log_uniform") else {_NEGATIVES}
    return [_dimension(parts, key, values) for key, values in ranges.items() if key not in idle]


def problems(parts: Mapping[str, Section], tuning: TuningConfig) -> Iterator[str]:
    """Yields what is wrong with the keys and values of all ranges, each a sentence that names the key."""
    for where, ranges in {"space": tuning.space, **{f"own.{name}": own for name, own in tuning.own.items()}}.items():
        for key, values in ranges.items():
            try:
                _dimension(parts, key, values)
            except ValueError as error:
                yield f"tuning.{where}.{key}: {error}"


def _dimension(parts: Mapping[str, Section], key: str, values: SearchRange) -> Dimension:
    if key in _NOT_SEARCHED:
        raise ValueError(f"cannot be searched: {_NOT_SEARCHED[key]}")
    part, _, inner = key.partition(".")
    if part not in parts:
        raise ValueError(f"only keys below {' and '.join(parts)} can be searched")
    configured = _get(parts[part], inner)
    tried = values.choices if values.choices is not None else (values.low, values.high)
    read = [_as_read(parts[part], inner, value) for value in tried]
    if values.choices is not None:
        if len({json.dumps(value) for value in read}) < len(read):
            raise ValueError(f"choices must differ. Received: {list(values.choices)!r}")
        return Dimension(key, None, None, False, False, tuple(read), configured)
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in read):
        raise ValueError("is no number: give choices instead of low and high")
    low, high = read
    return Dimension(key, low, high, values.log, all(isinstance(value, int) for value in read), (), configured)


def _get(section: Section, key: str) -> Any:
    """Returns the value at a key, as JSON has it."""
    value: Any = section
    for name in key.split("."):
        if not isinstance(value, Section) or name not in type(value).model_fields:
            known = ", ".join(type(value).model_fields) if isinstance(value, Section) else "none"
            raise ValueError(f"unknown key; the known ones: {known}")
        holder, value = value, getattr(value, name)
    if isinstance(value, Section):
        raise ValueError(f"is a section; name one of its keys: {', '.join(type(value).model_fields)}")
    return holder.model_dump(mode="json")[name]


def _as_read(section: Section, key: str, value: Any) -> Any:
    """Returns a value as the configuration reads it at a key; raises ValueError if it refuses it."""
    try:
        return _get(_replaced(section, key, value), key)
    except pydantic.ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"cannot be {value!r}: {message}") from error


def _replaced(section: Section, key: str, value: Any) -> Section:
    values = section.model_dump(mode="json")
    *above, last = key.split(".")
    holder = values
    for name in above:
        holder = holder[name]
    holder[last] = value
    return type(section).model_validate(values)
