"""Draws and comparisons that give a training step the same result on one replica and on many.

Whatever a step draws at random is drawn for the global batch, from a seed alone, and each replica takes the rows
of its own sequences; what compares sequences compares all of the global batch.
"""

from collections.abc import Sequence

import tensorflow as tf


def gather(rows: tf.Tensor) -> tf.Tensor:
    """Returns the rows of all replicas, [global batch, ...], in the order of the global batch; has a gradient."""
    return tf.distribute.get_replica_context().all_gather(rows, axis=0)


def first_row(local_batch: tf.Tensor) -> tf.Tensor:
    """Returns where this replica's rows start in the global batch, if all replicas have `local_batch` rows."""
    return local_batch * tf.distribute.get_replica_context().replica_id_in_sync_group


def uniform(shape: Sequence, seed: tf.Tensor) -> tf.Tensor:
    """Draws from U[0, 1) for this replica's rows, float32 of `shape`, whose first entry is the local batch.

    Args:
        shape: the shape; all replicas must ask for the same one.
        seed: int [2]; the same seed gives a row of the global batch the same numbers, whatever the replicas.
    """
    return _own_rows(tf.random.stateless_uniform(_global(shape), seed), shape[0])


def normal(shape: Sequence, seed: tf.Tensor) -> tf.Tensor:
    """Draws from N(0, 1) for this replica's rows; arguments as for `uniform`."""
    return _own_rows(tf.random.stateless_normal(_global(shape), seed), shape[0])


def _global(shape: Sequence) -> list:
    return [shape[0] * tf.distribute.get_replica_context().num_replicas_in_sync, *shape[1:]]


def _own_rows(values: tf.Tensor, local_batch: tf.Tensor) -> tf.Tensor:
    start = first_row(local_batch)
    return values[start : start + local_batch]
