"""`run_fn`: what TFX's Trainer calls to train a method, or to let it count, and to export it."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from model.baselines.statistical_network import fit_network
from model.config import MONITOR, NEXT, PREFIX, ModelConfig, ServingConfig, TrainingConfig
from model.data.batches import fingerprint_batches, index_batches, prefix_batches, training_batches
from model.data.vocabulary import FingerprintTable, load_catalogues
from model.export.retrieval import describe, in_words
from model.export.saved_model import EXACT, export
from model.export.serving_module import ServingModule
from model.networks.base import Network, build_network
from model.training.callbacks import Backup, EarlyStopping, FiniteLosses, History
from model.training.progress import TrainingProgress
from model.training.recommender import build_recommender
from schemas.catalogue import Catalogue
from schemas.sequences import TRAIN, VALIDATION

_log = logging.getLogger("dspnet")


def run_fn(fn_args: Any, callbacks: Sequence[tf_keras.callbacks.Callback] = ()) -> None:
    """Trains on `fn_args.train_files`, stops early on `fn_args.eval_files`, exports the best epoch.

    A method that counts does so on `fn_args.train_files`, once. What every epoch measured is written into
    `fn_args.model_run_dir` (`model.training.callbacks`, and for TensorBoard).

    Args:
        fn_args: TFX's `FnArgs`. Its `custom_config` holds ``name``, ``model``, ``training`` and ``serving`` (see
            `model.config`), ``max_history`` (events of a history at most), ``catalogue_uri``, ``sequences`` (how many
            each split has) and ``checkpoint_dir``, a folder that outlives a killed run.
        callbacks: more of Keras' callbacks; they see an epoch before it is saved.

    Raises:
        ValueError: if the train split has fewer sequences than one batch, or an interrupted run left a state that
            cannot be read.
        FloatingPointError: if training diverges.
    """
    settings = fn_args.custom_config
    catalogues = load_catalogues(settings["catalogue_uri"])
    model_config = ModelConfig.model_validate(settings["model"])
    if model_config.method.trained:
        _train(fn_args, model_config, *catalogues, callbacks)
        return
    config = TrainingConfig.model_validate(settings["training"])
    network = fit_network(model_config, config, fn_args.train_files, *catalogues)
    History(fn_args.model_run_dir, None).save(fn_args.model_run_dir)
    module = ServingModule(network, *catalogues, settings["max_history"])
    export(module, fn_args.serving_model_dir, settings["name"], EXACT)


def _train(
    fn_args: Any,
    model_config: ModelConfig,
    items: Catalogue,
    scenes: Catalogue,
    more_callbacks: Sequence[tf_keras.callbacks.Callback],
) -> None:
    settings = fn_args.custom_config
    config = TrainingConfig.model_validate(settings["training"])
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
    # Validation asks about whole histories, whatever is trained on.
    target = NEXT if config.target == PREFIX else config.target
    validation = None
    if sequences[VALIDATION]:
        validation = index_batches(fingerprint_batches(fn_args.eval_files, batch_size), *tables, target)
    _log.info(
        "Training %s on %d sequences, %d steps of %d an epoch; %d items, %d scenes.",
        model_config.method.title,
        sequences[TRAIN],
        steps,
        batch_size,
        len(items),
        len(scenes),
    )
    with strategy.scope():
        network = build_network(model_config, items, scenes, config)
        model = build_recommender(network, config, batch_size, items)
        folder = os.path.join(settings["checkpoint_dir"], _run_key(fn_args, strategy.num_replicas_in_sync))
        backup = Backup(folder, model)
        epochs_done = backup.restore()
    monitor = None if validation is None else MONITOR
    history = History(folder, monitor, parameters=sum(int(tf.size(x)) for x in network.trainable_variables))
    callbacks = [
        FiniteLosses(),
        history,
        tf_keras.callbacks.TensorBoard(fn_args.model_run_dir, write_graph=False),
        TrainingProgress(steps, config.epochs),
        *more_callbacks,
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
        cuts = config.target == PREFIX and not model.has_all_prefixes
        train = index_batches(train, *tables, target, ordered=cuts or model.reads_order)
        if cuts:
            train = prefix_batches(train, seed=config.seed, first_step=epochs_done * steps)
        model.fit(
            train,
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
    _export(fn_args, network, items, scenes, fn_args.train_files if validation is None else fn_args.eval_files)
    _remove(folder)


def _remove(folder: str) -> None:
    """Removes a folder that, killed on the way, nobody may take for that of an interrupted training."""
    leftover = f"{folder}.over"
    if tf.io.gfile.exists(leftover):
        tf.io.gfile.rmtree(leftover)
    tf.io.gfile.rename(folder, leftover)
    tf.io.gfile.rmtree(leftover)


def _export(fn_args: Any, network: Network, items: Catalogue, scenes: Catalogue, histories: Sequence[str]) -> None:
    """Exports a network; real histories tell how well an approximate index finds items."""
    settings = fn_args.custom_config
    serving_config = ServingConfig.model_validate(settings["serving"])
    module = ServingModule(network, items, scenes, settings["max_history"], serving_config)
    batch_size = TrainingConfig.model_validate(settings["training"]).batch_size
    retrieval = describe(module, serving_config, fingerprint_batches(histories, batch_size))
    if retrieval != EXACT:
        _log.info("Items are found by %s.", in_words(retrieval))
    export(module, fn_args.serving_model_dir, settings["name"], retrieval)


def _run_key(fn_args: Any, replicas: int) -> str:
    """Names what is trained on what, so that only the same training is resumed."""
    parts = [replicas, fn_args.custom_config, sorted(fn_args.train_files), sorted(fn_args.eval_files)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
