"""Which tables there are, and what stands in them: Tables 1, 2, 4 and 7 and Figure 3 of the paper."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from experiments.benchmark.rows import DSPNET, Row
from experiments.benchmark.summary import marks, metric_of
from model.evaluation.tasks import GROUPS
from reporting.titles import TASKS, pick_headline_k

MAIN = {"next_item": "Table 1", "period_items": "Table 4", "next_scene": "Table 7"}
"""The tasks on which methods are compared, each with its table in the paper."""
_GROUPED = ("next_item", "period_items")
_MEASURES = (("recall", "R"), ("ndcg", "N"))


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of numbers.

    Attributes:
        metric: ``task/metric`` or ``task/metric/slice``.
        title: stands above it.
    """

    metric: str
    title: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table before it is filled.

    Attributes:
        name: names it in the facts.
        number: of the paper's table or figure.
        title: what it is about.
        columns: of numbers.
        rows: places of its rows.
        of_methods: whether only methods can be best; else every row can.
    """

    name: str
    number: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[int, ...]
    of_methods: bool = True

    def facts(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Fills it.

        Args:
            rows: of the benchmark.

        Returns:
            ``name``, ``number``, ``title``, ``of_methods``, ``columns`` (``metric``, ``title``) and ``rows``, each with
            ``row`` (its place among the rows), ``label`` and ``cells``, one a column: those of `Summary`, and ``mark``.
        """
        summaries = [[metric_of(rows[place], column.metric) for column in self.columns] for place in self.rows]
        compete = [rows[place].competes or not self.of_methods for place in self.rows]
        marked = [
            marks([summary.mean if may else None for summary, may in zip(column, compete, strict=True)])
            for column in zip(*summaries, strict=True)
        ]
        return {
            "name": self.name,
            "number": self.number,
            "title": self.title,
            "of_methods": self.of_methods,
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "rows": [
                {
                    "row": place,
                    "label": rows[place].label if self.of_methods else _variant(rows[place]),
                    "cells": [
                        {**summary.facts(), "mark": column[number]}
                        for summary, column in zip(of_row, marked, strict=True)
                    ],
                }
                for number, (place, of_row) in enumerate(zip(self.rows, summaries, strict=True))
            ],
        }


def cutoffs(rows: Sequence[Row]) -> tuple[int, ...]:
    """Returns the k at which anything was measured, rising; 5 and 10, as in the paper, before anything was."""
    found = {k for row in rows for result in row.results for k in result["config"]["evaluation"]["k"]}
    return tuple(sorted(found)) or (5, 10)


def main_tables(rows: Sequence[Row], ks: Sequence[int]) -> list[Table]:
    """Returns Tables 1, 4 and 7: all methods, and what DSPnet is without its regularisation."""
    places = tuple(place for place, row in enumerate(rows) if not row.of_fusion)
    tables = [Table(task, number, TASKS[task], _columns(task, ks), places) for task, number in MAIN.items()]
    return [table for table in tables if _shows_anything(table, rows)]


def fusion_table(rows: Sequence[Row], ks: Sequence[int]) -> list[Table]:
    """Returns Table 2, what DSPnet is with another sequence feature enhancement, if there is any such row."""
    targets = {row.target for row in rows if row.of_fusion}
    if not targets:
        return []
    # All of one target, or what was trained for another could be best because of that.
    places = tuple(
        place for place, row in enumerate(rows) if row.of_fusion or (row.role == DSPNET and row.target in targets)
    )
    title = "Sequence feature enhancement, next item"
    return [Table("fusion", "Table 2", title, _columns("next_item", ks), places, of_methods=False)]


def group_tables(rows: Sequence[Row], ks: Sequence[int]) -> list[Table]:
    """Returns Figure 3 as tables: the key metrics by length of the history, those that were measured."""
    places = tuple(place for place, row in enumerate(rows) if not row.of_fusion)
    tables = []
    for task in _GROUPED:
        columns = tuple(
            Column(f"{task}/{kind}@{pick_headline_k(ks)}/group={group}", f"{letter}@{pick_headline_k(ks)} {group}")
            for kind, letter in _MEASURES
            for group in GROUPS
        )
        title = f"{TASKS[task]} by length of the history"
        tables.append(Table(f"groups_{task}", "Figure 3", title, columns, places))
    return [table for table in tables if _shows_a_number(table, rows)]


def _variant(row: Row) -> str:
    """Returns the label of a row among variants of the sequence feature enhancement: DSPnet is one of them."""
    layers = {result["config"]["model"].get("fusion_layers") for result in row.results} - {None}
    return f"{row.label} (MLP_layers={layers.pop()})" if row.role == DSPNET and len(layers) == 1 else row.label


def _columns(task: str, ks: Sequence[int]) -> tuple[Column, ...]:
    return tuple(Column(f"{task}/{kind}@{k}", f"{letter}@{k}") for k in ks for kind, letter in _MEASURES)


def _shows_anything(table: Table, rows: Sequence[Row]) -> bool:
    """Whether there is a number, or nothing can be known yet."""
    return _shows_a_number(table, rows) or not any(row.finished for row in rows)


def _shows_a_number(table: Table, rows: Sequence[Row]) -> bool:
    return any(metric_of(rows[place], column.metric).seeds for place in table.rows for column in table.columns)
