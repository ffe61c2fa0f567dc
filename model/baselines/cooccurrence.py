"""History-to-future co-occurrence: each item of a history votes for what came next for train users who had it, too.

This is the item-to-item counting of Amazon (Linden et al., IEEE Internet Computing 2003), with time's arrow: C[i, k] is
how many events of item k follow the histories that have item i, and a user's score of k is the sum of C[i, k] over the
events i of the history. Counts stay counts: dividing them by the frequency of i or of k makes other methods (cosine,
lift).

Choices: of histories the latest `ModelConfig.max_length` events are read, in counting and afterwards. A train history
counts once for an item, however often it has it; a user's own history is read event by event, so that what it has
twice counts twice. What follows is the whole future with the target `period`, and the events of its first time with
`next` and `prefix` (all prefixes would be as many histories as there are events). Of each row the `STRONGEST` counts
are kept: a popular item meets most of the catalogue, most of it once.
"""

import itertools

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import sparse

from model.baselines.statistical_network import CountingTask, StatisticalNetwork, latest_known
from model.data.sequences import events_asked_for
from model.networks.sparse_counts import SparseCounts, tie_break
from schemas.catalogue import PAD_INDEX

STRONGEST = 1000
"""Counts that are kept of a row."""

PRODUCTS = 1 << 24
"""Pairs that are counted at a time, but for one row more."""


def fit(task: CountingTask) -> StatisticalNetwork:
    """Counts what comes after what: a `model.baselines.statistical_network.Fit`."""
    items, scenes, max_length = task.items, task.scenes, task.max_length
    # A batch of nobody, so that a train split without sequences makes counts, too.
    batches = [[sparse.csr_matrix((0, size), dtype=np.int32) for size in (len(items),) * 2 + (len(scenes),) * 2]]
    for batch in task.train:
        history, future = batch.history, events_asked_for(task.question, batch)
        batches.append(
            [
                _latest(history.items, history.starts, len(items), max_length),
                _occurrences(future.items, future.starts, len(items)),
                _latest(history.scenes, history.starts, len(scenes), max_length),
                _occurrences(future.scenes, future.starts, len(scenes)),
            ]
        )
    histories, futures, scene_histories, scene_futures = (
        sparse.vstack(parts, "csr") for parts in zip(*batches, strict=True)
    )

    def read(item_history: tf.Tensor, scene_history: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            latest_known(item_history, len(items), max_length),
            latest_known(scene_history, len(scenes), max_length),
        )

    return StatisticalNetwork(
        SparseCounts(_together(histories, futures), tie_break(items.future_counts), "items"),
        SparseCounts(_together(scene_histories, scene_futures), tie_break(scenes.future_counts), "scenes"),
        read,
    )


def keep_strongest(counts: sparse.csr_matrix, most: int) -> sparse.csr_matrix:
    """Returns the `most` largest counts of each row; of equal ones those of the lower, more frequent columns.

    Args:
        counts: whole numbers, with rising columns in each row.
        most: how many to keep of a row.
    """
    keep = np.ones(counts.nnz, bool)
    for row in np.flatnonzero(np.diff(counts.indptr) > most):
        start, stop = counts.indptr[row : row + 2]
        falling = np.argsort(-counts.data[start:stop], kind="stable")
        keep[start + falling[most:]] = False
    starts = np.concatenate([[0], np.cumsum(keep)])[counts.indptr]
    return sparse.csr_matrix((counts.data[keep], counts.indices[keep], starts), counts.shape)


def _together(
    histories: sparse.csr_matrix, futures: sparse.csr_matrix, most: int = STRONGEST, products: int = PRODUCTS
) -> sparse.csr_matrix:
    """Returns the strongest of the counts C = histories^T futures, a block of rows at a time."""
    having = histories.T.tocsr()
    block = np.cumsum(having @ np.diff(futures.indptr).astype(np.int64)) // products
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1), len(block)]
    parts = []
    for start, stop in itertools.pairwise(edges):
        counts = having[start:stop] @ futures
        counts.sort_indices()
        parts.append(keep_strongest(counts, most))
    return sparse.vstack(parts, "csr")


def _latest(indices: npt.NDArray[np.int32], starts: npt.NDArray[np.int64], size: int, number: int) -> sparse.csr_matrix:
    """Returns which things the latest events of each sequence are of, 0 or 1, int32 [S, size]."""
    from_end = np.repeat(starts[1:], np.diff(starts)) - np.arange(len(indices))
    counts = _occurrences(np.where(from_end <= number, indices, PAD_INDEX), starts, size)
    counts.data[:] = 1
    return counts


def _occurrences(indices: npt.NDArray[np.int32], starts: npt.NDArray[np.int64], size: int) -> sparse.csr_matrix:
    """Returns how often each sequence has each thing, int32 [S, size]; padding and unknown ones count for nothing."""
    known = (indices != PAD_INDEX) & (indices <= size)
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[known]
    cells = (rows, indices[known] - 1)
    return sparse.csr_matrix((np.ones(len(rows), np.int32), cells), (len(starts) - 1, size))
