"""The losses of `model.losses.full`, and ranks, over a catalogue too large for a score matrix [batch, N].

What the repeat head copies needs no matrix either. Under softmax it adds to the partition function, and under Eq. 6
it changes the terms of its own few cells.
"""

import tensorflow as tf

from model.losses.full import known_targets
from model.networks.copy_head import CopyScores, add_copies, add_copies_at
from model.networks.item_scorer import REDUCTIONS, ItemScorer, catalogue_size, chunk_length, for_chunks, reduce_and_pick


def full_catalogue_loss(
    objective: str,
    outputs: tf.Tensor,
    embeddings: tf.Tensor,
    bias: tf.Tensor | None,
    targets: tf.Tensor,
    copies: CopyScores | None = None,
    chunk_size: int | None = None,
) -> tf.Tensor:
    """Eq. 6, or cross-entropy, over the whole catalogue, with scores x_k = o . e_k + b_k.

    The gradient by `embeddings` is one dense tensor of their shape, zero for padding and unknown.

    Args:
        objective: ``bce`` for `model.losses.full.binary_cross_entropy`, ``softmax`` for `softmax_cross_entropy`.
        outputs: o, float [batch, d].
        embeddings: float [N + 2, d]; row k is candidate k, row 0 is padding and row N + 1 unknown.
        bias: b, float [N], or None.
        targets: int [batch, targets], as in `model.losses.full`.
        copies: raises the scores of its cells, as `model.networks.copy_head.add_copies` does.
        chunk_size: candidates scored at a time; by default as many as make `CHUNK_SCORES`.

    Returns:
        float [batch].
    """
    size, batch = catalogue_size(embeddings), tf.shape(outputs)[0]
    known = known_targets(targets, size)
    rows, columns = known.rows, known.columns
    if objective == "bce" and copies is not None:
        rows, columns = tf.concat([rows, copies.rows], axis=0), tf.concat([columns, copies.columns], axis=0)
    total, at_cells = reduce_and_pick(REDUCTIONS[objective], outputs, embeddings, bias, rows, columns, chunk_size)

    number = tf.shape(known.rows)[0]
    at_targets, at_copies = at_cells[:number], at_cells[number:]
    if copies is not None:
        at_targets = add_copies_at(at_targets, known.rows, known.columns, copies)
    positive = tf.math.unsorted_segment_sum(at_targets, known.rows, batch)
    if objective == "bce":
        if copies is not None:
            raised = at_copies + tf.math.softplus(copies.values - at_copies)
            gain = tf.math.softplus(raised) - tf.math.softplus(at_copies)
            total += tf.math.unsorted_segment_sum(gain, copies.rows, batch)
        return (total - positive) / tf.cast(size, total.dtype)
    if copies is not None:
        total = _log_add_copies(total, copies)
    counts = tf.math.unsorted_segment_sum(tf.ones_like(at_targets), known.rows, batch)
    return tf.where(counts > 0, total - tf.math.divide_no_nan(positive, counts), 0.0)


def target_ranks(
    scorer: ItemScorer,
    queries: tf.Tensor,
    targets: tf.Tensor,
    max_rank: int,
    copies: CopyScores | None = None,
    chunk_size: int | None = None,
) -> tf.Tensor:
    """Ranks one candidate a row among all, without a score matrix.

    The target's score and its rivals' come from different operations, so a tie is one to within rounding.

    Args:
        scorer: scores candidates.
        queries: [batch, ...], what it compares them with.
        targets: int [batch, 1], index 1..N; 0 is padding, an index above N is not in the catalogue.
        max_rank: ranks up to this are exact; a larger one is given as `max_rank` + 1.
        copies: raises the scores of its cells.
        chunk_size: candidates scored at a time.

    Returns:
        int32 [batch, 1]: 1 is best; `max_rank` + 1 for what is padding, not in the catalogue or scored by no number.

    Raises:
        ValueError: if there is more than one target a row.
    """
    if targets.shape[1] != 1:
        raise ValueError(f"Ranks over chunks are of one target a row. Received: targets of shape {targets.shape}")
    size, batch = scorer.size, tf.shape(queries)[0]
    known = known_targets(targets, size)
    mine = scorer.scores_at(queries, known.rows, known.columns)
    if copies is not None:
        mine = add_copies_at(mine, known.rows, known.columns, copies)
        order = tf.argsort(copies.columns)
        copies = CopyScores(*(tf.gather(part, order) for part in copies))
    lowest = tf.constant(float("-inf"), mine.dtype)
    mine = tf.tensor_scatter_nd_update(tf.fill([batch], lowest), known.rows[:, tf.newaxis], _nan_to(lowest, mine))

    def count(ahead: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        scores = scorer.chunk(queries, start, stop)
        if copies is not None:
            bounds = tf.searchsorted(copies.columns, tf.cast([start, stop], tf.int64))
            rows, columns, values = (part[bounds[0] : bounds[1]] for part in copies)
            scores = add_copies(scores, CopyScores(rows, columns - tf.cast(start, tf.int64), values))
        others = tf.not_equal(tf.range(start + 1, stop + 1), tf.cast(targets, tf.int32))
        rivals = tf.logical_and(_nan_to(lowest, scores) >= mine[:, tf.newaxis], others)
        return ahead + tf.reduce_sum(tf.cast(rivals, tf.int32), axis=1)

    ahead = for_chunks(count, tf.zeros([batch], tf.int32), size, chunk_length(chunk_size, batch, size))
    ranks = tf.where(mine > lowest, 1 + tf.minimum(ahead, max_rank), max_rank + 1)
    return ranks[:, tf.newaxis]


def _log_add_copies(total: tf.Tensor, copies: CopyScores) -> tf.Tensor:
    """Returns log(exp(total) + sum of exp(copied)) per row, float [batch]."""
    batch = tf.shape(total)[0]
    most = tf.maximum(total, tf.math.unsorted_segment_max(copies.values, copies.rows, batch))
    most = tf.stop_gradient(most)  # any number gives the same result; the largest gives no overflow
    copied = tf.exp(copies.values - tf.gather(most, copies.rows))
    return most + tf.math.log(tf.exp(total - most) + tf.math.unsorted_segment_sum(copied, copies.rows, batch))


def _nan_to(value: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_nan(scores), value, scores)
