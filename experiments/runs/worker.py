"""The process of a cell: trains its model, measures it, and tells the process that watches what came out."""

import gc
import os
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from experiments.runs.run import FAILED, FINISHED, LOG_FILE, MODEL_FOLDER, OUT_OF_MEMORY, STAGE, STOPPED, RunSpec
from pipeline.console import describe_error, redirect_output

_NOT_OF_MEMORY = ("no space left", "quota exceeded", "too many open files")
"""What TensorFlow reports as an exhausted resource, too."""


def work(link: Connection, task: RunSpec) -> None:
    """Does a task, sending pairs of a kind of message and its content (`experiments.runs.run`)."""
    # What a cell says to a person goes into its log: the person sees one line a cell.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    with redirect_output(os.path.join(task.folder, LOG_FILE)):
        from experiments.runs.reporter import StoppedError  # and TensorFlow with it, which speaks

        try:
            link.send((FINISHED, _results(link, task)))
        except StoppedError:
            link.send((STOPPED, ""))
        except Exception as error:
            traceback.print_exc()
            link.send((OUT_OF_MEMORY if no_memory(error) else FAILED, describe_error(error)))


def no_memory(error: BaseException) -> bool:
    """Tells whether an exception, or one that led to it, says that memory has run out."""
    chain = list(_chain(error))
    if any(words in str(one).lower() for one in chain for words in _NOT_OF_MEMORY):
        return False
    return any(
        isinstance(one, MemoryError) or type(one).__name__ == "ResourceExhaustedError" or "std::bad_alloc" in str(one)
        for one in chain
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _results(link: Connection, task: RunSpec) -> dict[str, Any]:
    import tf_keras

    from experiments.runs.measuring import measure
    from experiments.runs.training import train
    from pipeline import console

    trained = train(task, link)
    cost, measured = trained["cost"], {}
    if task.evaluate:
        # What was trained is still in memory, and what is measured is what was exported.
        tf_keras.backend.clear_session()
        gc.collect()
        link.send((STAGE, "in the evaluation"))
        measured = measure(task.cell, task.data, os.path.join(task.folder, MODEL_FOLDER), task.folder)
        cost = {**cost, "evaluation_seconds": measured.pop("evaluation_seconds")}
    # The model may have been trained by an earlier process, which was killed.
    peaks = [peak for peak in (cost["training_peak_memory_bytes"], console.read_peak_bytes()) if peak is not None]
    return {
        **measured,
        "cost": {**cost, "peak_memory_bytes": max(peaks, default=None)},
        "training": trained["training"],
    }
