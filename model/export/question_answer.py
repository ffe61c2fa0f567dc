"""A network that answers one question: what an evaluator asks, and the best items for the signatures."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from model.data.history import History
from model.networks.base import Outputs, ServedNetwork
from model.networks.copy_head import add_copies_at
from model.networks.item_scorer import InnerProducts
from model.ranker import Encoded
from model.retrieval.scann import ScannTopK
from model.retrieval.top_k import (
    NO_SCORE,
    ExactTopK,
    TopK,
    mix_copies,
    pad_columns,
    remove_columns,
    select_best,
    without_nan,
)
from model.tracing import graph_function, traced_once
from schemas import sequences
from schemas.served_model import REQUEST_TIME

TIMES = (
    tf.TensorSpec([None, None], tf.int64, sequences.HISTORY_TIMESTAMPS),
    tf.TensorSpec([None], tf.int64, REQUEST_TIME),
)
"""Shapes and types of the times of events and of the request."""
HISTORY_FINGERPRINTS = (
    tf.TensorSpec([None, None], tf.int64, "history_item_fingerprints"),
    tf.TensorSpec([None, None], tf.int64, "history_scene_fingerprints"),
    *TIMES,
)
"""Shapes and types of the arguments of `model.ranker.Answer.encode`."""

_INT = tf.TensorSpec([], tf.int32)
_CELLS = tf.TensorSpec([None], tf.int64)

Ask: TypeAlias = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tuple[History, Any]]
"""From fingerprints of histories and the times of events and of the request (`model.ranker.Answer.encode`) to the
histories as the network reads them, and what it knows of the users."""

Finder: TypeAlias = ExactTopK | ScannTopK
"""Finds the best items for queries."""


@dataclasses.dataclass(frozen=True)
class _Untracked:
    """What is itself no part of the SavedModel; of its functions the traces are, and many functions call each."""

    network: ServedNetwork
    ask: Ask
    outputs: Callable[[History, Any], Outputs]
    find: Callable[[tf.Tensor, tf.Tensor], TopK]


class QuestionAnswer(tf.Module):
    """A network that is asked one question: a `model.ranker.Answer`.

    Args:
        network: what scores.
        question: what is asked.
        ask: reads histories.
        finder: finds the best items; None compares all.

    Attributes:
        item_bias: float32 [N_v], part of each item's score, or None.
        item_scores: see `model.ranker.Answer.item_scores`.
        item_scores_at: see `model.ranker.Answer.item_scores_at`.
        exact_items: finds the best items, all compared.
        find_items: finds the best items as the signatures do.
    """

    def __init__(self, network: ServedNetwork, question: str, ask: Ask, finder: ScannTopK | None):
        super().__init__(name=question)
        self._question = question
        self._scorer = scorer = network.item_scorer(question)
        self.item_bias = scorer.bias if isinstance(scorer, InnerProducts) else None
        self.exact_items = ExactTopK(self._scorer)
        self.find_items: Finder = finder or self.exact_items
        self._of_scenes = None if finder is None else finder.of_scenes
        self._untracked = _Untracked(network, ask, traced_once(self._outputs), traced_once(self._find))
        # Only here is it known what queries look like.
        spec = network.query_spec
        self.item_scores = graph_function(self._scorer.chunk, input_signature=[spec, _INT, _INT])
        self.item_scores_at = graph_function(self._item_scores_at, input_signature=[spec, _CELLS, _CELLS])

    @graph_function(input_signature=HISTORY_FINGERPRINTS)
    def encode(self, items: tf.Tensor, scenes: tf.Tensor, times: tf.Tensor, now: tf.Tensor) -> Encoded:
        """See `model.ranker.Answer.encode`."""
        outputs = self.outputs(*self._untracked.ask(items, scenes, times, now))
        rows, columns, scores = tf.zeros([0], tf.int64), tf.zeros([0], tf.int64), tf.zeros([0])
        if outputs.excluded is not None:
            rows, columns = outputs.excluded
            scores = tf.fill(tf.shape(rows), NO_SCORE)
        if outputs.copies is not None:
            rows, columns, copied = outputs.copies
            before = self._scorer.scores_at(outputs.item_queries, rows, columns)
            scores = before + tf.math.softplus(copied - before)
        return {
            "queries": outputs.item_queries,
            "rows": rows,
            "columns": columns,
            "scores": scores,
            "scene_scores": self.score_scenes(outputs),
        }

    @graph_function(input_signature=HISTORY_FINGERPRINTS)
    def score(
        self, items: tf.Tensor, scenes: tf.Tensor, times: tf.Tensor, now: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores all candidates, exactly; arguments as in `encode`.

        Returns:
            float32 [batch, N_v] and [batch, N_s], in the order of the catalogues.
        """
        encoded = self.encode(items, scenes, times, now)
        scores = self.item_scores(encoded["queries"], 0, self._scorer.size)
        cells = tf.stack([encoded["rows"], encoded["columns"]], axis=1)
        return tf.tensor_scatter_nd_update(scores, cells, encoded["scores"]), encoded["scene_scores"]

    def _item_scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `model.ranker.Answer.item_scores_at`."""
        scores = self._scorer.scores_at(queries, rows, columns)
        return scores, self._scorer.rounding_at(queries, rows, columns)

    def queries(self, items: tf.Tensor, scenes: tf.Tensor, times: tf.Tensor, now: tf.Tensor) -> tf.Tensor:
        """Returns what items are compared with; arguments as in `encode`."""
        return self.outputs(*self._untracked.ask(items, scenes, times, now)).item_queries

    def outputs(self, history: History, known: Any) -> Outputs:
        """Returns what candidates are compared with."""
        return self._untracked.outputs(history, known)

    def _outputs(self, history: History, known: Any) -> Outputs:
        return self._untracked.network.outputs(known, history, self._question)

    def find(self, queries: tf.Tensor, k: tf.Tensor | int) -> TopK:
        """Returns the best items as `find_items` does."""
        return self._untracked.find(queries, tf.convert_to_tensor(k))

    def _find(self, queries: tf.Tensor, k: tf.Tensor) -> TopK:
        return self.find_items(queries, k)

    def score_scenes(self, outputs: Outputs) -> tf.Tensor:
        """Returns the scores of all scenes, float [batch, N_s]."""
        return self._untracked.network.score_scenes(outputs, self._question)

    def best_items(self, outputs: Outputs, k: int) -> TopK:
        """Returns the best items, best first, of what `outputs` gives."""
        if outputs.excluded is not None:
            gone = pad_columns(outputs.excluded, tf.shape(outputs.item_queries, tf.int64)[0])
            return self.best_without(outputs.item_queries, gone, k)
        ranked = self.find(outputs.item_queries, k)
        ranked = TopK(*(tf.ensure_shape(x, [None, k]) for x in ranked))
        if outputs.copies is None:
            return ranked
        before = self._scorer.scores_at(outputs.item_queries, outputs.copies.rows, outputs.copies.columns)
        return mix_copies(ranked, outputs.copies, before, k)

    def best_without(self, queries: tf.Tensor, columns: tf.Tensor, k: int) -> TopK:
        """Returns the best items that are left when some are taken away, best first.

        Args:
            queries: [batch, ...], from `queries`.
            columns: 0-based items to take away, int64 [batch, E], each once a row; -1 is padding, anywhere.
            k: how many, at most N_v.
        """
        taken = tf.math.count_nonzero(columns >= 0, axis=1, dtype=tf.int32)
        most = tf.reduce_max(tf.concat([taken, [0]], axis=0))
        number = tf.minimum(k + most, self._scorer.size)
        return select_best(remove_columns(self.find(queries, number), columns), k)

    def rank(self, outputs: Outputs, columns: tf.Tensor) -> TopK:
        """Returns given items alone, in the order that they have among all; scores may differ in the last digits.

        Args:
            outputs: from `outputs`.
            columns: 0-based items, int64 [batch, A], each once a row; -1 is padding, anywhere.

        Returns:
            The same items, [batch, A], best first; padding and excluded items have `NO_SCORE` and come last.
        """
        batch, number = tf.unstack(tf.shape(columns, tf.int64))
        rows, cells = tf.repeat(tf.range(batch), number), tf.maximum(tf.reshape(columns, [-1]), 0)
        scores = self._scorer.scores_at(outputs.item_queries, rows, cells)
        if outputs.copies is not None:
            scores = add_copies_at(scores, rows, cells, outputs.copies)
        scores = tf.where(columns >= 0, tf.reshape(without_nan(scores), tf.shape(columns)), NO_SCORE)
        given = TopK(scores, columns)
        if outputs.excluded is not None:
            given = remove_columns(given, pad_columns(outputs.excluded, batch))
        return select_best(given, tf.shape(columns)[1])
