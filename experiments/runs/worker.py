"""The work of a worker process: trains the model of a run, measures it, and reports to the process that watches.

Only the worker process imports this module, because it brings TensorFlow. TFX and Beam are kept out of it: they would
more than double the time in which each run starts, and take 240 MB more.
"""

import dataclasses
import gc
import os
import shutil
import time
import traceback
import types
from multiprocessing.connection import Connection
from typing import Any

import tensorflow as tf
import tf_keras

from components.ranking_evaluator.sequences_file import SequencesFile
from experiments.runs.failure_text import is_memory_error
from experiments.runs.result import FINISHED, STOPPED, RunCost, RunResult, read_json, write_json
from experiments.runs.run import EpochMessage, ErrorMessage, RunSpec, StageMessage
from model import trainer
from model.data.batches import evaluation_batches
from model.data.vocabulary import load_catalogues
from model.evaluation.evaluate import evaluate
from model.evaluation.progress import EvaluationProgress
from model.training.schedule import Schedule
from pipeline.console import describe_error, read_peak_bytes
from schemas.evaluation import SEQUENCES_FILE, Slice
from schemas.sequences import TEST, TRAIN, VALIDATION
from schemas.training import TRAINING_FILE, TrainingHistory, count_passes
from serving.saved_model import load_saved_model


class StoppedError(Exception):
    """Training was told to stop."""


class Reporter(tf_keras.callbacks.Callback):
    """Reports each stage and each epoch of a training, and asks after each epoch whether to go on.

    Args:
        link: connection to the process that watches.
        schedule: how many epochs make a pass over the train split.
    """

    def __init__(self, link: Connection, schedule: Schedule):
        super().__init__()
        self._link = link
        self._schedule = schedule

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Reports that training begins."""
        self._link.send(StageMessage("before the first epoch"))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reports which epoch begins, and starts its clock."""
        self._start = time.monotonic()
        self._link.send(StageMessage(f"in training epoch {epoch + 1}"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reports the epoch's entry of `training.json`, and waits for an answer.

        Raises:
            StoppedError: if the answer is to stop.
        """
        measured = {name: float(value) for name, value in (logs or {}).items()}
        passes = self._schedule.epochs_after(epoch + 1)
        seconds = time.monotonic() - self._start
        self._link.send(EpochMessage({"epoch": epoch + 1, "passes": passes, "seconds": seconds, **measured}))
        if not self._link.recv():
            raise StoppedError

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Reports that only the export of the model is left."""
        self._link.send(StageMessage("in the export of the model"))


def work(link: Connection, spec: RunSpec) -> None:
    """Does what `spec` asks; sends the messages of `experiments.runs.run` and, at the end, a `RunResult`."""
    try:
        result = train(spec, link)
        if spec.evaluate:
            # The trained model is still in memory, but the exported one is measured.
            tf_keras.backend.clear_session()
            gc.collect()
            link.send(StageMessage("in the evaluation"))
            result = measure(spec, result)
        # The model may have been trained by an earlier process, which was killed.
        peaks = [peak for peak in (result.cost.training_peak_memory_bytes, read_peak_bytes()) if peak is not None]
        cost = dataclasses.replace(result.cost, peak_memory_bytes=max(peaks, default=None))
        link.send(dataclasses.replace(result, cost=cost))
    except StoppedError:
        link.send(RunResult.unmeasured(spec.run, spec.key, spec.source_digest, STOPPED))
    except Exception as error:
        traceback.print_exc()
        link.send(ErrorMessage(describe_error(error), is_memory_error(error)))


def train(spec: RunSpec, link: Connection) -> RunResult:
    """Trains the model of a run by `model.trainer.run_fn` and exports it, or finds that this is done.

    A training that was killed is resumed where it was, unless the code has changed.

    Returns:
        The result without metrics and without the cost of the evaluation; `RunSpec.trained_file` holds the same.

    Raises:
        StoppedError: if the process that watches answered to stop.
    """
    run, data = spec.run, spec.data
    marker = read_json(spec.trained_file)
    if marker and os.path.isdir(spec.model_folder):
        trained = RunResult.from_json(marker)
        if (trained.key, trained.source_digest) == (spec.key, spec.source_digest):
            return trained.relabel(run)
    shutil.rmtree(spec.model_folder, ignore_errors=True)
    arguments = types.SimpleNamespace(
        train_files=data.glob_files(TRAIN),
        eval_files=data.glob_files(VALIDATION),
        model_run_dir=spec.training_folder,
        serving_model_dir=spec.model_folder,
        custom_config=run.config.make_training_job(
            checkpoint_dir=spec.checkpoints_folder,
            source_digest=spec.source_digest,
            catalogue_uri=data.catalogue_uri,
            sequences=data.sequences,
        ).to_json(),
    )
    link.send(StageMessage("before the first epoch" if run.trained else "while it counted"))
    start = time.monotonic()
    trainer.run_fn(arguments, lambda schedule: [Reporter(link, schedule)])
    seconds = time.monotonic() - start
    history = TrainingHistory.from_json(read_json(os.path.join(spec.training_folder, TRAINING_FILE)) or {})
    trained = dataclasses.replace(
        RunResult.unmeasured(run, spec.key, spec.source_digest, FINISHED),
        cost=_summarise_cost(spec, history, seconds),
        training=history,
    )
    write_json(spec.trained_file, trained.to_json())  # after the model, so that the model is whole where this file is
    shutil.rmtree(spec.checkpoints_folder, ignore_errors=True)
    return trained


def measure(spec: RunSpec, trained: RunResult) -> RunResult:
    """Measures the exported model on the test split, over the full catalogue, as RankingEvaluator does.

    Also writes `sequences.parquet` into the folder of the run, one row a test sequence.

    Returns:
        The result of the training, `trained`, with what was measured and with the seconds of the evaluation.

    Raises:
        ValueError: if the test split has fewer than two sequences.
    """
    start = time.monotonic()
    config, label = spec.run.config.evaluation, spec.run.label
    items, scenes = load_catalogues(spec.data.catalogue_uri)
    batches = evaluation_batches(spec.data.glob_files(TEST), config.batch_size)
    ranker = load_saved_model(spec.model_folder)
    with SequencesFile(os.path.join(spec.folder, SEQUENCES_FILE)) as file:
        measured = evaluate(
            {label: ranker}, batches, items, scenes, config.k, sink=file.write, progress=EvaluationProgress(1)
        )
    return dataclasses.replace(
        trained,
        sequences=measured.sequences,
        digest=measured.digest,
        slices={name: Slice(part.title, part.sequences) for name, part in measured.slices.items()},
        metrics={name: estimate.value for name, estimate in measured.models[label].metrics.items()},
        cost=dataclasses.replace(trained.cost, evaluation_seconds=time.monotonic() - start),
    )


def _summarise_cost(spec: RunSpec, history: TrainingHistory, run_seconds: float) -> RunCost:
    """Returns the cost of a training, given the seconds of the call of `run_fn`."""
    trained = spec.run.trained
    epochs = [epoch["seconds"] for epoch in history.epochs]
    passes = [count_passes(epoch) for epoch in history.epochs]
    replicas = max(1, len(tf.config.list_logical_devices("GPU")))
    batch = spec.run.config.training.batch_size * replicas
    sequences_a_pass = spec.data.sequences[TRAIN] // batch * batch
    steady = epochs[1:] or epochs  # the first epoch also builds the graph
    steady_passes = passes[-1] - (passes[0] if len(passes) > 1 else 0.0) if passes else 0.0
    return RunCost(
        training_seconds=sum(epochs) if trained else run_seconds,
        epochs=len(epochs) if trained else None,
        best_epoch=history.best_epoch,
        sequences_per_second=sequences_a_pass * steady_passes / sum(steady) if steady else None,
        training_peak_memory_bytes=read_peak_bytes(),
        parameters=history.parameters,
    )
