"""The rows of a benchmark's tables: the runs of one method and training target, and means over their seeds."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from experiments.benchmark.plan import ABLATION, ABLATIONS, DSPNET, EQUAL_HEADS, Study
from experiments.runs.result import FINISHED, OUT_OF_MEMORY, RunResult
from experiments.runs.run import Run
from model.methods import METHODS
from model.questions import LABELS
from reporting.table import Rank

SETTINGS = ("target", "objective", "sampling")
"""Settings that may differ between rows of one label."""

_ABLATION_LABELS = [ablation.label for ablation in ABLATIONS]
_STUDIES = {ablation.label: ablation.study for ablation in ABLATIONS}

State = Literal["measured", "out_of_memory", "failed", "waiting", "unmeasured"]
"""``waiting`` has not been run yet; ``unmeasured`` was run, and the value was not measured."""


@dataclasses.dataclass(frozen=True)
class BenchmarkRow:
    """The runs of one row of the tables, which have the same configuration but for the seed.

    Attributes:
        label: name of the method, or of what an ablation changes.
        method: name of the method, as in `model.name`.
        role: as in `model.methods.Role`.
        target: what was predicted in training, or counted.
        objective: objective of the training; empty where nothing is trained, and where it is not known yet.
        sampling: sampling of candidates; empty where the objective is.
        results: results of the runs, one a seed, by rising seed.
        missing: seeds that are planned and have no result yet.
        name: name of the row in sentences: the label, and what distinguishes rows of the same label.
    """

    label: str
    method: str
    role: str
    target: str
    objective: str
    sampling: str
    results: tuple[RunResult, ...] = ()
    missing: tuple[int, ...] = ()
    name: str = ""

    @property
    def finished(self) -> tuple[RunResult, ...]:
        """The results that have metrics."""
        return tuple(result for result in self.results if result.status == FINISHED)

    @property
    def out_of_memory(self) -> tuple[RunResult, ...]:
        """The results of runs that needed more memory than they were given."""
        return tuple(result for result in self.results if result.status == OUT_OF_MEMORY)

    @property
    def failed(self) -> tuple[RunResult, ...]:
        """The results of runs that ended in any other way."""
        return tuple(result for result in self.results if result.status not in (FINISHED, OUT_OF_MEMORY))

    @property
    def competes(self) -> bool:
        """Whether the row can be the best of a table: DSPnet without a part is no method of its own."""
        return self.role != ABLATION

    @property
    def statistical(self) -> bool:
        """Whether nothing is trained, so that the seed has no influence."""
        return self.method in METHODS and not METHODS[self.method].trained

    @property
    def study(self) -> Study | None:
        """What the row is about, if it is DSPnet with a part left out or added."""
        return _STUDIES.get(self.label) if self.role == ABLATION else None

    @property
    def stands_among_methods(self) -> bool:
        """Whether the row belongs to the tables of methods, and not to one of its own kind alone."""
        return self.role != EQUAL_HEADS and self.study in (None, "regularisation")

    @property
    def tuned(self) -> bool | None:
        """Whether a search chose some of the settings; None where nothing was measured, or nothing is trained."""
        if not self.finished or self.statistical:
            return None
        return any(result.tuned for result in self.finished)

    @property
    def source(self) -> str | None:
        """Where the method comes from; None for a method that is not in the registry."""
        return METHODS[self.method].source if self.method in METHODS else None

    def format_setting(self, setting: str) -> str | None:
        """Returns the value of one of `SETTINGS`, or of ``tuned``, in words; None where it does not apply."""
        if setting == "tuned":
            return None if self.tuned is None else "yes" if self.tuned else "no"
        return getattr(self, setting) or None

    def to_json(self) -> dict[str, Any]:
        """Returns the entry of the row in benchmark.json."""
        return {
            "name": self.name,
            "label": self.label,
            "method": self.method,
            "source": self.source,
            "role": self.role,
            **{setting: self.format_setting(setting) for setting in (*SETTINGS, "tuned")},
            "competes": self.competes,
            "finished": len(self.finished),
            "planned": len(self.results) + len(self.missing),
            "seeds": {
                "finished": [result.seed for result in self.finished],
                "out_of_memory": [result.seed for result in self.out_of_memory],
                "failed": [result.seed for result in self.failed],
                "waiting": list(self.missing),
            },
        }


@dataclasses.dataclass(frozen=True)
class SeedMean:
    """A value of a row: its mean over seeds, or why there is none.

    Attributes:
        state: whether there is a value, or why not.
        mean: mean over seeds; None where there is no value.
        spread: sample standard deviation over seeds; None with fewer than two seeds.
        seeds: number of seeds that have a value.
        rank: whether the mean is the best of its column, or the second best.
    """

    state: State
    mean: float | None = None
    spread: float | None = None
    seeds: int = 0
    rank: Rank | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the value as benchmark.json has it, where the rank is called ``mark``."""
        content = dataclasses.asdict(self)
        rank = content.pop("rank")
        return {**content, "mark": rank}


def group_runs(results: Sequence[RunResult], planned: Sequence[Run] = ()) -> list[BenchmarkRow]:
    """Groups results into rows, in the order of the paper's tables.

    Args:
        results: results of all runs that have one.
        planned: runs without a result.

    Returns:
        The methods that the paper compares with, other trained baselines, each followed by itself with DSPnet's heads,
        statistical methods, DSPnet-, DSPnet without a part of it, and DSPnet; rows of the same label by target.

    Raises:
        ValueError: if two results have the same seed in the same row.
    """
    found: dict[BenchmarkRow, list[RunResult]] = {}
    for result in results:
        found.setdefault(_describe_row(result), []).append(result)
    waiting: dict[tuple[str, str], list[Run]] = {}
    for run in planned:
        waiting.setdefault((run.label, run.config.training.target), []).append(run)
    rows = []
    for row, row_results in found.items():
        _check_seeds(row_results)
        ordered = tuple(sorted(row_results, key=lambda result: result.seed))
        missing = _list_seeds(waiting.pop((row.label, row.target), ()))
        rows.append(dataclasses.replace(row, results=ordered, missing=missing))
    for (label, target), runs in waiting.items():
        method = runs[0].config.model.name
        rows.append(BenchmarkRow(label, method, runs[0].role, target, "", "", missing=_list_seeds(runs)))
    return _add_names(sorted(rows, key=_sort_key))


def summarise(row: BenchmarkRow, value_of: Callable[[RunResult], float | None]) -> SeedMean:
    """Returns the mean of a value over the finished seeds of a row.

    Args:
        row: row of the benchmark.
        value_of: function that returns the value in a result; None, or not finite, where it was not measured.
    """
    found = [value_of(result) for result in row.finished]
    values = [float(value) for value in found if value is not None and math.isfinite(value)]
    if values:
        spread = statistics.stdev(values) if len(values) > 1 else None
        return SeedMean("measured", statistics.fmean(values), spread, len(values))
    if row.finished:
        return SeedMean("unmeasured")
    return SeedMean("out_of_memory" if row.out_of_memory else "failed" if row.failed else "waiting")


def summarise_metric(row: BenchmarkRow, metric: str) -> SeedMean:
    """Returns the mean of a metric, ``task/metric`` or ``task/metric/slice``, over the finished seeds of a row."""
    return summarise(row, lambda result: (result.metrics or {}).get(metric))


def _describe_row(result: RunResult) -> BenchmarkRow:
    """Returns the row of a result, without results; a statistical method has no objective, whatever is configured."""
    row = BenchmarkRow(result.label, result.method, result.role, result.target, result.objective, result.sampling)
    return dataclasses.replace(row, objective="", sampling="") if row.statistical else row


def _list_seeds(runs: Iterable[Run]) -> tuple[int, ...]:
    return tuple(sorted(run.config.training.seed for run in runs))


def _add_names(rows: Sequence[BenchmarkRow]) -> list[BenchmarkRow]:
    """Returns the rows with names: the label, and the settings in which rows of that label differ."""
    values: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for setting in SETTINGS:
            values.setdefault((row.label, setting), set()).update(filter(None, [getattr(row, setting)]))
    named = []
    for row in rows:
        differing = [getattr(row, setting) for setting in SETTINGS if len(values[row.label, setting]) > 1]
        name = f"{row.label} ({', '.join(filter(None, differing))})" if any(differing) else row.label
        named.append(dataclasses.replace(row, name=name))
    return named


def _sort_key(row: BenchmarkRow) -> tuple[Any, ...]:
    order = list(METHODS)
    if row.role == ABLATION and row.method == DSPNET:
        part = _ABLATION_LABELS.index(row.label) if row.label in _ABLATION_LABELS else len(_ABLATION_LABELS)
        place = (order.index(DSPNET) - 0.5, part)
    else:
        place = (order.index(row.method) if row.method in order else len(order), 0)
    target = LABELS.index(row.target) if row.target in LABELS else len(LABELS)
    return (*place, row.label, target, row.objective, row.sampling)


def _check_seeds(results: Sequence[RunResult]) -> None:
    seeds = [result.seed for result in results]
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if repeated:
        names = ", ".join(result.name for result in results if result.seed == repeated[0])
        raise ValueError(
            f"results: {results[0].label} trained on {results[0].target} has seed {repeated[0]} more than once, in "
            f"{names}; expected one run for each row and seed."
        )
