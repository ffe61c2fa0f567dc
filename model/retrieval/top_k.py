"""The exact best candidates of a few users, and candidates that are mixed in or removed afterwards.

`ExactTopK` goes through the catalogue in as few passes as memory allows; `mix_copies` mixes in what the copy head
adds, and `remove_columns` takes away what was seen.

`top_k` finds the best of each row of a score matrix faster than `tf.math.top_k` does for wide rows. `tf.math.top_k`
walks through each row number by number, which takes several times as long as the matrix product that made the row. The
maximum of a group of neighbours is vectorised; and what is among the k best is in one of the k groups whose maxima are
best, so only their members have to be sorted.
"""

from typing import NamedTuple

import tensorflow as tf

from model.data.vocabulary import find
from model.networks.chunks import for_chunks
from model.networks.copy_head import Cells, CopyScores
from model.networks.item_scorer import ItemScorer
from model.tracing import traced_once

NO_SCORE = float("-inf")
"""The score of a place that no candidate fills."""

CHUNK_SCORES = 1 << 24
"""Scores held at a time, 64 MiB: one user's over 16M items, or 16 users' over a million."""

GROUP = 32
"""Neighbours that are compared at once. More make fewer groups, but leave more members to sort."""


class TopK(NamedTuple):
    """Candidates of a batch and their scores; `select_best` sorts them.

    Attributes:
        scores: float [batch, K]; `NO_SCORE` where there is no candidate.
        columns: int64 [batch, K], 0-based candidates, each once a row; any number where the score is `NO_SCORE`.
    """

    scores: tf.Tensor
    columns: tf.Tensor


class ExactTopK:
    """Compares queries with every candidate.

    It is asked like the top-k layers of TensorFlow Recommenders and answers like their `BruteForce`, but reads the
    network's own table, where `BruteForce` holds a second one, and never more than `CHUNK_SCORES` scores at once, as
    `Streaming` does, whose data set inside the graph takes two to twenty times as long
    (`benchmarks/retrieval.py`).

    Args:
        scorer: scores queries and candidates.
        chunk_scores: most scores held at a time.
    """

    def __init__(self, scorer: ItemScorer, chunk_scores: int = CHUNK_SCORES):
        self._scorer = scorer
        self._chunk_scores = chunk_scores

    def __call__(self, queries: tf.Tensor, k: tf.Tensor | int) -> TopK:
        """Returns the best candidates, best first; of equal scores the lower column first.

        Args:
            queries: [batch, ...], as the scorer reads them.
            k: how many, at most N.
        """
        size, batch = self._scorer.size, tf.shape(queries)[0]
        chunk = tf.clip_by_value(self._chunk_scores // tf.maximum(batch, 1), tf.minimum(k, size), size)

        def merge(earlier: TopK, start: tf.Tensor, stop: tf.Tensor) -> TopK:
            return merge_chunk(earlier, self._scorer.chunk(queries, start, stop), start, k)

        nothing = TopK(tf.fill([batch, k], NO_SCORE), tf.zeros([batch, k], tf.int64))
        return for_chunks(merge, nothing, size, chunk)


@traced_once
def merge_chunk(earlier: TopK, scores: tf.Tensor, start: tf.Tensor, k: tf.Tensor | int) -> TopK:
    """Returns the k best of those of earlier chunks and of the next one.

    Args:
        earlier: [batch, k], the best of the columns before `start`.
        scores: float [batch, C], scores of the columns from `start` on.
        start: the first column of this chunk.
        k: how many.
    """
    values, places = top_k(scores, tf.minimum(k, tf.shape(scores)[1]))
    values = tf.concat([earlier.scores, values], axis=1)
    columns = tf.concat([earlier.columns, tf.cast(places + start, tf.int64)], axis=1)
    # Earlier chunks come first, and so does the lower of two equal scores.
    top = tf.math.top_k(values, k)
    return TopK(top.values, tf.gather(columns, top.indices, batch_dims=1))


@traced_once
def select_best(candidates: TopK, k: int) -> TopK:
    """Returns the k best of each row, best first; of equal scores the lower column first. K must be at least k."""
    order = tf.argsort(candidates.columns, axis=1, stable=True)
    scores, columns = (tf.gather(x, order, batch_dims=1) for x in candidates)
    top = tf.math.top_k(scores, k)
    return TopK(top.values, tf.gather(columns, top.indices, batch_dims=1))


@traced_once
def mix_copies(candidates: TopK, copies: CopyScores, scores_at_copies: tf.Tensor, k: int) -> TopK:
    """Mixes what is copied from histories into the best candidates, exactly as `add_copies` does.

    Copying only raises scores, so a candidate that is not copied is among the k best afterwards only if it was so
    before: the k best and the copied ones are all that has to be compared.

    Args:
        candidates: at least the k best of each row, before copying.
        copies: cells by rising row, each once, as `model.networks.copy_head.RepeatHead` gives them.
        scores_at_copies: float [C], the scores of these cells before copying.
        k: how many to return.

    Returns:
        The k best after copying.
    """
    raised = scores_at_copies + tf.math.softplus(copies.values - scores_at_copies)
    batch = tf.shape(candidates.scores, tf.int64)[0]
    columns = pad_columns(copies, batch)
    scores = tf.RaggedTensor.from_value_rowids(raised, copies.rows, batch).to_tensor(NO_SCORE)
    others = remove_columns(candidates, columns)
    return select_best(
        TopK(tf.concat([others.scores, scores], axis=1), tf.concat([others.columns, columns], axis=1)), k
    )


@traced_once
def pad_columns(cells: Cells | CopyScores, batch: tf.Tensor) -> tf.Tensor:
    """Returns the columns of each row's cells, int64 [batch, E], padded with -1; the rows of the cells rise."""
    return tf.RaggedTensor.from_value_rowids(cells.columns, cells.rows, batch).to_tensor(-1)


def remove_columns(candidates: TopK, columns: tf.Tensor) -> TopK:
    """Takes candidates away.

    Args:
        candidates: candidates of each row.
        columns: int64 [batch, E], which to take from each row; -1 is padding.

    Returns:
        The same places, with `NO_SCORE` where a candidate was taken away.
    """
    # Keys tell rows apart; a search among sorted keys needs no matrix of K times E.
    width = 2 + tf.reduce_max(tf.concat([tf.reshape(candidates.columns, [-1]), tf.reshape(columns, [-1]), [0]], axis=0))
    rows = tf.range(tf.shape(columns, tf.int64)[0], dtype=tf.int64)[:, tf.newaxis]
    gone, keys = (tf.reshape(rows * width + some + 1, [-1]) for some in (columns, candidates.columns))
    taken, _ = find(tf.sort(gone), keys)
    scores = tf.reshape(candidates.scores, [-1])
    scores = tf.tensor_scatter_nd_update(scores, taken[:, tf.newaxis], tf.fill(tf.shape(taken), NO_SCORE))
    return TopK(tf.reshape(scores, tf.shape(candidates.scores)), candidates.columns)


def top_k(scores: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the k best of each row, best first; of equal scores the lower column first, as `tf.math.top_k` does.

    Args:
        scores: float [batch, C]. A score that is not a number comes after all others, as minus infinity.
        k: how many, at most C.

    Returns:
        float [batch, k] and int32 [batch, k], their columns.
    """
    # With fewer groups than this, sorting their members costs what was saved.
    return tf.cond(
        tf.shape(scores)[1] >= 4 * GROUP * k,
        lambda: _of_groups(scores, k),
        lambda: _plain(without_nan(scores), k),
    )


def without_nan(scores: tf.Tensor) -> tf.Tensor:
    """Puts minus infinity where a score is not a number."""
    return tf.where(tf.math.is_nan(scores), tf.constant(NO_SCORE, scores.dtype), scores)


def _plain(scores: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    top = tf.math.top_k(scores, k)
    return top.values, top.indices


def _of_groups(scores: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    batch, width = tf.shape(scores)[0], tf.shape(scores)[1]
    missing = -width % GROUP
    scores = tf.cond(
        missing > 0, lambda: tf.pad(scores, [[0, 0], [0, missing]], constant_values=NO_SCORE), lambda: scores
    )
    groups = tf.reshape(scores, [batch, -1, GROUP])
    maxima = tf.reduce_max(groups, axis=2)  # of a group with a NaN it is NaN
    groups, maxima = tf.cond(
        tf.reduce_any(tf.math.is_nan(maxima)),
        lambda: (without_nan(groups), tf.reduce_max(without_nan(groups), axis=2)),
        lambda: (groups, maxima),
    )
    # In the order of their columns, so that the lower of two equal scores comes first below.
    chosen = tf.sort(tf.math.top_k(maxima, k, sorted=False).indices, axis=1)
    members = tf.reshape(tf.gather(groups, chosen, batch_dims=1), [batch, k * GROUP])
    columns = tf.reshape(chosen[:, :, tf.newaxis] * GROUP + tf.range(GROUP), [batch, k * GROUP])
    values, places = _plain(members, k)
    # Padding is never among the k best: width is at least k, and all of a row's columns come before the padding.
    return values, tf.gather(columns, places, batch_dims=1)
