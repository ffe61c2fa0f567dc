"""`run_fn`: what TFX's Trainer calls to train or fit a method, and to export it."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf
import tf_keras

from model.baselines.statistical_network import fit_network
from model.config import MONITOR
from model.data.batches import fingerprint_batches, index_batches, prefix_batches, training_batches
from model.data.sequences import TrainSequences
from model.data.target_counts import count_targets
from model.data.vocabulary import FingerprintTable, load_catalogues
from model.export.saved_model import describe_retrieval, export
from model.export.serving_module import ServingModule
from model.job import TrainingJob
from model.networks.base import Network, build_network
from model.questions import PREFIX, ask_about_windows
from model.retrieval import scann
from model.training.callbacks import History, ResumableTraining
from model.training.progress import TrainingProgress
from model.training.recommender import build_recommender
from model.training.schedule import Schedule
from schemas.catalogue import Catalogue
from schemas.sequences import TRAIN, VALIDATION
from schemas.served_model import EXACT

_log = logging.getLogger("dspnet")

MakeCallbacks: TypeAlias = Callable[[Schedule], Sequence[tf_keras.callbacks.Callback]]
"""Makes further callbacks of Keras for a training of this schedule; they see an epoch before it is saved."""


def run_fn(fn_args: Any, make_callbacks: MakeCallbacks = lambda schedule: ()) -> None:
    """Trains on `fn_args.train_files`, stops early on `fn_args.eval_files`, exports the best epoch.

    A statistical method is fitted to `fn_args.train_files`, once. What every epoch measured is written into
    `fn_args.model_run_dir`, as `training.json` (`model.training.callbacks`) and for TensorBoard.

    Args:
        fn_args: TFX's `FnArgs`, whose `custom_config` is a `model.job.TrainingJob` as JSON.
        make_callbacks: makes callbacks beside the trainer's own; not called where nothing is trained.

    Raises:
        ValueError: if the train split has fewer sequences than one batch, or an interrupted run left a state that
            cannot be read.
        FloatingPointError: if training diverges.
        ImportError: if the model shall find items with ScaNN, and this machine has none; before any training.
    """
    job = TrainingJob.from_json(fn_args.custom_config)
    if job.serving.retrieval == "scann":
        scann.load_operations()
    items, scenes = load_catalogues(job.catalogue_uri)
    if job.model.method.trained:
        _train(fn_args, job, items, scenes, make_callbacks)
    else:
        _fit(fn_args, job, items, scenes)


def _fit(fn_args: Any, job: TrainingJob, items: Catalogue, scenes: Catalogue) -> None:
    network = fit_network(job.model, job.training, fn_args.train_files, items, scenes)
    History(fn_args.model_run_dir, None).save(fn_args.model_run_dir)
    export(ServingModule(network, items, scenes, job.max_history), fn_args.serving_model_dir, job.name, EXACT)


def _train(
    fn_args: Any,
    job: TrainingJob,
    items: Catalogue,
    scenes: Catalogue,
    make_callbacks: MakeCallbacks,
) -> None:
    config = job.training
    _make_deterministic(config.seed)
    strategy = tf.distribute.MirroredStrategy()
    batch_size = config.batch_size * strategy.num_replicas_in_sync
    schedule = Schedule(_steps_per_epoch(job.sequences[TRAIN], batch_size), config.epochs)
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    validates = job.sequences[VALIDATION] > 0
    if not validates:
        _log.warning("The val split is empty: training runs for all %d epochs, without early stopping.", config.epochs)
    _log.info(
        "Training %s on %d sequences, %d %s of %d an epoch; %d items, %d scenes.",
        job.model.method.title,
        job.sequences[TRAIN],
        schedule.epoch_steps,
        "step" if schedule.epoch_steps == 1 else "steps",
        batch_size,
        len(items),
        len(scenes),
    )
    counts = count_targets(TrainSequences(fn_args.train_files, items, scenes), config.questions, items, scenes)
    with strategy.scope():
        network = build_network(job.model, counts, config)
        model = build_recommender(network, config, batch_size, counts)
        folder = os.path.join(job.checkpoint_dir, _run_key(fn_args, job, strategy.num_replicas_in_sync))
        monitor = MONITOR if validates else None
        state = ResumableTraining(folder, model, monitor, schedule, config.patience)
    if state.epochs_done:
        _log.info("Resuming an interrupted run after epoch %d.", state.epochs_done)
    if not state.is_over:
        cuts = PREFIX in config.questions and not model.has_all_prefixes
        first_step = state.epochs_done * schedule.round_steps
        train = training_batches(
            fn_args.train_files,
            batch_size,
            seed=config.seed,
            first_step=first_step,
            epoch_steps=schedule.epoch_steps,
            epochs=config.epochs,
        )
        train = index_batches(train, *tables, ordered=cuts or model.reads_order)
        if cuts:
            train = prefix_batches(train, seed=config.seed, first_step=first_step)
        validation = None
        if validates:
            validation = fingerprint_batches(fn_args.eval_files, batch_size)
            validation = index_batches(validation, *tables, ordered=ask_about_windows(config.questions))
        tensorboard = tf_keras.callbacks.TensorBoard(fn_args.model_run_dir, write_graph=False)
        model.fit(
            train,
            steps_per_epoch=schedule.round_steps,
            validation_data=validation,
            initial_epoch=state.epochs_done,
            epochs=schedule.rounds,
            verbose=0,
            callbacks=state.callbacks([tensorboard, TrainingProgress(schedule), *make_callbacks(schedule)]),
        )
    state.finish(fn_args.model_run_dir)
    histories = fn_args.eval_files if validates else fn_args.train_files
    _export(fn_args, job, network, items, scenes, histories)
    state.remove()


def _make_deterministic(seed: int) -> None:
    tf_keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # Dropout then draws from generators whose states a checkpoint holds, so that a resumed run repeats them.
    tf_keras.backend.experimental.enable_tf_random_generator()


def _steps_per_epoch(sequences: int, batch_size: int) -> int:
    if sequences < batch_size:
        raise ValueError(
            f"The train split has {sequences} sequences, fewer than one batch of {batch_size}: lower "
            "training.batch_size, or give more data, earlier windows.cutoffs or lower windows.min_history."
        )
    return sequences // batch_size


def _export(
    fn_args: Any, job: TrainingJob, network: Network, items: Catalogue, scenes: Catalogue, histories: Sequence[str]
) -> None:
    """Exports a network; real histories tell how well an approximate index finds items."""
    module = ServingModule(network, items, scenes, job.max_history, job.serving)
    batches = fingerprint_batches(histories, job.training.batch_size)
    retrieval = describe_retrieval(module, job.serving, batches)
    if retrieval != EXACT:
        _log.info("Items are found by %s.", retrieval)
    export(module, fn_args.serving_model_dir, job.name, retrieval)


def _run_key(fn_args: Any, job: TrainingJob, replicas: int) -> str:
    """Returns a name for what is trained on what, so that only the same training is resumed."""
    parts = [replicas, job.to_json(), sorted(fn_args.train_files), sorted(fn_args.eval_files)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
