"""What was searched and chosen for each method, and in which settings the rows agree and differ."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.rows import Row
from experiments.comparison.checks import compare_configs
from model.methods import METHODS

_COMPARED = ("windows.", "split.", "model.", "training.", "evaluation.k")
"""Sections of the configuration that say what is learned from what, and how it is measured."""
_TELLS_ROWS_APART = ("model.name", "training.seed", "training.target")
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
"""What has to be the same for all, or methods are not compared, but their settings."""


def search_facts(
    rows: Sequence[Row], names: Sequence[str], space: Mapping[str, Mapping[str, Any]], trials: int | None
) -> dict[str, Any]:
    """Returns what was searched.

    Args:
        rows: of the benchmark.
        names: of them.
        space: by method, the range of each key.
        trials: of each method; None or 0 where nothing was searched.

    Returns:
        ``trials`` and ``methods``: for each with something to search or chosen, ``method``, ``title`` and ``keys``:
        ``key``, ``range`` and ``chosen``, as text; None where there is none.
    """
    methods = []
    for name, method in METHODS.items():
        own = [(title, row) for title, row in zip(names, rows, strict=True) if row.method == name]
        ranges = space.get(name, {}) if own else {}
        chosen = [key for _, row in own for result in row.results for key in result["tuned"]]
        keys = [
            {"key": key, "range": range_text(ranges[key]) if key in ranges else None, "chosen": _chosen(key, own)}
            for key in dict.fromkeys([*ranges, *chosen])
        ]
        if keys:
            methods.append({"method": name, "title": method.title, "keys": keys})
    return {"trials": trials or 0, "methods": methods}


def settings_facts(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    """Returns in which settings the rows agree and differ.

    Args:
        rows: of the benchmark.
        names: of them.

    Returns:
        ``shared``, values by key; ``differing``: for each other key ``key`` and ``values``, each with ``value`` and
        ``rows`` (names); and ``unfair``, those of them that should be the same for all.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name, row in zip(names, rows, strict=True):
        for result in row.results:
            for key, value in _leaves(result["config"]).items():
                of_value = found.setdefault(key, {}).setdefault(value_text(value), [])
                if name not in of_value:
                    of_value.append(name)
    differing = {key: values for key, values in found.items() if len(values) > 1}
    return {
        "shared": {key: next(iter(values)) for key, values in found.items() if len(values) == 1},
        "differing": [
            {"key": key, "values": [{"value": value, "rows": of_value} for value, of_value in values.items()]}
            for key, values in differing.items()
        ],
        "unfair": [key for key in differing if key.startswith(_FAIR)],
    }


def range_text(choices: Any) -> str:
    """Writes what a search may choose from.

    >>> range_text({"low": 1e-4, "high": 1e-2, "log": True}), range_text([1, 2, 4])
    ('0.0001 to 0.01, logarithmic', '1, 2, 4')
    """
    if isinstance(choices, Mapping) and choices.get("choices") is not None:
        choices = choices["choices"]
    if isinstance(choices, Mapping) and {"low", "high"} <= set(choices):
        scale = ", logarithmic" if choices.get("log") else ""
        return f"{value_text(choices['low'])} to {value_text(choices['high'])}{scale}"
    if isinstance(choices, Sequence) and not isinstance(choices, str):
        return ", ".join(map(value_text, choices))
    return value_text(choices)


def value_text(value: Any) -> str:
    """Writes a value of a configuration.

    >>> value_text(0.00012345678), value_text([1, 2]), value_text("none"), value_text(None)
    ('0.000123457', '[1, 2]', 'none', 'null')
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _leaves(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, (_, value) in compare_configs({}, config).items()
        if key.startswith(_COMPARED) and key not in _TELLS_ROWS_APART
    }


def _chosen(key: str, own: Sequence[tuple[str, Row]]) -> str | None:
    """Writes what was chosen; where that is not the same for all, with the rows or seeds that have it."""
    found: dict[str, list[str]] = {}
    for name, row in own:
        values = {result["seed"]: value_text(result["tuned"][key]) for result in row.results if key in result["tuned"]}
        for value in dict.fromkeys(values.values()):
            seeds = ", ".join(str(seed) for seed, its in values.items() if its == value)
            found.setdefault(value, []).append(name if len(set(values.values())) == 1 else f"{name} seed {seeds}")
    if len(found) < 2:
        return next(iter(found), None)
    return "; ".join(f"{value} ({', '.join(whose)})" for value, whose in found.items())
