"""Cells that train nothing, for tests of what runs them."""

import os
import pathlib
from typing import Any

from experiments.runs.dataset import Dataset
from experiments.runs.result import COST, RESULT_FILE, UNMEASURED, describe, write_json
from experiments.runs.run import FAILED, FINISHED, Run, RunResult, run_key
from pipeline.cache_keys import compute_source_digests
from tests.experiments.benchmark import made_up


class FakeCells:
    """Runs cells as `execute_run` does, two epochs each, and finishes them with made-up results.

    Args:
        unfinished: status and reason of some cells, by label.
        interrupt: label of a cell in which Ctrl-C is pressed.

    Attributes:
        ran: the cells, in order.
        options: with what each was run.
    """

    def __init__(self, unfinished: dict[str, tuple[str, str]] | None = None, interrupt: str = ""):
        self.unfinished = unfinished or {}
        self.interrupt = interrupt
        self.ran: list[Run] = []
        self.options: list[dict[str, Any]] = []

    def __call__(
        self, cell: Run, data: Dataset, folder: str, *, on_epoch: Any, on_stage: Any, **options: Any
    ) -> RunResult:
        self.ran.append(cell)
        self.options.append(options)
        os.makedirs(folder, exist_ok=True)
        on_stage("at work")
        for epoch in (1, 2) if cell.learned else ():
            assert on_epoch({"epoch": epoch, "seconds": 1.0, "val_next_item_ndcg@10": 0.1 * epoch})
            if cell.label == self.interrupt:
                raise KeyboardInterrupt
        status, reason = self.unfinished.get(cell.label, (FINISHED, ""))
        result = finished_result(cell, data)
        if status == FINISHED:
            made_up.write_sequences(pathlib.Path(folder), made_up.values(0.4, cell.config.training.seed))
        else:
            result |= {**UNMEASURED, "cost": dict.fromkeys(COST) | {"wall_seconds": 3.0}}
        result |= {"status": status, "reason": reason, "memory_limit": options["memory_limit"]}
        write_json(os.path.join(folder, RESULT_FILE), result)
        return RunResult(status, reason, result)


def finished_result(cell: Run, data: Dataset) -> dict[str, Any]:
    """Returns the made-up result of a cell, as it is called and configured."""
    described = describe(cell, run_key(cell, data.digest), compute_source_digests()["Trainer"])
    return {**made_up.result(cell.label, cell.config.training.seed), **described}


FAILURE = {"SASRec": (FAILED, "It failed in training epoch 1: no data (full log: run.log)")}
