"""The losses of `model.losses.full`, and ranks, over a catalogue too large for a score matrix [batch, N].

`full_catalogue_loss` reduces the scores of all candidates to one number a row, a chunk at a time, and computes its own
gradient the same way (`reduce_and_pick`): a loss needs one number a row from all N scores x_k, the sum of softplus(x_k)
or the log of the sum of exp(x_k), and beyond it only the scores of a few cells. So no more than one chunk of scores is
alive at a time, whatever the batch and the catalogue.

What the copy head adds needs no matrix either: under softmax it adds to the partition function, and under Eq. 6 it
changes the terms of its own few cells. `target_ranks` keeps, chunk by chunk, the best candidates that are no targets.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from model.data.vocabulary import find
from model.losses.full import known_targets
from model.networks.chunks import catalogue_size, chunk_length, for_chunks
from model.networks.copy_head import Cells, CopyScores, add_copies, add_copies_at
from model.networks.item_scorer import ItemScorer, chunk_scores, scores_at
from model.networks.scene_head import SceneOffset
from model.retrieval.top_k import NO_SCORE, TopK, merge_chunk, without_nan


def full_catalogue_loss(
    objective: str,
    outputs: tf.Tensor,
    embeddings: tf.Tensor,
    bias: tf.Tensor | None,
    targets: tf.Tensor,
    copies: CopyScores | None = None,
    chunk_size: int | None = None,
    offset: SceneOffset | None = None,
) -> tf.Tensor:
    """Eq. 6, or cross-entropy, over the whole catalogue, with scores x_k = o . e_k + b_k, and what an offset adds.

    The gradient by `embeddings` is one dense tensor of their shape, zero for padding and unknown.

    Args:
        objective: ``bce`` for `model.losses.full.binary_cross_entropy`, ``softmax`` for `softmax_cross_entropy`.
        outputs: o, float [batch, d].
        embeddings: float [N + 2, d]; row k is candidate k, row 0 is padding and row N + 1 unknown.
        bias: b, float [N], or None.
        targets: int [batch, targets], as in `model.losses.full`.
        copies: raises the scores of its cells, as `model.networks.copy_head.add_copies` does.
        chunk_size: candidates scored at a time; by default as many as make `CHUNK_SCORES`.
        offset: what the scene head adds to the scores.

    Returns:
        float [batch].
    """
    size, batch = catalogue_size(embeddings), tf.shape(outputs)[0]
    known = known_targets(targets, size)
    rows, columns = known.rows, known.columns
    if objective == "bce" and copies is not None:
        rows, columns = tf.concat([rows, copies.rows], axis=0), tf.concat([columns, copies.columns], axis=0)
    total, at_cells = reduce_and_pick(
        REDUCTIONS[objective], outputs, embeddings, bias, rows, columns, chunk_size, offset
    )

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
    excluded: Cells | None = None,
) -> tf.Tensor:
    """Ranks the targets of each row among all candidates, without a score matrix.

    Of equal scores, those of other candidates go before those of targets, which follow one another. A target's score
    and its rivals' come from different operations, so a tie is one to within rounding.

    Args:
        scorer: scores candidates.
        queries: [batch, ...], what it compares them with.
        targets: int [batch, T], indices 1..N, each once a row; 0 is padding, an index above N is not in the catalogue.
        max_rank: ranks up to this are exact; a larger one is given as `max_rank` + 1.
        copies: raises the scores of its cells.
        chunk_size: candidates scored at a time.
        excluded: cells that are not ranked.

    Returns:
        int32 [batch, T]: 1 is best; `max_rank` + 1 for what is padding, not in the catalogue, excluded or scored by no
        number.
    """
    size, batch = scorer.size, tf.shape(queries)[0]
    known = known_targets(targets, size)
    scores_of_known = scorer.scores_at(queries, known.rows, known.columns)
    if copies is not None:
        scores_of_known = add_copies_at(scores_of_known, known.rows, known.columns, copies)
        order = tf.argsort(copies.columns)
        copies = CopyScores(*(tf.gather(part, order) for part in copies))
    lowest = tf.constant(NO_SCORE, scores_of_known.dtype)
    # Targets are no rivals of one another, and what is excluded is nobody's.
    no_rivals = Cells(known.rows, known.columns)
    if excluded is not None:
        keys, excluded_keys = (cells.rows * tf.cast(size, tf.int64) + cells.columns for cells in (no_rivals, excluded))
        gone, _ = find(tf.sort(excluded_keys), keys)
        scores_of_known = tf.tensor_scatter_nd_update(
            scores_of_known, gone[:, tf.newaxis], tf.fill(tf.shape(gone), lowest)
        )
        no_rivals = Cells(*(tf.concat(parts, axis=0) for parts in zip(no_rivals, excluded, strict=True)))
    mine = tf.tensor_scatter_nd_update(tf.fill(tf.shape(targets), lowest), known.places, without_nan(scores_of_known))
    order = tf.argsort(no_rivals.columns)
    rows, columns = (tf.gather(part, order) for part in no_rivals)
    # No more rivals than this can matter, and the best of them are found in less time than all are counted by target.
    most = min(max_rank, size)

    def select(rivals: TopK, start: tf.Tensor, stop: tf.Tensor) -> TopK:
        scores = scorer.chunk(queries, start, stop)
        first, last = tf.cast(start, tf.int64), tf.cast(stop, tf.int64)
        if copies is not None:
            bounds = tf.searchsorted(copies.columns, [first, last])
            copied_rows, copied_columns, values = (part[bounds[0] : bounds[1]] for part in copies)
            scores = add_copies(scores, CopyScores(copied_rows, copied_columns - first, values))
        bounds = tf.searchsorted(columns, [first, last])
        cells = tf.stack([rows[bounds[0] : bounds[1]], columns[bounds[0] : bounds[1]] - first], axis=1)
        scores = tf.tensor_scatter_nd_update(scores, cells, tf.fill(tf.shape(cells)[:1], lowest))
        return merge_chunk(rivals, scores, start, most)

    nothing = TopK(tf.fill([batch, most], lowest), tf.zeros([batch, most], tf.int64))
    rivals = for_chunks(select, nothing, size, chunk_length(chunk_size, batch, size))
    ahead = tf.reduce_sum(tf.cast(rivals.scores[:, tf.newaxis] >= mine[:, :, tf.newaxis], tf.int32), axis=2)
    among_targets = tf.argsort(tf.argsort(-mine, axis=1, stable=True), axis=1)
    return tf.where(mine > lowest, 1 + tf.minimum(ahead + among_targets, max_rank), max_rank + 1)


class Reduction(NamedTuple):
    """One number per row from the scores of all candidates.

    Attributes:
        start: the number before the first chunk.
        merge: takes it, float [batch], and the scores of a chunk, float [batch, C], and returns the next.
        slope: takes the scores of a chunk and the final number; returns its derivatives by these scores.
    """

    start: float
    merge: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    slope: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


REDUCTIONS = {
    "bce": Reduction(
        start=0.0,
        merge=lambda total, scores: total + tf.reduce_sum(tf.math.softplus(scores), axis=1),
        slope=lambda scores, _: tf.sigmoid(scores),
    ),
    "softmax": Reduction(
        start=float("-inf"),
        merge=lambda total, scores: _log_add(total, tf.reduce_logsumexp(scores, axis=1)),
        slope=lambda scores, total: tf.exp(scores - total[:, tf.newaxis]),
    ),
}


def reduce_and_pick(
    reduction: Reduction,
    outputs: tf.Tensor,
    embeddings: tf.Tensor,
    bias: tf.Tensor | None,
    rows: tf.Tensor,
    columns: tf.Tensor,
    chunk_size: int | None,
    offset: SceneOffset | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the reduction over all candidates, float [batch], and the scores at some cells, float [P].

    They are one function so that their gradients by the embeddings are one tensor, not two of catalogue size.

    Args:
        reduction: one of `REDUCTIONS`.
        outputs: o, float [batch, d].
        embeddings: float [N + 2, d]; row k is candidate k, rows 0 and N + 1 are no candidates.
        bias: float [N], or None.
        rows: int64 [P], the row of each cell; cells may repeat.
        columns: int64 [P], its 0-based candidate.
        chunk_size: candidates scored at a time; by default as many as make `CHUNK_SCORES`.
        offset: what the scene head adds to the scores.
    """
    size, batch = catalogue_size(embeddings), tf.shape(outputs)[0]
    chunk = chunk_length(chunk_size, batch, size)
    has_bias = bias is not None

    @tf.custom_gradient
    def function(outputs: tf.Tensor, embeddings: tf.Tensor, *learned: tf.Tensor) -> tuple[tuple, Callable]:
        bias = learned[0] if has_bias else None

        def score(start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
            return chunk_scores(outputs, embeddings, bias, start, stop, offset)

        def merge(total: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
            return reduction.merge(total, score(start, stop))

        total = for_chunks(merge, tf.fill([batch], tf.cast(reduction.start, outputs.dtype)), size, chunk)

        def gradient(by_total: tf.Tensor, by_cells: tf.Tensor) -> tuple[tf.Tensor, ...]:
            scaled = by_total[:, tf.newaxis] * outputs

            def add(sums: tuple[tf.Tensor, ...], start: tf.Tensor, stop: tf.Tensor) -> tuple[tf.Tensor, ...]:
                slope = reduction.slope(score(start, stop), total)
                by_outputs, by_embeddings, *by_learned = sums
                by_outputs += tf.matmul(slope, embeddings[1 + start : 1 + stop])
                part = tf.matmul(slope, scaled, transpose_a=True)
                by_embeddings = _write(by_embeddings, 1 + start, 1 + stop, part)
                if bias is not None:
                    part = tf.linalg.matvec(slope, by_total, transpose_a=True)
                    by_learned[0] = _write(by_learned[0], start, stop, part)
                if offset is not None:
                    by_learned[-1] += tf.reduce_sum(by_total * offset.sum_products(slope, start, stop))
                return by_outputs, by_embeddings, *by_learned

            zeros = tuple(_zeros_like(tensor) for tensor in (outputs, embeddings, *learned))
            by_outputs, by_embeddings, *by_learned = for_chunks(add, zeros, size, chunk)
            by_outputs *= by_total[:, tf.newaxis]

            weights = by_cells[:, tf.newaxis]
            by_outputs = _add_rows(by_outputs, rows, weights * tf.gather(embeddings, columns + 1))
            by_embeddings = _add_rows(by_embeddings, columns + 1, weights * tf.gather(outputs, rows))
            if bias is not None:
                by_learned[0] = _add_rows(by_learned[0], columns, by_cells)
            if offset is not None:
                by_learned[-1] += tf.reduce_sum(by_cells * offset.at(rows, columns))
            return by_outputs, by_embeddings, *by_learned

        return (total, scores_at(outputs, embeddings, bias, rows, columns, offset)), gradient

    learned = [bias, None if offset is None else offset.scale]
    return function(*(tf.convert_to_tensor(x) for x in (outputs, embeddings, *learned) if x is not None))


def _log_add_copies(total: tf.Tensor, copies: CopyScores) -> tf.Tensor:
    """Returns log(exp(total) + sum of exp(copied)) per row, float [batch]."""
    batch = tf.shape(total)[0]
    most = tf.maximum(total, tf.math.unsorted_segment_max(copies.values, copies.rows, batch))
    most = tf.stop_gradient(most)  # any number gives the same result; the largest gives no overflow
    copied = tf.exp(copies.values - tf.gather(most, copies.rows))
    return most + tf.math.log(tf.exp(total - most) + tf.math.unsorted_segment_sum(copied, copies.rows, batch))


def _zeros_like(tensor: tf.Tensor) -> tf.Tensor:
    # `tf.zeros_like` would be folded into a constant of the graph, which lives on and must not be written to.
    return tf.raw_ops.Empty(shape=tf.shape(tensor), dtype=tensor.dtype, init=True)


def _write(tensor: tf.Tensor, start: tf.Tensor, stop: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Replaces rows start..stop-1 in place, of a tensor that nobody else holds."""
    # `tf.tensor_scatter_nd_update` copies the whole tensor on a CPU, each time.
    return tf.raw_ops.InplaceUpdate(x=tensor, i=tf.range(start, stop), v=rows)


def _add_rows(tensor: tf.Tensor, rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Adds to some rows in place, of a tensor that nobody else holds; rows may repeat."""
    rows, group = tf.unique(rows)  # a GPU loses all but one of repeated rows
    values = tf.math.unsorted_segment_sum(values, group, tf.size(rows))
    return tf.raw_ops.InplaceAdd(x=tensor, i=tf.cast(rows, tf.int32), v=values)


def _log_add(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.maximum(a, b) + tf.math.softplus(-tf.abs(a - b))
