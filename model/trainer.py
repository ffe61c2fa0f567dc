"""`run_fn`: what TFX's Trainer calls to train DSPnet and export it."""

import hashlib
import json
import logging
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from model.backup import Backup
from model.catalogues import load_catalogues
from model.config import ModelConfig, ServingConfig, TrainingConfig
from model.dspnet import VALIDATION_METRIC, DSPnet
from model.early_stopping import EarlyStopping
from model.export import EXACT, export
from model.finite import FiniteLosses
from model.history import History
from model.input import fingerprint_batches, index_batches, training_batches
from model.lazy_adam import LazyAdam
from model.network import DSPnetNetwork
from model.progress import TrainingProgress
from model.retrieval import describe, in_words
from model.serving import ServingModule
from model.vocabulary import FingerprintTable
from schemas.catalogue import Catalogue
from schemas.sequences import TRAIN, VALIDATION

_log = logging.getLogger("dspnet")


def run_fn(fn_args: Any) -> None:
    """Trains on `fn_args.train_files`, stops early on `fn_args.eval_files`, exports the best epoch.

    What every epoch measured is written into `fn_args.model_run_dir` (`model.history`, and for TensorBoard).

    Args:
        fn_args: TFX's `FnArgs`. Its `custom_config` holds ``name``, ``model``, ``training`` and ``serving`` (see
            `model.config`), ``max_history`` (events of a history at most), ``catalogue_uri``, ``sequences`` (how many
            each split has) and ``checkpoint_dir``, a folder that outlives a killed run.

    Raises:
        ValueError: if the train split has fewer sequences than one batch, or an interrupted run left a state that
            cannot be read.
        FloatingPointError: if training diverges.
    """
    settings = fn_args.custom_config
    config = TrainingConfig.model_validate(settings["training"])
    items, scenes = load_catalogues(settings["catalogue_uri"])

    tf_keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    # Dropout then draws from generators whose states a checkpoint holds, so that a resumed run repeats them.
    tf_keras.backend.experimental.enable_tf_random_generator()
    strategy = tf.distribute.MirroredStrategy()
    batch_size = config.batch_size * strategy.num_replicas_in_sync
    sequences = settings["sequences"]
    steps = sequences[TRAIN] // batch_size
    if not steps:
        raise ValueError(
            f"The train split has {sequences[TRAIN]} sequences, fewer than one batch of {batch_size}: lower "
            "training.batch_size, or give more data, earlier windows.cutoffs or lower windows.min_history."
        )
    tables = FingerprintTable(items.fingerprints), FingerprintTable(scenes.fingerprints)
    validation = None
    if sequences[VALIDATION]:
        validation = index_batches(fingerprint_batches(fn_args.eval_files, batch_size), *tables, config.target)
    _log.info(
        "Training on %d sequences, %d steps of %d an epoch; %d items, %d scenes.",
        sequences[TRAIN],
        steps,
        batch_size,
        len(items),
        len(scenes),
    )
    with strategy.scope():
        network = build_network(ModelConfig.model_validate(settings["model"]), items, scenes)
        model = DSPnet(network, config, batch_size, log_frequency(items))
        compile_model(model)
        folder = os.path.join(settings["checkpoint_dir"], _run_key(fn_args, strategy.num_replicas_in_sync))
        backup = Backup(folder, model)
        epochs_done = backup.restore()
    monitor = None if validation is None else f"val_{VALIDATION_METRIC}"
    history = History(folder, monitor)
    callbacks = [
        FiniteLosses(),
        history,
        tf_keras.callbacks.TensorBoard(fn_args.model_run_dir, write_graph=False),
        TrainingProgress(steps, config.epochs),
        # Last, so that what it resumes from is never ahead of what the others have written.
        backup,
    ]
    stopping = None
    if monitor is None:
        _log.warning("The val split is empty: training runs for all %d epochs, without early stopping.", config.epochs)
    else:
        stopping = EarlyStopping(os.path.join(folder, "best"), network, monitor, config.patience)
        callbacks.insert(1, stopping)
    if epochs_done:
        _log.info("Resuming an interrupted run after epoch %d.", epochs_done)
    if epochs_done < config.epochs and not (stopping and stopping.is_over(epochs_done)):
        train = training_batches(
            fn_args.train_files, batch_size, seed=config.seed, first_epoch=epochs_done, epochs=config.epochs
        )
        model.fit(
            index_batches(train, *tables, config.target),
            steps_per_epoch=steps,
            validation_data=validation,
            initial_epoch=epochs_done,
            epochs=config.epochs,
            verbose=0,
            callbacks=callbacks,
        )
    history.save(fn_args.model_run_dir)
    if stopping:
        stopping.restore_best()
    serving_config = ServingConfig.model_validate(settings["serving"])
    module = ServingModule(network, items, scenes, settings["max_history"], serving_config)
    histories = fn_args.train_files if validation is None else fn_args.eval_files
    retrieval = describe(module, serving_config, fingerprint_batches(histories, batch_size))
    if retrieval != EXACT:
        _log.info("Items are found by %s.", in_words(retrieval))
    export(module, fn_args.serving_model_dir, settings["name"], retrieval)
    tf.io.gfile.rmtree(folder)


def build_network(config: ModelConfig, items: Catalogue, scenes: Catalogue) -> DSPnetNetwork:
    """Returns a network with fresh weights for the two catalogues."""
    return DSPnetNetwork(config, len(items), len(scenes), log_frequency(items), log_frequency(scenes), name="dspnet")


def compile_model(model: DSPnet) -> None:
    """Gives a model its two optimizers."""
    rate = model.config.learning_rate
    # Eq. 6 divides by the size of the catalogue, and so its gradient; beside it Adam's usual epsilon would brake.
    scale = len(model.item_log_frequency) if model.config.objective == "bce" else 1
    model.compile(optimizer=LazyAdam(rate, epsilon=1e-7 / scale), discriminator_optimizer=LazyAdam(rate))


def log_frequency(catalogue: Catalogue) -> npt.NDArray[np.float32]:
    """Returns the log of each candidate's share of train futures, add-one smoothed, float32 [N]."""
    counts = catalogue.future_counts + 1.0
    return np.log(counts / counts.sum()).astype(np.float32)


def _run_key(fn_args: Any, replicas: int) -> str:
    """Names what is trained on what, so that only the same training is resumed."""
    parts = [replicas, fn_args.custom_config, sorted(fn_args.train_files), sorted(fn_args.eval_files)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
