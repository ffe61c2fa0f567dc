"""Runs one cell in a process of its own, under a limit of memory, and writes down what came out."""

import contextlib
import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from typing import Any

from experiments.runs import failure_text
from experiments.runs.dataset import Dataset
from experiments.runs.memory import killed_for_memory
from experiments.runs.process import WorkerProcess
from experiments.runs.result import COST, RESULT_FILE, UNMEASURED, describe, write_json
from experiments.runs.run import (
    CHECKPOINTS_FOLDER,
    EPOCH,
    FAILED,
    FINISHED,
    LOG_FILE,
    MODEL_FOLDER,
    OUT_OF_MEMORY,
    STAGE,
    STOPPED,
    TRAINED_FILE,
    Run,
    RunResult,
    RunSpec,
    Status,
    run_key,
)
from experiments.runs.worker import work
from pipeline.cache_keys import compute_source_digests
from reporting.environment import describe_machine

WATCH_SECONDS = 0.2
"""How often the memory of a cell is looked at."""


def keep_going(epoch: dict[str, float]) -> bool:
    """Stops no training."""
    return True


def say_nothing(stage: str) -> None:
    """Tells nobody where a cell is."""


def execute_run(
    cell: Run,
    data: Dataset,
    folder: str,
    *,
    memory_limit: int | None,
    on_epoch: Callable[[dict[str, float]], bool] = keep_going,
    on_stage: Callable[[str], None] = say_nothing,
    evaluate: bool = True,
    keep_model: bool = False,
) -> RunResult:
    """Trains a cell's model and measures it; whatever happens there, it is told, and this process lives on.

    Run again after it was killed, it goes on where it was: after the last whole epoch, or with the evaluation.

    Args:
        cell: what to do.
        data: on what, from `experiments.runs.dataset.prepare_dataset`.
        folder: of the cell, for `result.json`, `sequences.parquet`, `run.log` and what training writes.
        memory_limit: bytes that the process may take; None for all there are.
        on_epoch: is given each epoch's entry of `training.json`; returns False to stop the cell. Epochs before one
            that was killed are not told again.
        on_stage: is told where the cell is, as in "in training epoch 3".
        evaluate: whether the model is measured; without, the result has no metrics.
        keep_model: whether the exported model is kept, in ``folder/model``.

    Returns:
        What became of it; also in `result.json`, unless it was stopped.
    """
    os.makedirs(folder, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, RESULT_FILE))
    source_digest = compute_source_digests()["Trainer"]
    start = time.monotonic()
    end = _watch(RunSpec(cell, data, folder, source_digest, evaluate), memory_limit, on_epoch, on_stage)
    if end.status == STOPPED:
        _tidy(folder, keep_model=False)
        return RunResult(STOPPED, "", None)
    result = {
        **describe(cell, run_key(cell, data.digest), source_digest),
        "status": end.status,
        "reason": end.reason,
        "memory_limit": memory_limit,
        "machine": describe_machine(),
        **UNMEASURED,
        **end.measured,
    }
    cost = {"peak_memory_bytes": end.peak_bytes, **result["cost"], "wall_seconds": time.monotonic() - start}
    result["cost"] = {name: cost.get(name) for name in COST}
    write_json(os.path.join(folder, RESULT_FILE), result)
    if end.status == FINISHED:
        _tidy(folder, keep_model)
    return RunResult(end.status, end.reason, result)


@dataclasses.dataclass(frozen=True)
class _End:
    """How the process of a cell ended.

    Attributes:
        status: of the cell.
        peak_bytes: most memory that was seen in use.
        reason: why it did not finish.
        measured: what the process sent, if it did.
    """

    status: Status
    peak_bytes: int
    reason: str = ""
    measured: dict[str, Any] = dataclasses.field(default_factory=dict)


def _watch(
    task: RunSpec,
    memory_limit: int | None,
    on_epoch: Callable[[dict[str, float]], bool],
    on_stage: Callable[[str], None],
) -> _End:
    stage, peak, killed = "at its start", 0, killed_for_memory()
    log_file = os.path.join(task.folder, LOG_FILE)
    with WorkerProcess(work, task) as process:
        for message in process.messages(WATCH_SECONDS):
            kind: str | None
            content: Any
            kind, content = message or (None, None)
            if kind in (FINISHED, STOPPED):
                process.end()
            if kind == FINISHED:
                return _End(FINISHED, peak, measured=content)
            if kind == STOPPED:
                return _End(STOPPED, peak)
            if kind == OUT_OF_MEMORY:
                return _End(OUT_OF_MEMORY, peak, failure_text.refused(content, stage, peak))
            if kind == FAILED:
                return _End(FAILED, peak, failure_text.failed(content, stage, log_file))
            used = process.memory_bytes()
            peak = max(peak, used)
            if memory_limit is not None and used > memory_limit:
                return _End(OUT_OF_MEMORY, peak, failure_text.over_limit(task.cell, used, memory_limit, stage))
            if kind == STAGE:
                stage = content
                on_stage(stage)
            elif kind == EPOCH:
                answer = on_epoch(content)
                with contextlib.suppress(OSError):  # it may have been killed meanwhile
                    process.link.send(answer)
        killed_now = killed_for_memory()
        for_memory = killed_now is None or killed_now != killed
        status, reason = failure_text.died(process.exit_code, for_memory, stage, peak, log_file)
        return _End(status, peak, reason)


def _tidy(folder: str, keep_model: bool) -> None:
    """Removes what is of use only as long as there is no result: first what says that the model is whole."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, TRAINED_FILE))
    if not keep_model:
        shutil.rmtree(os.path.join(folder, MODEL_FOLDER), ignore_errors=True)
    shutil.rmtree(os.path.join(folder, CHECKPOINTS_FOLDER), ignore_errors=True)
