"""What was searched and chosen for each method, and in which settings the rows agree and differ."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.rows import BenchmarkRow
from model.methods import METHODS
from schemas.dotted_keys import flatten

_COMPARED = ("windows.", "split.", "model.", "training.", "evaluation.k")
"""Sections of the configuration that say what is trained on what, and how it is measured."""
_DISTINGUISHING = ("model.name", "training.seed", "training.questions")
_FAIR = (
    "windows.",
    "split.",
    "model.item_dim",
    "model.scene_dim",
    "model.max_length",
    "model.layers",
    "model.heads",
    "training.batch_size",
    "training.epochs",
    "training.patience",
)
"""Settings that have to be the same for all rows; otherwise the settings are compared, not the methods."""


@dataclasses.dataclass(frozen=True)
class SearchedKey:
    """A key of the configuration that a search may change.

    Attributes:
        key: dotted key.
        range: what the search may choose from, as text; None for a key that is no longer searched.
        chosen: what was chosen, as text; None where nothing was.
    """

    key: str
    range: str | None
    chosen: str | None


@dataclasses.dataclass(frozen=True)
class MethodSearch:
    """The search of one method.

    Attributes:
        method: name of the method, as in `model.name`.
        title: title of the method.
        keys: keys that were searched or chosen.
    """

    method: str
    title: str
    keys: tuple[SearchedKey, ...]


@dataclasses.dataclass(frozen=True)
class SearchSummary:
    """What was searched.

    Attributes:
        trials: trials of each search; 0 where nothing was searched.
        methods: searches of the methods with something to search, or chosen.
    """

    trials: int
    methods: tuple[MethodSearch, ...]


@dataclasses.dataclass(frozen=True)
class SettingValue:
    """A value of a setting.

    Attributes:
        value: the value, as text.
        rows: names of the rows that have it.
    """

    value: str
    rows: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class DifferingSetting:
    """A setting that does not have the same value in all rows.

    Attributes:
        key: dotted key.
        values: values of the setting.
    """

    key: str
    values: tuple[SettingValue, ...]


@dataclasses.dataclass(frozen=True)
class SettingsComparison:
    """In which settings the rows agree and differ, but for method, target and seed.

    Attributes:
        shared: values that all rows share, as text, by dotted key.
        differing: settings in which rows differ.
        unfair: keys of differing settings that should be the same for all rows.
    """

    shared: Mapping[str, str]
    differing: tuple[DifferingSetting, ...]
    unfair: tuple[str, ...]


def summarise_search(
    rows: Sequence[BenchmarkRow], space: Mapping[str, Mapping[str, Any]], trials: int
) -> SearchSummary:
    """Returns what was searched.

    Args:
        rows: rows of the benchmark.
        space: range of each key, by method and dotted key.
        trials: trials of each method; 0 where nothing was searched.
    """
    methods = []
    for name, method in METHODS.items():
        method_rows = [row for row in rows if row.method == name]
        ranges = space.get(name, {}) if method_rows else {}
        chosen = [key for row in method_rows for result in row.results for key in result.tuned]
        keys = tuple(
            SearchedKey(key, format_range(ranges[key]) if key in ranges else None, _format_chosen(key, method_rows))
            for key in dict.fromkeys([*ranges, *chosen])
        )
        if keys:
            methods.append(MethodSearch(name, method.title, keys))
    return SearchSummary(trials, tuple(methods))


def compare_settings(rows: Sequence[BenchmarkRow]) -> SettingsComparison:
    """Returns in which settings the rows of a benchmark agree and differ."""
    found: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        for result in row.results:
            for key, value in flatten(result.config).items():
                if key.startswith(_COMPARED) and key not in _DISTINGUISHING:
                    names = found.setdefault(key, {}).setdefault(format_value(value), [])
                    if row.name not in names:
                        names.append(row.name)
    differing = {key: values for key, values in found.items() if len(values) > 1}
    return SettingsComparison(
        shared={key: next(iter(values)) for key, values in found.items() if len(values) == 1},
        differing=tuple(
            DifferingSetting(key, tuple(SettingValue(value, tuple(names)) for value, names in values.items()))
            for key, values in differing.items()
        ),
        unfair=tuple(key for key in differing if key.startswith(_FAIR)),
    )


def format_range(choices: Any) -> str:
    """Returns what a search may choose from, as text.

    >>> format_range({"low": 1e-4, "high": 1e-2, "log": True}), format_range([1, 2, 4])
    ('0.0001 to 0.01, logarithmic', '1, 2, 4')

    Args:
        choices: a list, or a mapping with ``choices``, or with ``low``, ``high`` and ``log``.
    """
    if isinstance(choices, Mapping) and choices.get("choices") is not None:
        choices = choices["choices"]
    if isinstance(choices, Mapping) and {"low", "high"} <= set(choices):
        scale = ", logarithmic" if choices.get("log") else ""
        return f"{format_value(choices['low'])} to {format_value(choices['high'])}{scale}"
    if isinstance(choices, Sequence) and not isinstance(choices, str):
        return ", ".join(map(format_value, choices))
    return format_value(choices)


def format_value(value: Any) -> str:
    """Returns a value of a configuration as text.

    >>> format_value(0.00012345678), format_value([1, 2]), format_value("none"), format_value(None)
    ('0.000123457', '[1, 2]', 'none', 'null')
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _format_chosen(key: str, rows: Sequence[BenchmarkRow]) -> str | None:
    """Returns what was chosen; where rows or seeds have different values, with the rows or seeds that have each."""
    found: dict[str, list[str]] = {}
    for row in rows:
        values = {result.seed: format_value(result.tuned[key]) for result in row.results if key in result.tuned}
        for value in dict.fromkeys(values.values()):
            seeds = ", ".join(str(seed) for seed, seed_value in values.items() if seed_value == value)
            found.setdefault(value, []).append(
                row.name if len(set(values.values())) == 1 else f"{row.name} seed {seeds}"
            )
    if len(found) < 2:
        return next(iter(found), None)
    return "; ".join(f"{value} ({', '.join(names)})" for value, names in found.items())
