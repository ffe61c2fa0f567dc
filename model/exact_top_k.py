"""The exact best items, found in as few passes over the catalogue as memory allows."""

import tensorflow as tf

from model.chunked_scores import for_chunks
from model.item_scorer import ItemScorer
from model.ranked import NO_SCORE, Ranked
from model.top_k import top_k

CHUNK_SCORES = 1 << 24
"""Scores held at a time, 64 MiB: one user's over 16M items, or 16 users' over a million."""


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

    def __call__(self, queries: tf.Tensor, k: tf.Tensor | int) -> Ranked:
        """Returns the best candidates, best first; of equal scores the lower column first.

        Args:
            queries: [batch, ...], as the scorer reads them.
            k: how many, at most N.
        """
        size, batch = self._scorer.size, tf.shape(queries)[0]
        chunk = tf.clip_by_value(self._chunk_scores // tf.maximum(batch, 1), tf.minimum(k, size), size)

        def merge(best: Ranked, start: tf.Tensor, stop: tf.Tensor) -> Ranked:
            return with_chunk(best, self._scorer.chunk(queries, start, stop), start, k)

        nothing = Ranked(tf.fill([batch, k], NO_SCORE), tf.zeros([batch, k], tf.int64))
        return for_chunks(merge, nothing, size, chunk)

    def is_exact(self) -> bool:
        """Tells whether what is found is the best there is."""
        return True


def with_chunk(best: Ranked, scores: tf.Tensor, start: tf.Tensor, k: tf.Tensor | int) -> Ranked:
    """Returns the k best of those of earlier chunks and of the next one.

    Args:
        best: [batch, k], of the columns before `start`.
        scores: float [batch, C], of the columns from `start` on.
        start: the first column of this chunk.
        k: how many.
    """
    values, places = top_k(scores, tf.minimum(k, tf.shape(scores)[1]))
    values = tf.concat([best.scores, values], axis=1)
    columns = tf.concat([best.columns, tf.cast(places + start, tf.int64)], axis=1)
    # Earlier chunks come first, and so does the lower of two equal scores.
    top = tf.math.top_k(values, k)
    return Ranked(top.values, tf.gather(columns, top.indices, batch_dims=1))
