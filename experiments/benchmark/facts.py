"""The facts of a benchmark: everything that its tables and its page show, as JSON has it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.cautions import cautions
from experiments.benchmark.cost import cost_facts
from experiments.benchmark.rows import SETTINGS, Result, Row, row_names, rows_of
from experiments.benchmark.settings import search_facts, settings_facts
from experiments.benchmark.significance import against_best_baseline
from experiments.benchmark.tables import cutoffs, fusion_table, group_tables, main_tables
from experiments.benchmark.words import verdict
from experiments.runs.run import MONITOR
from model.evaluation.tasks import GROUPS
from model.methods import METHODS


def benchmark_facts(results: Sequence[Result], info: Mapping[str, Any]) -> dict[str, Any]:
    """Gathers the facts.

    Args:
        results: contents of `result.json`, each with its ``folder``.
        info: see `experiments.benchmark.outputs.write_outputs`; and ``versions`` of the installed libraries.

    Returns:
        ``name``, ``command``, ``seeds``, ``machine``, ``versions``, ``memory_limit`` (bytes), ``k``, ``verdict`` and
        ``cautions`` (sentences), ``test`` (``sequences``, ``digest``, ``groups``), ``rows``, ``told_apart`` (in which
        of target, objective, sampling and tuned they differ), ``tables``, ``fusion`` and ``groups`` (see `Table.facts`;
        each of the first has ``differences``, places among ``comparisons.columns``), ``comparisons``, ``cost``,
        ``search``, ``settings``, ``curves`` and ``cells``, with what was measured of each seed.
    """
    results = [_finite(result) for result in results]
    rows = rows_of(results, info.get("planned") or ())
    names, ks = row_names(rows), cutoffs(rows)
    tables = [table.facts(rows) for table in main_tables(rows, ks)]
    fusion = [table.facts(rows) for table in fusion_table(rows, ks)]
    groups = [table.facts(rows) for table in group_tables(rows, ks)]
    metrics = [column["metric"] for table in tables for column in table["columns"]]
    comparisons = against_best_baseline(rows, metrics)
    settings = settings_facts(rows, names)
    for table in (*tables, *fusion, *groups):
        table["differences"] = _differences(table, comparisons["columns"]) if table in tables else []
    shown_rows = [_row(row, name) for row, name in zip(rows, names, strict=True)]
    shown = dict.fromkeys(column["metric"] for table in (*tables, *fusion, *groups) for column in table["columns"])
    return {
        "name": info["name"],
        "command": info.get("command"),
        "seeds": list(info.get("seeds") or sorted({result["seed"] for result in results})),
        "machine": dict(info.get("machine") or {}),
        "versions": dict(info.get("versions") or {}),
        "memory_limit": info.get("memory_limit"),
        "k": list(ks),
        "verdict": verdict(rows, names, ks, comparisons),
        "cautions": cautions(rows, names, settings["unfair"]),
        "test": _test(rows),
        "rows": shown_rows,
        "told_apart": [name for name in (*SETTINGS, "tuned") if len({row[name] for row in shown_rows} - {None}) > 1],
        "tables": tables,
        "fusion": fusion,
        "groups": groups,
        "comparisons": comparisons,
        "cost": cost_facts(rows),
        "search": search_facts(rows, names, info.get("search_space") or {}, info.get("trials")),
        "settings": settings,
        "curves": [curve for place, row in enumerate(rows) if (curve := _curves(place, row))["seeds"]],
        "cells": [_cell(result, list(shown)) for row in rows for result in row.results],
    }


def _finite(value: Any) -> Any:
    """Returns a value without what JSON cannot hold: what is no number was not measured."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _row(row: Row, name: str) -> dict[str, Any]:
    method = METHODS.get(row.method)
    return {
        "name": name,
        "label": row.label,
        "method": row.method,
        "source": method.source if method else None,
        "role": row.role,
        **{setting: getattr(row, setting) or None for setting in SETTINGS},
        "tuned": None if row.tuned is None else "yes" if row.tuned else "no",
        "competes": row.competes,
        "finished": len(row.finished),
        "planned": len(row.results) + len(row.missing),
        "seeds": {
            "finished": [result["seed"] for result in row.finished],
            "out_of_memory": [result["seed"] for result in row.out_of_memory],
            "failed": [result["seed"] for result in row.failed],
            "waiting": list(row.missing),
        },
    }


def _differences(table: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns for each row of DSPnet where the difference of each column of a table is told; None if nowhere."""
    places = {(column["dspnet"], column["metric"]): place for place, column in enumerate(columns)}
    return [
        {"dspnet": dspnet, "columns": [places.get((dspnet, column["metric"])) for column in table["columns"]]}
        for dspnet in dict.fromkeys(column["dspnet"] for column in columns)
    ]


def _test(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Returns what is known of the test set, from the first cell that was measured."""
    first = next((result for row in rows for result in row.finished), None)
    if first is None:
        return None
    slices = first["slices"] or {}
    return {
        "sequences": first["sequences"],
        "digest": first["digest"],
        "groups": {group: slices[f"group={group}"] for group in GROUPS if f"group={group}" in slices},
    }


def _curves(place: int, row: Row) -> dict[str, Any]:
    """Returns the learning curves of a row, one a seed."""
    seeds = []
    for result in row.finished:
        training = result["training"] or {}
        points = [epoch for epoch in training.get("epochs") or () if epoch.get(MONITOR) is not None]
        if points:
            best = next((point for point in points if point["epoch"] == training.get("best_epoch")), None)
            seeds.append(
                {
                    "seed": result["seed"],
                    "epochs": [point["epoch"] for point in points],
                    "values": [point[MONITOR] for point in points],
                    "best_epoch": best["epoch"] if best else None,
                    "best_value": best[MONITOR] if best else None,
                }
            )
    return {"row": place, "metric": MONITOR, "seeds": seeds}


def _cell(result: Result, metrics: Sequence[str]) -> dict[str, Any]:
    """Returns what was measured of a seed, in so far as it is shown as a mean."""
    measured = result["metrics"] or {}
    kept = ("name", "label", "role", "method", "seed", "target", "objective", "sampling", "status", "reason")
    return {
        **{key: result[key] for key in kept},
        "metrics": {metric: measured[metric] for metric in metrics if measured.get(metric) is not None},
        "cost": result["cost"],
        "tuned": result["tuned"],
        "source_digest": result["source_digest"],
    }
