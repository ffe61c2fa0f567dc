"""What each row costs: Table 5 of the paper, measured, beside the paper's orders of growth."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from experiments.benchmark.plan import ABLATION
from experiments.benchmark.rows import BenchmarkRow, SeedMean, summarise
from experiments.runs.result import RunCost
from model.methods import METHODS

MEBIBYTE = 2**20

ORDERS_OF_GROWTH = {name: method.step_cost for name, method in METHODS.items() if method.step_cost}
"""Time of the prediction part of a training step, as the paper's Table 5 has it."""
SYMBOLS = (
    "B: batch size, K: candidate items, d: width of a head, |T|: length of the sequence, ρ: share of it that the Cloze "
    "task masks, H′: heads of the cross-attention, N′: features of the user's side"
)


@dataclasses.dataclass(frozen=True)
class CostColumn:
    """A column of the table of cost.

    Attributes:
        name: name of the value in benchmark.json.
        title: title above the column.
        kind: format of the numbers, one of `reporting.numbers.FORMATS`.
        value_of: function that returns the value in the cost of a run; None where it does not apply.
    """

    name: str
    title: str
    kind: str
    value_of: Callable[[RunCost], float | None]

    def to_json(self) -> dict[str, Any]:
        """Returns the entry of the column in benchmark.json."""
        return {"name": self.name, "title": self.title, "kind": self.kind}


COLUMNS = (
    CostColumn("sequences_per_second", "sequences/s of an epoch", "count", lambda cost: cost.sequences_per_second),
    CostColumn(
        "training_peak_memory_mib",
        "peak memory, train, MiB",
        "count",
        lambda cost: _to_mebibytes(cost.training_peak_memory_bytes),
    ),
    CostColumn("peak_memory_mib", "peak memory, all, MiB", "count", lambda cost: _to_mebibytes(cost.peak_memory_bytes)),
    CostColumn("parameters", "parameters", "count", lambda cost: cost.parameters),
    CostColumn("training_seconds", "time to train", "seconds", lambda cost: cost.training_seconds),
    CostColumn("epochs", "epochs", "small", lambda cost: cost.epochs),
    CostColumn("best_epoch", "best epoch", "small", lambda cost: cost.best_epoch),
    CostColumn("evaluation_seconds", "time to evaluate", "seconds", lambda cost: cost.evaluation_seconds),
)


@dataclasses.dataclass(frozen=True)
class CostRow:
    """The cost of a row.

    Attributes:
        row: place among the rows of the benchmark.
        order: order of growth in the paper; None where the paper has none.
        cells: means over seeds, one a column, without a spread where all seeds cost the same.
    """

    row: int
    order: str | None
    cells: tuple[SeedMean, ...]


@dataclasses.dataclass(frozen=True)
class CostTable:
    """The cost of all rows.

    Attributes:
        columns: columns of the table.
        rows: rows of the table.
        symbols: what the symbols in the orders of growth mean.
        total_seconds: time of training and evaluating all runs.
    """

    columns: tuple[CostColumn, ...]
    rows: tuple[CostRow, ...]
    symbols: str
    total_seconds: float


def make_cost_table(rows: Sequence[BenchmarkRow]) -> CostTable:
    """Returns the measured cost of the rows of a benchmark."""
    costs = [result.cost for row in rows for result in row.results]
    times = [seconds for cost in costs for seconds in (cost.training_seconds, cost.evaluation_seconds)]
    return CostTable(
        COLUMNS,
        tuple(
            CostRow(
                place,
                None if row.role == ABLATION else ORDERS_OF_GROWTH.get(row.method),
                tuple(_summarise_cost(row, column) for column in COLUMNS),
            )
            for place, row in enumerate(rows)
        ),
        SYMBOLS,
        sum(seconds for seconds in times if seconds is not None and math.isfinite(seconds)),
    )


def _summarise_cost(row: BenchmarkRow, column: CostColumn) -> SeedMean:
    mean = summarise(row, lambda result: column.value_of(result.cost))
    return dataclasses.replace(mean, spread=mean.spread or None)


def _to_mebibytes(size: int | None) -> float | None:
    return None if size is None else size / MEBIBYTE
