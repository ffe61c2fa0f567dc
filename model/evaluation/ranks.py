"""Ranks of target candidates among a whole catalogue, exactly, with never more than a chunk of scores in memory.

Only a few candidates of a row matter by name: its targets and the items of its history. Of all others, the plain ones,
the best `max_rank` are enough to tell any rank up to `max_rank`; a larger rank is counted, and only that of the first
target.

Ties are broken against the model: a candidate that is not relevant goes before a relevant one of equal score; relevant
ones follow one another. A score that is not a number, or minus infinity, ranks last.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from model.data.vocabulary import find
from model.networks.chunks import for_chunks
from model.retrieval.top_k import CHUNK_SCORES, NO_SCORE, TopK, merge_chunk, remove_columns, select_best, without_nan
from model.tracing import traced_once

NONE = np.int64(-1)
"""Stands for "no candidate" where columns are padded to a rectangle."""

_BYTES, _ADDENDS = 8, 128
"""Bytes of a word of counters, and the words that are added at a time (`count_at_least`)."""


class Scorer(NamedTuple):
    """The scores of one batch, to be asked for in pieces (`model.ranker.Answer`).

    Attributes:
        size: number N of candidates.
        scores: returns the scores of the 0-based candidates start..stop-1, float32 [batch, stop - start].
        scores_at: returns the scores at P places, given as rows and columns, float32 [P], and how far off rounding may
            set each score.
        own: places, as rows and columns int64 [P], whose scores are others, and these scores, float32 [P]; None where
            there are no such places.
    """

    size: int
    scores: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    scores_at: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    own: tuple[tf.Tensor, tf.Tensor, tf.Tensor] | None = None


class Candidates(NamedTuple):
    """The candidates of each row that matter by name.

    Attributes:
        targets: 0-based targets, each once a row, int64 [batch, T]; `NONE` where padded or not in the catalogue.
        others: 0-based items of the history that are not targets, each once a row, int64 [batch, S]; `NONE` where
            padded or not in the catalogue.
    """

    targets: tf.Tensor
    others: tf.Tensor


class RankingQuery(NamedTuple):
    """What is asked of a ranking, Q questions at once.

    Attributes:
        relevant: which targets should come first, bool [Q, batch, T].
        excluded: which of the targets and of the others are left out of the ranking, bool [Q, batch, T + S]. A target
            that is both relevant and excluded has no rank.
    """

    relevant: tf.Tensor
    excluded: tf.Tensor


class RankingResult(NamedTuple):
    """The answers to the Q questions of a `RankingQuery`.

    Attributes:
        ranks: rank of each relevant target, int32 [Q, batch, T]; `max_rank` + 1 for a larger rank and for all else.
        first: rank of the first relevant target, however large, int64 [Q, batch]; 0 if none is in the catalogue.
        top: the best candidates of the ranking, `max_rank` or as many as the catalogue has, int64 [Q, batch, K]; `NONE`
            where the ranking has no more.
    """

    ranks: tf.Tensor
    first: tf.Tensor
    top: tf.Tensor


def rank(
    scorer: Scorer, candidates: Candidates, query: RankingQuery, max_rank: int, chunk_scores: int = CHUNK_SCORES
) -> RankingResult:
    """Ranks the targets of a batch, reading the catalogue once for all questions.

    Args:
        scorer: the scores; the places in `Scorer.own` are all among `candidates`.
        candidates: targets and histories.
        query: what is asked.
        max_rank: largest rank that is wanted for every target.
        chunk_scores: largest number of scores held at a time.
    """
    columns = tf.concat([candidates.targets, candidates.others], axis=1)
    size = tf.convert_to_tensor(scorer.size)
    # All but the scores is the same for every scorer, and so is traced but once.
    places = tf.where(columns >= 0)
    estimates = scorer.scores_at(places[:, 0], tf.gather_nd(columns, places))
    named, thresholds, kept = _find_thresholds(query, candidates, columns, *estimates, scorer.own, size, max_rank)
    batch = tf.shape(columns)[0]
    chunk = tf.clip_by_value(chunk_scores // tf.maximum(batch, 1), kept, size)

    def read(state: tuple, start: tf.Tensor, stop: tf.Tensor) -> tuple:
        return _read_chunk(state, scorer.scores(start, stop), start, stop, named, thresholds, kept)

    nothing = TopK(tf.fill([batch, kept], NO_SCORE), tf.zeros([batch, kept], tf.int64))
    state = (nothing, tf.zeros([tf.size(columns)]), tf.zeros_like(thresholds, tf.int64))
    found = for_chunks(read, state, size, chunk)
    return _combine(query, columns, found, thresholds, scorer.own, size, max_rank)


class _Named(NamedTuple):
    """The named candidates of a batch in the order in which the catalogue is read.

    Attributes:
        columns: int64 [batch * (T + S)], rising.
        order: int32, where each stands in the flattened candidates.
        rows: int64, the row of each.
    """

    columns: tf.Tensor
    order: tf.Tensor
    rows: tf.Tensor


@traced_once
def _find_thresholds(
    query: RankingQuery,
    candidates: Candidates,
    columns: tf.Tensor,
    estimates: tf.Tensor,
    rounding: tf.Tensor,
    own: tuple[tf.Tensor, tf.Tensor, tf.Tensor] | None,
    size: tf.Tensor,
    max_rank: int,
) -> tuple[_Named, tf.Tensor, tf.Tensor]:
    """Returns what has to be known before the catalogue is read.

    Args:
        query: what is asked.
        candidates: targets and others.
        columns: both together, int64 [batch, T + S].
        estimates: scores of the candidates in the catalogue, float32 [P].
        rounding: how far off rounding may set them, float32 [P].
        own: `Scorer.own`.
        size: number of candidates in the catalogue.
        max_rank: largest rank that is wanted for every target.

    Returns:
        The named candidates; the score that the first relevant target of each question and row reaches, float32 [Q,
        batch]; and how many of the best candidates have to be kept.
    """
    known = columns >= 0
    # The score of the best relevant target, but for rounding: what reaches this threshold is ahead of that target.
    places, shape = tf.where(known), tf.shape(columns, tf.int64)
    scores, off = (tf.scatter_nd(places, x, shape) for x in (estimates, rounding))
    scores = _put_own(own, size, columns, scores)
    lowest = without_nan(scores - tf.where(tf.math.is_finite(off), off, 0.0))
    lowest = tf.where(known, lowest, NO_SCORE)[:, : tf.shape(candidates.targets)[1]]
    thresholds = tf.where(query.relevant, lowest, NO_SCORE)
    thresholds = tf.reduce_max(tf.pad(thresholds, [[0, 0], [0, 0], [0, 1]], constant_values=NO_SCORE), axis=2)

    most = tf.reduce_max(tf.pad(tf.math.count_nonzero(known, axis=1, dtype=tf.int32), [[0, 1]]))
    kept = tf.minimum(max_rank + most, size)
    order = tf.argsort(tf.reshape(columns, [-1]))
    rows = tf.cast(order // tf.maximum(tf.shape(columns)[1], 1), tf.int64)
    return _Named(tf.gather(tf.reshape(columns, [-1]), order), order, rows), thresholds, kept


@traced_once
def _combine(
    query: RankingQuery,
    columns: tf.Tensor,
    found: tuple[TopK, tf.Tensor, tf.Tensor],
    thresholds: tf.Tensor,
    own: tuple[tf.Tensor, tf.Tensor, tf.Tensor] | None,
    size: tf.Tensor,
    max_rank: int,
) -> RankingResult:
    """Ranks the named candidates and the best plain ones together.

    Args:
        query: what is asked.
        columns: the named candidates, 0-based, int64 [batch, T + S].
        found: the best candidates; scores of the named ones as the catalogue has them, float32 [batch * (T + S)]; and
            how many candidates in the catalogue reach each threshold, int64 [Q, batch].
        thresholds: score that the first relevant target reaches, float32 [Q, batch].
        own: `Scorer.own`.
        size: number of candidates in the catalogue.
        max_rank: largest rank that is wanted for every target.
    """
    best, picked, counts = found
    bases = tf.reshape(picked, tf.shape(columns))
    plain = select_best(remove_columns(best, columns), tf.minimum(max_rank, tf.shape(best.scores)[1]))
    finals = tf.where(columns >= 0, without_nan(_put_own(own, size, columns, bases)), NO_SCORE)
    number, others = tf.shape(query.relevant)[2], tf.shape(query.excluded)[2]
    asked, batch = query.relevant.shape[0], tf.shape(columns)[0]
    relevant = tf.pad(query.relevant, [[0, 0], [0, 0], [0, others - number]])
    scores = tf.where(query.excluded, NO_SCORE, finals)
    # Of the plain candidates, no more than `max_rank` can matter.
    everything = TopK(
        _flatten(tf.concat([scores, tf.tile(plain.scores[tf.newaxis], [asked, 1, 1])], axis=2)),
        _flatten(tf.tile(tf.concat([columns, plain.columns], axis=1)[tf.newaxis], [asked, 1, 1])),
    )
    flags = _flatten(tf.pad(relevant, [[0, 0], [0, 0], [0, tf.shape(plain.scores)[1]]]))
    ranks = tf.reshape(ranks_among(everything.scores, flags), [asked, batch, -1])[:, :, :number]
    ranked = tf.logical_and(query.relevant, scores[:, :, :number] > NO_SCORE)
    ranks = tf.where(ranked, tf.minimum(ranks, max_rank + 1), max_rank + 1)

    # The counts are over the scores of chunks: named candidates are taken out, and come in with their final scores.
    thresholds_at = thresholds[:, :, tf.newaxis]
    subtracted = tf.logical_and(columns >= 0, bases >= thresholds_at)
    rivals = tf.logical_and(tf.logical_not(relevant), scores >= thresholds_at)
    ahead = counts + tf.reduce_sum(tf.cast(rivals, tf.int64) - tf.cast(subtracted, tf.int64), axis=2)
    near = tf.reduce_min(tf.pad(ranks, [[0, 0], [0, 0], [0, 1]], constant_values=max_rank + 1), axis=2)
    far = tf.where(thresholds > NO_SCORE, tf.maximum(1 + ahead, max_rank + 1), 0)
    first = tf.where(near <= max_rank, tf.cast(near, tf.int64), far)

    top = select_best(everything, tf.minimum(max_rank, tf.shape(everything.scores)[1]))
    top = tf.where(top.scores > NO_SCORE, top.columns, NONE)
    return RankingResult(ranks, first, tf.reshape(top, [asked, batch, -1]))


def _flatten(values: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(values)
    return tf.reshape(values, [shape[0] * shape[1], shape[2]])


def ranks_among(scores: tf.Tensor, relevant: tf.Tensor) -> tf.Tensor:
    """Returns the rank of each score in its row, int32 [batch, M]; of equal scores, relevant ones come last.

    Args:
        scores: float [batch, M].
        relevant: bool [batch, M].
    """
    rivals_first = tf.argsort(tf.cast(relevant, tf.int8), axis=1, stable=True)
    falling = tf.argsort(-tf.gather(scores, rivals_first, batch_dims=1), axis=1, stable=True)
    return 1 + tf.argsort(tf.gather(rivals_first, falling, batch_dims=1), axis=1)


def dense_scorer(scores: tf.Tensor) -> Scorer:
    """Returns a scorer of a score matrix, float [batch, N], for a catalogue that is small."""
    return Scorer(
        size=tf.shape(scores)[1],
        scores=lambda start, stop: scores[:, start:stop],
        scores_at=lambda rows, columns: (
            tf.gather_nd(scores, tf.stack([rows, columns], axis=1)),
            tf.zeros_like(rows, scores.dtype),
        ),
    )


def _put_own(
    own: tuple[tf.Tensor, tf.Tensor, tf.Tensor] | None, size: tf.Tensor, columns: tf.Tensor, scores: tf.Tensor
) -> tf.Tensor:
    """Returns the scores, with those of `Scorer.own` in their places."""
    if own is None:
        return scores
    rows, own_columns, own_scores = own
    size = tf.cast(size, tf.int64)
    keys = rows * size + own_columns
    order = tf.argsort(keys)
    wanted = tf.range(tf.shape(columns, tf.int64)[0])[:, tf.newaxis] * size + columns
    wanted = tf.reshape(tf.where(columns >= 0, wanted, -1), [-1])
    there, place = find(tf.gather(keys, order), wanted)
    flat = tf.tensor_scatter_nd_update(
        tf.reshape(scores, [-1]), there[:, tf.newaxis], tf.gather(own_scores, tf.gather(order, place))
    )
    return tf.reshape(flat, tf.shape(scores))


@traced_once
def _read_chunk(
    state: tuple[TopK, tf.Tensor, tf.Tensor],
    scores: tf.Tensor,
    start: tf.Tensor,
    stop: tf.Tensor,
    named: _Named,
    thresholds: tf.Tensor,
    kept: tf.Tensor,
) -> tuple[TopK, tf.Tensor, tf.Tensor]:
    """Returns the best candidates, the scores of the named ones, and how many reach each threshold, [Q, batch].

    Args:
        state: the same of the candidates before `start`.
        scores: of the candidates from `start` to `stop`, float32 [batch, stop - start].
        start: the first candidate of the chunk.
        stop: the first candidate after it.
        named: the named candidates.
        thresholds: as in `_combine`.
        kept: how many of the best are kept.
    """
    top, picked, counts = state
    low, high = tf.unstack(tf.searchsorted(named.columns, tf.cast([start, stop], tf.int64)))
    places = tf.stack([named.rows[low:high], named.columns[low:high] - tf.cast(start, tf.int64)], axis=1)
    picked = tf.tensor_scatter_nd_update(
        picked, tf.gather(named.order, tf.range(low, high))[:, tf.newaxis], tf.gather_nd(scores, places)
    )
    counts += tf.stack([count_at_least(scores, threshold) for threshold in tf.unstack(thresholds)])
    return merge_chunk(top, scores, start, kept), picked, counts


def count_at_least(scores: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Returns how many scores of each row are at least the row's threshold, int64 [batch].

    Args:
        scores: float [batch, C]; a score that is not a number does not count.
        threshold: float [batch].
    """
    reached = tf.cast(scores >= threshold[:, tf.newaxis], tf.uint8)
    # A word holds eight counters: adding words adds bytes, up to 255 of them. This is four times as fast as a sum of
    # int32.
    reached = tf.pad(reached, [[0, 0], [0, -tf.shape(reached)[1] % (_BYTES * _ADDENDS)]])
    words = tf.bitcast(tf.reshape(reached, [tf.shape(reached)[0], -1, _ADDENDS, _BYTES]), tf.int64)
    counters = tf.bitcast(tf.reduce_sum(words, axis=2), tf.uint8)
    return tf.reduce_sum(tf.cast(counters, tf.int64), axis=[1, 2])
