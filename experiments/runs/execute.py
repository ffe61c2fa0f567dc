"""Executes a run in a worker process of its own, under a memory limit, and writes down what came of it."""

import contextlib
import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from experiments.runs.dataset import Dataset
from experiments.runs.failure_text import describe_exception, describe_over_limit, describe_refusal, diagnose_exit
from experiments.runs.process import WorkerProcess
from experiments.runs.result import (
    FAILED,
    FINISHED,
    OUT_OF_MEMORY,
    RESULT_FILE,
    STOPPED,
    RunCost,
    RunResult,
    Status,
    write_result,
)
from experiments.runs.run import EpochMessage, ErrorMessage, Run, RunSpec, StageMessage
from pipeline.cache_keys import compute_source_digests
from pipeline.console import redirect_output
from pipeline.memory import count_memory_kills
from reporting.environment import describe_machine

WATCH_SECONDS = 0.2
"""Time between two looks at the memory of a worker process."""

OnEpoch = Callable[[dict[str, float]], bool]
OnStage = Callable[[str], None]


def accept_epoch(epoch: dict[str, float]) -> bool:
    """Returns True: does not stop the training after any epoch."""
    return True


def ignore_stage(stage: str) -> None:
    """Does not show where a run is."""


def execute_run(
    run: Run,
    data: Dataset,
    folder: str,
    *,
    memory_limit: int | None,
    on_epoch: OnEpoch = accept_epoch,
    on_stage: OnStage = ignore_stage,
    evaluate: bool = True,
    keep_model: bool = False,
) -> RunResult:
    """Trains the model of a run and measures it; whatever happens in the worker process, this process survives.

    A run that was killed continues where it was: after the last whole epoch, or with the evaluation.

    Args:
        run: the run.
        data: sequences and catalogues, from `experiments.runs.dataset.prepare_dataset`.
        folder: folder of the run, for `result.json`, `sequences.parquet`, `run.log` and what training writes.
        memory_limit: largest memory that the worker process may take, in bytes; None for no limit.
        on_epoch: is called with each epoch's entry of `training.json`; returns False to stop the run. It is not called
            again for epochs of an earlier process that was killed.
        on_stage: is called with the stage that begins, as in "in training epoch 3".
        evaluate: whether the model is measured; if not, the result has no metrics.
        keep_model: whether the exported model is kept, in ``folder/model``.

    Returns:
        What came of the run; `result.json` holds the same, unless the run was stopped.
    """
    os.makedirs(folder, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, RESULT_FILE))
    spec = RunSpec(run, data, folder, compute_source_digests()["Trainer"], evaluate)
    start = time.monotonic()
    result = _watch(spec, memory_limit, on_epoch, on_stage)
    if result.status == STOPPED:
        _remove_leftovers(spec, keep_model=False)
        return result
    cost = dataclasses.replace(result.cost, wall_seconds=time.monotonic() - start)
    result = dataclasses.replace(result, memory_limit=memory_limit, machine=describe_machine(), cost=cost)
    write_result(folder, result)
    if result.status == FINISHED:
        _remove_leftovers(spec, keep_model)
    return result


def work(link: Connection, spec: RunSpec) -> None:
    """Does in a worker process what `spec` asks; reports through `link`, and prints into the log of the run."""
    # What a run prints for a person is lost: the person sees one line a run.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with redirect_output(spec.log_file):
        # Imported here, because it brings TensorFlow, which this process alone needs and which writes when imported.
        from experiments.runs import worker

        worker.work(link, spec)


def _watch(spec: RunSpec, memory_limit: int | None, on_epoch: OnEpoch, on_stage: OnStage) -> RunResult:
    """Watches a worker process until its end; returns the result, without what `execute_run` adds to it."""
    stage, peak, kills = "at its start", 0, count_memory_kills()

    def end(status: Status, reason: str) -> RunResult:
        result = RunResult.unmeasured(spec.run, spec.key, spec.source_digest, status, reason)
        return dataclasses.replace(result, cost=RunCost(peak_memory_bytes=peak))

    with WorkerProcess(work, spec) as process:
        for message in process.receive(WATCH_SECONDS):
            if isinstance(message, RunResult):
                process.end()
                return message
            if isinstance(message, ErrorMessage):
                if message.out_of_memory:
                    return end(OUT_OF_MEMORY, describe_refusal(message.message, stage, peak))
                return end(FAILED, describe_exception(message.message, stage, spec.log_file))
            used = process.measure_memory()
            peak = max(peak, used)
            if memory_limit is not None and used > memory_limit:
                return end(OUT_OF_MEMORY, describe_over_limit(spec.run, used, memory_limit, stage))
            if isinstance(message, StageMessage):
                stage = message.stage
                on_stage(stage)
            elif isinstance(message, EpochMessage):
                answer = on_epoch(dict(message.entry))
                with contextlib.suppress(OSError):  # the process may have been killed meanwhile
                    process.link.send(answer)
        kills_now = count_memory_kills()
        for_memory = kills_now is None or kills_now != kills
        return end(*diagnose_exit(process.exit_code, for_memory, stage, peak, spec.log_file))


def _remove_leftovers(spec: RunSpec, keep_model: bool) -> None:
    """Removes what is needed only until there is a result: first the file that says that the model is whole."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(spec.trained_file)
    if not keep_model:
        shutil.rmtree(spec.model_folder, ignore_errors=True)
    shutil.rmtree(spec.checkpoints_folder, ignore_errors=True)
