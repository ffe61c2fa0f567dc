"""Training that survives being killed: all that the next epoch depends on lies on disk."""

import os
from typing import Any

import tensorflow as tf
import tf_keras

from model.recommender import Recommender


class Backup(tf_keras.callbacks.Callback):
    """Saves weights, optimizers and the states of dropout after every epoch.

    Everything else that is random is drawn from the seed and the number of the step or epoch, so a resumed run
    goes on to the same numbers as one that was never interrupted.

    Args:
        folder: where the latest epoch is kept; must outlive the process.
        model: a compiled model.
    """

    def __init__(self, folder: str, model: Recommender):
        super().__init__()
        self._epochs_done = tf.Variable(0, trainable=False, dtype=tf.int64)
        parts = {
            **model.checkpointed(),
            "dropout": _dropout_generators(model.network),
            "epochs_done": self._epochs_done,
        }
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**parts), os.path.join(folder, "backup"), max_to_keep=1
        )

    def restore(self) -> int:
        """Takes up an interrupted run; returns the number of epochs that are done, 0 for a new run.

        Raises:
            ValueError: if what the run left behind cannot be read.
        """
        latest = self._manager.latest_checkpoint
        if latest:
            try:
                self._manager.checkpoint.restore(latest).assert_consumed()
            except Exception as error:  # the readers of a damaged file raise many kinds
                raise ValueError(
                    f"The state of an interrupted training, {latest}, cannot be read ({error}). "
                    "Delete this folder to train from the start."
                ) from error
        return int(self._epochs_done.numpy())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves."""
        self._epochs_done.assign(epoch + 1)
        self._manager.save()


def _dropout_generators(network: tf_keras.layers.Layer) -> list[tf.random.Generator]:
    """Keras keeps the generators of random layers out of its checkpoints on purpose, for old ones to stay readable."""
    layers = [layer for layer in network.submodules if isinstance(layer, tf_keras.layers.Dropout)]
    generators = [layer._random_generator._generator for layer in layers]
    return [generator for generator in generators if generator is not None]
