"""What a benchmark found: everything that its tables and its page show, and the content of benchmark.json."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.cost import CostTable, make_cost_table
from experiments.benchmark.metric_tables import (
    DifferenceRow,
    MetricTable,
    find_cutoffs,
    list_idea_metrics,
    list_ideas,
    make_equal_heads_tables,
    make_fusion_tables,
    make_group_tables,
    make_main_tables,
)
from experiments.benchmark.narrative import describe_cautions, describe_verdict
from experiments.benchmark.plan import BASELINE, EQUAL_HEADS
from experiments.benchmark.rows import SETTINGS, BenchmarkRow, group_runs
from experiments.benchmark.settings import SearchSummary, SettingsComparison, compare_settings, summarise_search
from experiments.benchmark.significance import BaselineComparisons, compare_with_best, compare_with_each
from experiments.runs.result import RunResult
from experiments.runs.run import Run
from model.config import MONITOR
from model.evaluation.tasks import GROUPS
from schemas.evaluation import Slice
from schemas.training import TrainingHistory


@dataclasses.dataclass(frozen=True)
class BenchmarkInfo:
    """What a benchmark shows of itself, besides the results of its runs.

    Attributes:
        name: name of the configuration.
        command: command as it was typed; None if it is not known.
        seeds: seeds of the benchmark; empty for the seeds of the results.
        machine: description of the machine, by name.
        versions: versions of the installed libraries, by name.
        memory_limit: bytes that a run may take; None for all there are.
        trials: trials of each search; 0 for no search.
        search_space: range of each key that a search may change, by method and dotted key.
    """

    name: str
    command: str | None = None
    seeds: tuple[int, ...] = ()
    machine: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    memory_limit: int | None = None
    trials: int = 0
    search_space: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class MeasuredTestSet:
    """What the runs were measured on.

    Attributes:
        sequences: number of test sequences.
        digest: digest of the test users and their futures.
        groups: groups of test sequences by length of the history, by name.
    """

    sequences: int | None
    digest: str | None
    groups: Mapping[str, Slice]


@dataclasses.dataclass(frozen=True)
class LearningCurve:
    """A validation metric by epoch, of one seed.

    Attributes:
        seed: seed of the training.
        epochs: epochs in which the metric was measured.
        values: the metric after each of these epochs.
        best_epoch: epoch whose weights were kept; None if the metric was not measured then.
        best_value: the metric after that epoch.
    """

    seed: int
    epochs: tuple[int, ...]
    values: tuple[float, ...]
    best_epoch: int | None
    best_value: float | None


@dataclasses.dataclass(frozen=True)
class RowCurves:
    """The learning curves of a row.

    Attributes:
        row: place among the rows of the benchmark.
        metric: name of the validation metric.
        seeds: curves, one a seed.
    """

    row: int
    metric: str
    seeds: tuple[LearningCurve, ...]


@dataclasses.dataclass(frozen=True)
class BenchmarkResult:
    """What a benchmark found.

    Attributes:
        info: what the benchmark shows of itself.
        k: cut-offs of the metrics.
        verdict: sentences on who is first, and how sure that is.
        cautions: sentences on what to beware of.
        test: what the runs were measured on; None before anything was measured.
        rows: rows of all tables, in their order.
        distinguishing: settings in which rows differ, among target, objective, sampling and tuned.
        tables: Tables 1, 4 and 7.
        fusion: Table 2.
        groups: Figure 3.
        comparisons: DSPnet against the best baseline of each column of `tables`.
        equal_heads: tables of DSPnet and of rivals with its heads.
        equal_comparisons: DSPnet against the best of these rivals, for each column of `equal_heads`.
        idea_comparisons: DSPnet against itself with something that this project adds left out, or more added.
        cost: Table 5.
        search: what was searched for each method.
        settings: in which settings the rows agree and differ.
        curves: learning curves of the rows that have any.
    """

    info: BenchmarkInfo
    k: tuple[int, ...]
    verdict: tuple[str, ...]
    cautions: tuple[str, ...]
    test: MeasuredTestSet | None
    rows: tuple[BenchmarkRow, ...]
    distinguishing: tuple[str, ...]
    tables: tuple[MetricTable, ...]
    fusion: tuple[MetricTable, ...]
    groups: tuple[MetricTable, ...]
    comparisons: BaselineComparisons
    equal_heads: tuple[MetricTable, ...]
    equal_comparisons: BaselineComparisons
    idea_comparisons: BaselineComparisons
    cost: CostTable
    search: SearchSummary
    settings: SettingsComparison
    curves: tuple[RowCurves, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the benchmark, and of what its tables have beside it."""
        return tuple(sorted({*self.info.seeds, *(result.seed for row in self.rows for result in row.results)}))

    def to_json(self) -> dict[str, Any]:
        """Returns the content of benchmark.json; a number that is not finite was not measured, and is null."""
        metrics = _list_metrics((*self.tables, *self.fusion, *self.groups, *self.equal_heads))
        content = {
            "name": self.info.name,
            "command": self.info.command,
            "seeds": self.seeds,
            "machine": self.info.machine,
            "versions": self.info.versions,
            "memory_limit": self.info.memory_limit,
            "k": self.k,
            "verdict": self.verdict,
            "cautions": self.cautions,
            "test": self.test,
            "rows": self.rows,
            "told_apart": self.distinguishing,
            "tables": self.tables,
            "fusion": self.fusion,
            "groups": self.groups,
            "comparisons": self.comparisons,
            "equal_heads": self.equal_heads,
            "equal_comparisons": self.equal_comparisons,
            "idea_comparisons": self.idea_comparisons,
            "cost": self.cost,
            "search": self.search,
            "settings": self.settings,
            "curves": self.curves,
            "cells": [_run_to_json(result, metrics) for row in self.rows for result in row.results],
        }
        return {name: _to_json(value) for name, value in content.items()}


def summarise_benchmark(
    folder: str, results: Sequence[RunResult], planned: Sequence[Run], info: BenchmarkInfo
) -> BenchmarkResult:
    """Gathers what a benchmark found, as far as it has come.

    Args:
        folder: folder of the benchmark.
        results: results of all runs that have one.
        planned: runs without a result.
        info: what the benchmark shows of itself.

    Raises:
        ValueError: if two results are of the same row and seed.
    """
    rows = group_runs(results, planned)
    ks = find_cutoffs(rows)
    tables = make_main_tables(rows, ks)
    comparisons = compare_with_best(folder, rows, _list_metrics(tables), BASELINE)
    equal_heads = make_equal_heads_tables(rows, ks)
    equal_comparisons = compare_with_best(folder, rows, _list_metrics(equal_heads), EQUAL_HEADS)
    settings = compare_settings(rows)
    return BenchmarkResult(
        info=info,
        k=ks,
        verdict=tuple(describe_verdict(rows, ks, comparisons, equal_comparisons)),
        cautions=tuple(describe_cautions(rows, settings.unfair)),
        test=_describe_test_set(rows),
        rows=tuple(rows),
        distinguishing=tuple(
            setting
            for setting in (*SETTINGS, "tuned")
            if len({row.format_setting(setting) for row in rows} - {None}) > 1
        ),
        tables=tuple(_add_differences(table, comparisons) for table in tables),
        fusion=tuple(make_fusion_tables(rows, ks)),
        groups=tuple(make_group_tables(rows, ks)),
        comparisons=comparisons,
        equal_heads=tuple(_add_differences(table, equal_comparisons) for table in equal_heads),
        equal_comparisons=equal_comparisons,
        idea_comparisons=compare_with_each(folder, rows, list_idea_metrics(ks), list_ideas(rows)),
        cost=make_cost_table(rows),
        search=summarise_search(rows, info.search_space, info.trials),
        settings=settings,
        curves=tuple(curves for place, row in enumerate(rows) if (curves := _collect_curves(place, row)).seeds),
    )


def _list_metrics(tables: Sequence[MetricTable]) -> list[str]:
    return [column.metric for table in tables for column in table.columns]


def _add_differences(table: MetricTable, comparisons: BaselineComparisons) -> MetricTable:
    """Returns the table with a row for each row of DSPnet, which says where each column's comparison is."""
    places = {(column.dspnet, column.metric): place for place, column in enumerate(comparisons.columns)}
    differences = tuple(
        DifferenceRow(dspnet, tuple(places.get((dspnet, column.metric)) for column in table.columns))
        for dspnet in dict.fromkeys(column.dspnet for column in comparisons.columns)
    )
    return dataclasses.replace(table, differences=differences)


def _describe_test_set(rows: Sequence[BenchmarkRow]) -> MeasuredTestSet | None:
    """Returns the test set of the first run that was measured."""
    first = next((result for row in rows for result in row.finished), None)
    if first is None:
        return None
    slices = first.slices or {}
    groups = {group: slices[f"group={group}"] for group in GROUPS if f"group={group}" in slices}
    return MeasuredTestSet(first.sequences, first.digest, groups)


def _collect_curves(place: int, row: BenchmarkRow) -> RowCurves:
    curves = []
    for result in row.finished:
        history = result.training or TrainingHistory()
        values = {
            int(epoch["epoch"]): value
            for epoch in history.epochs
            if (value := epoch.get(MONITOR)) is not None and math.isfinite(value)
        }
        if values:
            best = history.best_epoch if history.best_epoch in values else None
            best_value = None if best is None else values[best]
            curves.append(LearningCurve(result.seed, tuple(values), tuple(values.values()), best, best_value))
    return RowCurves(place, MONITOR, tuple(curves))


def _run_to_json(result: RunResult, metrics: Sequence[str]) -> dict[str, Any]:
    """Returns what was measured in a run, as far as its mean is shown."""
    measured = result.metrics or {}
    kept = ("name", "label", "role", "method", "seed", "target", "objective", "sampling", "status", "reason")
    return {
        **{key: getattr(result, key) for key in kept},
        "metrics": {
            metric: measured[metric]
            for metric in metrics
            if measured.get(metric) is not None and math.isfinite(measured[metric])
        },
        "cost": result.cost,
        "tuned": result.tuned,
        "source_digest": result.source_digest,
    }


def _to_json(value: Any) -> Any:
    """Returns a value as JSON has it: a dataclass by its own `to_json`, or else by its fields."""
    if hasattr(value, "to_json"):
        return _to_json(value.to_json())
    if dataclasses.is_dataclass(value):
        return {field.name: _to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
