"""The rows of a benchmark's tables: the cells of a method and a training target, one a seed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmark.ablations import ABLATIONS
from experiments.runs.result import FINISHED, OUT_OF_MEMORY
from model.methods import METHODS

DSPNET, BASELINE, ABLATION = "dspnet", "baseline", "ablation"
DSPNET_MINUS = "dspnet_minus"

_PARTS = [ablation.label for ablation in ABLATIONS]
_FUSION = {part.label for part in ABLATIONS if any(key.startswith("model.") for key in part.values)}
"""Ablations of the sequence feature enhancement, which have a table of their own (Table 2)."""

SETTINGS = ("target", "objective", "sampling")
"""What may differ in rows of the same label."""
_TARGETS = ("next", "period", "prefix")

Result = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Row:
    """What is shown in one row: the same configuration but for the seed.

    Attributes:
        label: name of the method, or of what an ablation leaves out.
        method: as in `model.name`; empty where only the plan knows the row.
        role: ``dspnet``, ``baseline`` or ``ablation``.
        target: what was predicted in training, or counted.
        objective: of the training; empty where nothing is trained, and where it is not known yet.
        sampling: of candidates; likewise.
        results: contents of `result.json`, one a seed, by rising seed.
        missing: seeds that are planned and have no result yet.
    """

    label: str
    method: str
    role: str
    target: str
    objective: str
    sampling: str
    results: tuple[Result, ...] = ()
    missing: tuple[int, ...] = ()

    @property
    def finished(self) -> tuple[Result, ...]:
        """The results that have metrics."""
        return tuple(result for result in self.results if result["status"] == FINISHED)

    @property
    def out_of_memory(self) -> tuple[Result, ...]:
        """The results of cells that needed more memory than they were given."""
        return tuple(result for result in self.results if result["status"] == OUT_OF_MEMORY)

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results of cells that ended in any other way."""
        return tuple(result for result in self.results if result["status"] not in (FINISHED, OUT_OF_MEMORY))

    @property
    def competes(self) -> bool:
        """Whether it can be the best of a table: what DSPnet is without a part of it is no method of its own."""
        return self.role != ABLATION

    @property
    def counted(self) -> bool:
        """Whether nothing is trained, so that the seed has no influence."""
        return self.method in METHODS and not METHODS[self.method].learned

    @property
    def of_fusion(self) -> bool:
        """Whether it belongs to the study of the sequence feature enhancement alone."""
        return self.role == ABLATION and self.label in _FUSION

    @property
    def tuned(self) -> bool | None:
        """Whether a search chose some of the settings of what was measured; None where nothing was, or is trained."""
        return any(result["tuned"] for result in self.finished) if self.finished and not self.counted else None


def rows_of(results: Sequence[Result], planned: Sequence[Mapping[str, Any]] = ()) -> list[Row]:
    """Groups results into rows, in the order of the paper's tables.

    Args:
        results: contents of `result.json`.
        planned: cells without one, each with ``label``, ``seed`` and ``target``.

    Returns:
        The methods that the paper compares with, those beyond it, counting, DSPnet-, what DSPnet is without a part of
        it, and DSPnet; of the same label, by target.

    Raises:
        ValueError: if two results have the same seed in the same row.
    """
    found: dict[Row, list[Result]] = {}
    for result in results:
        found.setdefault(_row_of(result), []).append(result)
    waiting: dict[tuple[str, str], list[int]] = {}
    for cell in planned:
        waiting.setdefault((str(cell["label"]), str(cell["target"])), []).append(int(cell["seed"]))
    rows = []
    for row, of_row in found.items():
        _check_seeds(of_row)
        ordered = tuple(sorted(of_row, key=lambda result: result["seed"]))
        missing = tuple(sorted(waiting.pop((row.label, row.target), ())))
        rows.append(dataclasses.replace(row, results=ordered, missing=missing))
    rows += [_unstarted(label, target, seeds) for (label, target), seeds in waiting.items()]
    return sorted(rows, key=_place)


def row_names(rows: Sequence[Row]) -> list[str]:
    """Returns what rows are called in sentences: the label, and what tells rows of the same label apart.

    >>> next_item = Row("SASRec", "sasrec", "baseline", "next", "softmax", "none")
    >>> row_names([next_item, dataclasses.replace(next_item, target="period")])
    ['SASRec (next)', 'SASRec (period)']
    """
    several = _several(rows)
    names = []
    for row in rows:
        told = [getattr(row, setting) for setting in SETTINGS if (row.label, setting) in several]
        names.append(f"{row.label} ({', '.join(filter(None, told))})" if any(told) else row.label)
    return names


def _row_of(result: Result) -> Row:
    """Returns the row of a result, still without any; what is counted has no objective, whatever is configured."""
    known = {name: str(result[name]) for name in ("label", "method", "role", *SETTINGS)}
    row = Row(**known)
    return dataclasses.replace(row, objective="", sampling="") if row.counted else row


def _several(rows: Sequence[Row]) -> set[tuple[str, str]]:
    """Returns labels, each with a setting in which its rows differ."""
    values: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for setting in SETTINGS:
            values.setdefault((row.label, setting), set()).update(filter(None, [getattr(row, setting)]))
    return {key for key, found in values.items() if len(found) > 1}


def _unstarted(label: str, target: str, seeds: Sequence[int]) -> Row:
    """Returns the row of cells that have no result yet; what it is follows from its label."""
    method = next((method.name for method in METHODS.values() if method.title == label), "")
    role = DSPNET if method == DSPNET else ABLATION if method in ("", DSPNET_MINUS) else BASELINE
    return Row(label, method, role, target, "", "", missing=tuple(sorted(seeds)))


def _place(row: Row) -> tuple[Any, ...]:
    order = list(METHODS)
    if row.role == ABLATION and row.method in ("", DSPNET):
        place = (order.index(DSPNET) - 0.5, _PARTS.index(row.label) if row.label in _PARTS else len(_PARTS))
    else:
        place = (order.index(row.method) if row.method in order else len(order), 0)
    target = _TARGETS.index(row.target) if row.target in _TARGETS else len(_TARGETS)
    return (*place, row.label, target, row.objective, row.sampling)


def _check_seeds(results: Sequence[Result]) -> None:
    seeds = [result["seed"] for result in results]
    again = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if again:
        raise ValueError(
            f"results: {results[0]['label']} trained on {results[0]['target']} has seed {again[0]} more than once, in "
            f"{', '.join(str(result['name']) for result in results if result['seed'] == again[0])}; expected one cell "
            "a row and seed."
        )
