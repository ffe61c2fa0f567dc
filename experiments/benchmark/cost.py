"""What each row costs: Table 5 of the paper, measured, beside the paper's orders of growth."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from experiments.benchmark.rows import ABLATION, Result, Row
from experiments.benchmark.summary import summarise
from model.methods import METHODS

MEBIBYTE = 2**20

ORDERS = {name: method.step_cost for name, method in METHODS.items() if method.step_cost}
"""Time of the prediction part of a training step, as the paper's Table 5 has it."""
SYMBOLS = (
    "B: batch size, K: candidate items, d: width of a head, |T|: length of the sequence, ρ: share of it that the Cloze "
    "task masks, H′: heads of the cross-attention, N′: features of the user's side"
)


class Cost(NamedTuple):
    """A column.

    Attributes:
        name: of the value in the facts.
        title: stands above it.
        kind: how it is written, one of `reporting.numbers.FORMATS`.
        value_of: gives it for a result.
    """

    name: str
    title: str
    kind: str
    value_of: Callable[[Result], float | None]


def _of(key: str, unit: float = 1.0) -> Callable[[Result], float | None]:
    def value_of(result: Result) -> float | None:
        value = (result["cost"] or {}).get(key)
        return None if value is None else value / unit

    return value_of


COSTS = (
    Cost("sequences_per_second", "sequences/s of an epoch", "count", _of("sequences_per_second")),
    Cost("training_peak_memory_mib", "peak memory, train, MiB", "count", _of("training_peak_memory_bytes", MEBIBYTE)),
    Cost("peak_memory_mib", "peak memory, all, MiB", "count", _of("peak_memory_bytes", MEBIBYTE)),
    Cost("parameters", "parameters", "count", _of("parameters")),
    Cost("training_seconds", "time to train", "seconds", _of("training_seconds")),
    Cost("epochs", "epochs", "small", _of("epochs")),
    Cost("best_epoch", "best epoch", "small", _of("best_epoch")),
    Cost("evaluation_seconds", "time to evaluate", "seconds", _of("evaluation_seconds")),
)


def cost_facts(rows: Sequence[Row]) -> dict[str, Any]:
    """Returns what was measured of the cost.

    Args:
        rows: of the benchmark.

    Returns:
        ``columns`` (``name``, ``title``, ``kind``), ``rows``: ``row`` (its place), ``order`` (None where the paper
        tells none) and ``cells``, one a column, as `Summary` has them, without a spread where all seeds cost the same;
        ``symbols``; and ``total_seconds`` of training and evaluating all cells.
    """
    return {
        "columns": [{"name": cost.name, "title": cost.title, "kind": cost.kind} for cost in COSTS],
        "rows": [
            {
                "row": place,
                "order": None if row.role == ABLATION else ORDERS.get(row.method),
                "cells": [_cell(row, cost) for cost in COSTS],
            }
            for place, row in enumerate(rows)
        ],
        "symbols": SYMBOLS,
        "total_seconds": sum(
            (result["cost"] or {}).get(key) or 0.0
            for row in rows
            for result in row.results
            for key in ("training_seconds", "evaluation_seconds")
        ),
    }


def _cell(row: Row, cost: Cost) -> dict[str, Any]:
    summary = summarise(row, cost.value_of)
    return {**summary.facts(), "spread": summary.spread or None}
