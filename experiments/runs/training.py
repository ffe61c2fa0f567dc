"""Trains the model of a cell by `model.trainer.run_fn`, once: what is trained is not trained again to be measured."""

import os
import shutil
import time
import types
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import tensorflow as tf

from experiments.runs.reporter import Reporter
from experiments.runs.result import read_json, write_json
from experiments.runs.run import CHECKPOINTS_FOLDER, MODEL_FOLDER, RUN_FOLDER, STAGE, TRAINED_FILE, RunSpec, run_key
from model import trainer
from model.training.callbacks import TRAINING_FILE
from pipeline import console
from schemas.sequences import TRAIN, VALIDATION


def train(task: RunSpec, link: Connection) -> dict[str, Any]:
    """Trains a cell's model and exports it into `MODEL_FOLDER`, or finds that this is done.

    A training that was killed is resumed where it was, unless the code has changed.

    Args:
        task: names the cell, the data and the folder.
        link: to the process that watches.

    Returns:
        ``training``, the content of `training.json`, and ``cost``, the part of `experiments.runs.result.COST`
        that is known by now.

    Raises:
        StoppedError: if the process that watches told it to stop.
    """
    cell, data = task.cell, task.data
    key = [run_key(cell, data.digest), task.source_digest]
    model, marker, run_folder, checkpoints = (
        os.path.join(task.folder, name) for name in (MODEL_FOLDER, TRAINED_FILE, RUN_FOLDER, CHECKPOINTS_FOLDER)
    )
    done = read_json(marker)
    if done and done["key"] == key and os.path.isdir(model):
        return done
    shutil.rmtree(model, ignore_errors=True)
    arguments = types.SimpleNamespace(
        train_files=data.files(TRAIN),
        eval_files=data.files(VALIDATION),
        model_run_dir=run_folder,
        serving_model_dir=model,
        custom_config={
            "name": cell.config.name,
            "model": cell.config.model.model_dump(mode="json"),
            "training": cell.config.training.model_dump(mode="json"),
            "serving": cell.config.serving.model_dump(mode="json"),
            "max_history": cell.config.windows.max_history,
            "catalogue_uri": data.catalogue_uri,
            "sequences": data.sequences,
            "checkpoint_dir": checkpoints,
            "source_digest": task.source_digest,
        },
    )
    link.send((STAGE, "before the first epoch" if cell.learned else "while it counted"))
    start = time.monotonic()
    trainer.run_fn(arguments, callbacks=[Reporter(link)] if cell.learned else ())
    seconds = time.monotonic() - start
    training = read_json(os.path.join(run_folder, TRAINING_FILE)) or {}
    done = {"key": key, "training": training, "cost": _cost(task, training, seconds)}
    write_json(marker, done)  # after the model, so that there is a whole one where this is
    shutil.rmtree(checkpoints, ignore_errors=True)
    return done


def _cost(task: RunSpec, training: Mapping[str, Any], run_seconds: float) -> dict[str, float | None]:
    cell = task.cell
    epochs = [epoch["seconds"] for epoch in training.get("epochs", [])]
    replicas = max(1, len(tf.config.list_logical_devices("GPU")))
    batch = cell.config.training.batch_size * replicas
    in_an_epoch = task.data.sequences[TRAIN] // batch * batch
    steady = epochs[1:] or epochs  # the first also builds the graph
    return {
        "training_seconds": sum(epochs) if cell.learned else run_seconds,
        "epochs": len(epochs) if cell.learned else None,
        "best_epoch": training.get("best_epoch"),
        "sequences_per_second": in_an_epoch * len(steady) / sum(steady) if steady else None,
        "training_peak_memory_bytes": console.read_peak_bytes(),
        "parameters": training.get("parameters"),
    }
