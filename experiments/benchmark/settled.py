"""Which cells of a benchmark came to their end before, and why others that did are run again all the same."""

import collections
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.benchmark.folders import cell_folder, folders_of_other_keys
from experiments.runs.dataset import Dataset
from experiments.runs.result import RESULT_FILE, SETTINGS_CHANGED, explain_rerun, read_result
from experiments.runs.run import Run, run_key


@dataclasses.dataclass(frozen=True)
class Settled:
    """What earlier runs of a benchmark have left.

    Attributes:
        results: contents of `result.json` of the cells that are not run again, by name.
        again: why others that have a result are run again, by name.
    """

    results: Mapping[str, dict[str, Any]]
    again: Mapping[str, str]

    def lines(self, cells: int) -> Iterator[str]:
        """Yields what a person is told before a benchmark of so many cells goes on; nothing of a new one."""
        if self.results:
            yield f"Kept: {len(self.results)} of {cells} cells, which came to their end"
        for reason, number in collections.Counter(self.again.values()).items():
            yield f"Run again: {number}, because {reason}"


def settled_cells(
    cells: Sequence[Run], data: Dataset, folder: str, source_digest: str, memory_limit: int | None
) -> Settled:
    """Finds what earlier runs of a benchmark have left.

    Args:
        cells: of the benchmark, from `experiments.benchmark.folders.named_by_key`.
        data: what they are trained and measured on.
        folder: of the benchmark.
        source_digest: of the code now.
        memory_limit: bytes that a cell may take now; None for all there are.
    """
    results, again = {}, {}
    for cell in cells:
        result = read_result(cell_folder(folder, cell))
        if result is None:
            others = (os.path.join(other, RESULT_FILE) for other in folders_of_other_keys(folder, cell))
            if any(map(os.path.exists, others)):
                again[cell.name] = SETTINGS_CHANGED
            continue
        reason = explain_rerun(result, cell, run_key(cell, data.digest), source_digest, memory_limit)
        if reason is None:
            # What it is called, and what a search has chosen of its values, is no part of the key.
            results[cell.name] = result.relabel(cell).to_json()
        else:
            again[cell.name] = reason
    return Settled(results, again)
