"""Going through a catalogue chunk by chunk, so that no more scores are alive at a time than memory likes."""

from collections.abc import Callable

import tensorflow as tf

CHUNK_SCORES = 1 << 20
"""Scores of a chunk by default: 4 MiB, enough to hide the cost of a loop, few enough for caches."""


def catalogue_size(embeddings: tf.Tensor) -> tf.Tensor:
    """Returns N, int32, for a table of N + 2 rows."""
    return tf.shape(embeddings)[0] - 2


def chunk_length(chunk_size: int | None, batch: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns how many candidates to score at a time, int32."""
    return tf.clip_by_value(CHUNK_SCORES // tf.maximum(batch, 1) if chunk_size is None else chunk_size, 1, size)


def for_chunks(body: Callable, state: tf.Tensor, size: tf.Tensor, chunk: tf.Tensor) -> tf.Tensor:
    """Returns ``state = body(state, start, stop)`` after all chunks of 0..size-1, one at a time."""
    _, state = tf.while_loop(
        lambda start, _: start < size,
        lambda start, state: (start + chunk, body(state, start, tf.minimum(start + chunk, size))),
        (0, state),
        parallel_iterations=1,
    )
    return state
