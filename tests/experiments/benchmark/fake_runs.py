"""Runs that train nothing, for tests of what runs them."""

import dataclasses
import os
import pathlib
from typing import Any

from experiments.runs.dataset import Dataset
from experiments.runs.result import FAILED, FINISHED, RunCost, RunResult, Status, write_result
from experiments.runs.run import Run, compute_run_key
from pipeline.cache_keys import compute_source_digests
from tests.experiments.benchmark import made_up


class FakeRuns:
    """Runs runs as `execute_run` does, two epochs each, and finishes them with made-up results.

    Args:
        unfinished: status and reason of some runs, by label.
        interrupt: label of a run in which Ctrl-C is pressed.

    Attributes:
        ran: the runs, in order.
        options: with what each was run.
    """

    def __init__(self, unfinished: dict[str, tuple[Status, str]] | None = None, interrupt: str = ""):
        self.unfinished = unfinished or {}
        self.interrupt = interrupt
        self.ran: list[Run] = []
        self.options: list[dict[str, Any]] = []

    def __call__(
        self, run: Run, data: Dataset, folder: str, *, on_epoch: Any, on_stage: Any, **options: Any
    ) -> RunResult:
        self.ran.append(run)
        self.options.append(options)
        os.makedirs(folder, exist_ok=True)
        on_stage("at work")
        for epoch in (1, 2) if run.trained else ():
            assert on_epoch({"epoch": epoch, "seconds": 1.0, "val_ndcg@10": 0.1 * epoch})
            if run.label == self.interrupt:
                raise KeyboardInterrupt
        status, reason = self.unfinished.get(run.label, (FINISHED, ""))
        if status == FINISHED:
            made_up.write_sequences(pathlib.Path(folder), made_up.values(0.4, run.config.training.seed))
            result = finished_result(run, data)
        else:
            result = RunResult.unmeasured(run, *_digests(run, data), status, reason)
            result = dataclasses.replace(result, cost=RunCost(wall_seconds=3.0))
        result = dataclasses.replace(result, memory_limit=options["memory_limit"])
        write_result(folder, result)
        return result


def finished_result(run: Run, data: Dataset) -> RunResult:
    """Returns the made-up result of a run, as it is called and configured."""
    described = RunResult.unmeasured(run, *_digests(run, data), FINISHED)
    made = made_up.result(run.label, run.config.training.seed)
    measured = ("machine", "sequences", "digest", "slices", "metrics", "cost", "training")
    return dataclasses.replace(described, **{name: getattr(made, name) for name in measured})


def _digests(run: Run, data: Dataset) -> tuple[str, str]:
    return compute_run_key(run, data.digest), compute_source_digests()["Trainer"]


FAILURE = {"SASRec": (FAILED, "It failed in training epoch 1: no data (full log: run.log)")}
