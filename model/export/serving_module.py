"""The SavedModel: raw ids in, raw ids out, nothing of this project needed to load it."""

import dataclasses
import functools
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.config import ServingConfig
from model.data.padding import distinct, right_align
from model.data.vocabulary import FingerprintTable, fingerprint_strings
from model.networks.base import Outputs, ServedNetwork
from model.networks.item_scorer import InnerProducts
from model.ranker import Encoded
from model.retrieval.scann import ScannTopK
from model.retrieval.top_k import ExactTopK, TopK, mix_copies, remove_columns, select_best
from schemas import sequences
from schemas.catalogue import PAD_INDEX, Catalogue
from schemas.served_model import EXAMPLES, EXCLUDE_ITEM_IDS

TOP_K = 100
"""How many items (scenes) a request is answered with, or the whole catalogue when it is smaller."""


def _ids(name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None, None], tf.string, name)


def _fingerprints(name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None, None], tf.int64, name)


_HISTORY_IDS = [_ids(sequences.HISTORY_ITEM_IDS), _ids(sequences.HISTORY_SCENE_IDS)]
_HISTORY_FINGERPRINTS = [_fingerprints("history_item_fingerprints"), _fingerprints("history_scene_fingerprints")]

# Without AutoGraph, which would rewrite the source of Keras' layers at every trace and has nothing to find there.
_function = functools.partial(tf.function, autograph=False)
_INT = tf.TensorSpec([], tf.int32)
_CELLS = tf.TensorSpec([None], tf.int64)

Finder: TypeAlias = ExactTopK | ScannTopK
"""Finds the best items for queries."""


@dataclasses.dataclass(frozen=True)
class _Untracked:
    network: ServedNetwork


class ServingModule(tf.Module):
    """A network with its catalogues, trained or statistical.

    Beside the signatures the module has what an evaluator and a batch job need, which know fingerprints, not raw ids:
    `score`, `recommend_fingerprints`, `recommend_unseen_fingerprints`, and the fingerprints of both catalogues; it is
    a `model.ranker.Ranker`. For retrieval elsewhere it has the items' vectors, if scores are inner products.

    Whatever is asked has an answer: an id never seen in training counts as unknown, ``""`` anywhere is padding, of a
    long history the last `max_history` events are read, items and scenes of different number are aligned at the
    latest event, and an empty history is answered by what is popular. No answer holds a NaN.

    Args:
        network: what scores; it has its weights or counts.
        items: the item catalogue it was trained on.
        scenes: the scene catalogue it was trained on.
        max_history: how many of the latest events are read, as in training.
        config: how the best items are found.

    Attributes:
        item_fingerprints: int64 [N_v], in the order of the catalogue.
        scene_fingerprints: int64 [N_s], in the order of the catalogue.
        item_ids: string [N_v], raw ids in the same order.
        scene_ids: string [N_s], raw ids in the same order.
        item_vectors: float32 [N_v + 2, item_dim]; row k is item k of the catalogue, counted from 1. None where
            scores are no inner products.
        item_bias: float32 [N_v], part of each item's score, or None.
        embed_users: signature `embed_users`, see `_embed_users`; None for a statistical network.
        item_scores: see `model.ranker.Ranker.item_scores`.
        item_scores_at: see `model.ranker.Ranker.item_scores_at`.
        exact_items: finds the best items, all compared.
        find_items: finds the best items as the signatures do.
    """

    def __init__(
        self,
        network: ServedNetwork,
        items: Catalogue,
        scenes: Catalogue,
        max_history: int,
        config: ServingConfig = ServingConfig(),  # noqa: B008  (frozen)
    ):
        super().__init__(name="dspnet")
        # Only the variables are tracked: saving the layer itself would write Keras' own format as well.
        self._network_variables = network.variables
        self._untracked = _Untracked(network)
        self._max_history = max_history
        self._item_table = FingerprintTable(items.fingerprints, name="items")
        self._scene_table = FingerprintTable(scenes.fingerprints, name="scenes")
        self.item_fingerprints = tf.Variable(items.fingerprints, trainable=False, name="item_fingerprints")
        self.scene_fingerprints = tf.Variable(scenes.fingerprints, trainable=False, name="scene_fingerprints")
        self.item_ids = _id_variable(items.ids, "item_ids")
        self.scene_ids = _id_variable(scenes.ids, "scene_ids")
        self._scorer = network.item_scorer
        self.item_vectors = self.item_bias = None
        if isinstance(self._scorer, InnerProducts):
            self.item_vectors, self.item_bias = self._scorer.table, self._scorer.bias
        self.exact_items = ExactTopK(self._scorer)
        self.find_items: Finder = self.exact_items
        if config.retrieval == "scann":
            if self.item_vectors is None:
                raise ValueError("serving.retrieval=scann needs scores that are inner products of users and items.")
            scann = ScannTopK(self.item_vectors, self.item_bias, min(TOP_K, len(items)), config)
            self._scann_state = scann.state
            self.find_items = scann
        # Only here is it known what queries look like, and whether there is something to embed.
        spec = network.query_spec
        self.item_scores = _function(self._scorer.chunk, input_signature=[spec, _INT, _INT])
        self.item_scores_at = _function(self._item_scores_at, input_signature=[spec, _CELLS, _CELLS])
        self.embed_users = None
        if network.embeds_users:
            self.embed_users = _function(self._embed_users, input_signature=_HISTORY_IDS)

    @_function(input_signature=_HISTORY_FINGERPRINTS)
    def score(self, items: tf.Tensor, scenes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores all candidates, exactly.

        Args:
            items: int64 [batch, time], fingerprints of the item history, oldest first; -1 is padding.
            scenes: int64 [batch, time'], fingerprints of the scene history, oldest first; -1 is padding.

        Returns:
            float32 [batch, N_v] and [batch, N_s], in the order of `item_fingerprints`, `scene_fingerprints`.
        """
        _, outputs = self._ask(items, scenes)
        network = self._untracked.network
        return network.score_items(outputs), network.score_scenes(outputs)

    @_function(input_signature=_HISTORY_FINGERPRINTS)
    def encode(self, items: tf.Tensor, scenes: tf.Tensor) -> Encoded:
        """See `model.ranker.Ranker.encode`."""
        _, outputs = self._ask(items, scenes)
        rows, columns, scores = tf.zeros([0], tf.int64), tf.zeros([0], tf.int64), tf.zeros([0])
        if outputs.copies is not None:
            rows, columns, copied = outputs.copies
            before = self._scorer.scores_at(outputs.o_item, rows, columns)
            scores = before + tf.math.softplus(copied - before)
        return {
            "queries": outputs.o_item,
            "rows": rows,
            "columns": columns,
            "scores": scores,
            "scene_scores": self._untracked.network.score_scenes(outputs),
        }

    def _item_scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `model.ranker.Ranker.item_scores_at`."""
        scores = self._scorer.scores_at(queries, rows, columns)
        return scores, self._scorer.rounding_at(queries, rows, columns)

    @_function(input_signature=_HISTORY_FINGERPRINTS)
    def recommend_fingerprints(self, items: tf.Tensor, scenes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers as `recommend` does; arguments as in `score`."""
        _, outputs = self._ask(items, scenes)
        k = min(TOP_K, self._item_table.size)
        ranked = self.find_items(outputs.o_item, k)
        if outputs.copies is not None:
            before = self._scorer.scores_at(outputs.o_item, outputs.copies.rows, outputs.copies.columns)
            ranked = mix_copies(ranked, outputs.copies, before, k)
        return self._answer(ranked, outputs)

    @_function(input_signature=[*_HISTORY_FINGERPRINTS, _fingerprints("exclude_item_fingerprints")])
    def recommend_unseen_fingerprints(
        self, items: tf.Tensor, scenes: tf.Tensor, exclude: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Answers as `recommend_unseen` does; arguments as in `score`, and int64 [batch, n] to exclude."""
        items, exclude = _same_rows(items, exclude)
        _, outputs = self._ask(items, scenes)
        seen = tf.concat([self._item_table(items), self._item_table(exclude)], axis=1)
        seen = distinct(tf.where(seen <= self._item_table.size, seen, PAD_INDEX))
        # The whole history is left out, the part before `max_history` too; what is left out cannot be copied.
        most = tf.reduce_max(tf.concat([tf.math.count_nonzero(seen, axis=1, dtype=tf.int32), [0]], axis=0))
        k = min(TOP_K, self._item_table.size)
        ranked = self.find_items(outputs.o_item, tf.minimum(k + most, self._item_table.size))
        return self._answer(select_best(remove_columns(ranked, tf.cast(seen, tf.int64) - 1), k), outputs)

    @_function(input_signature=_HISTORY_IDS)
    def recommend(self, history_item_ids: tf.Tensor, history_scene_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `serving_default`: the best items and scenes for raw histories.

        Args:
            history_item_ids: string [batch, time], oldest first, padded with "" on either side.
            history_scene_ids: string [batch, time'], oldest first, padded with "" on either side.

        Returns:
            ``item_ids`` string [batch, k], ``item_scores`` float32 [batch, k], ``scene_ids`` and
            ``scene_scores`` in the same shapes; best first. A place that nothing fills has the id "" and the lowest
            float32.
        """
        return self.recommend_fingerprints(
            fingerprint_strings(history_item_ids), fingerprint_strings(history_scene_ids)
        )

    @_function(input_signature=[tf.TensorSpec([None], tf.string, EXAMPLES)])
    def recommend_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `serving_examples`: as `recommend`, for serialized ``tf.Example`` of raw ids, [batch]."""
        features = {spec.name: tf.io.RaggedFeature(tf.string) for spec in _HISTORY_IDS}
        parsed = tf.io.parse_example(examples, features)
        return self.recommend(*(parsed[spec.name].to_tensor("") for spec in _HISTORY_IDS))

    @_function(input_signature=[*_HISTORY_IDS, _ids(EXCLUDE_ITEM_IDS)])
    def recommend_unseen(
        self, history_item_ids: tf.Tensor, history_scene_ids: tf.Tensor, exclude_item_ids: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Signature `recommend_unseen`: as `recommend`, but nothing of the history or of a list comes back.

        Args:
            history_item_ids: string [batch, time], oldest first, padded with "" on either side.
            history_scene_ids: string [batch, time'], oldest first, padded with "" on either side.
            exclude_item_ids: string [batch, n], items to leave out, padded with "".
        """
        histories = fingerprint_strings(history_item_ids), fingerprint_strings(history_scene_ids)
        return self.recommend_unseen_fingerprints(*histories, fingerprint_strings(exclude_item_ids))

    def _embed_users(self, history_item_ids: tf.Tensor, history_scene_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `embed_users`: what the network knows of users, for retrieval elsewhere; inputs as `recommend`.

        Returns:
            ``z_item``, ``z_scene``, the enhanced representations (Eq. 3), and ``o_item``, ``o_scene``, whose inner
            products with the candidates' vectors are scores (Eq. 5 and 6); each float32 [batch, width]. Without
            ``o_item`` where items are scored otherwise.
        """
        known, outputs = self._ask(fingerprint_strings(history_item_ids), fingerprint_strings(history_scene_ids))
        vectors = {"z_item": known.z_item, "z_scene": known.z_scene, "o_scene": outputs.o_scene}
        return vectors if self.item_vectors is None else {**vectors, "o_item": outputs.o_item}

    def queries(self, items: tf.Tensor, scenes: tf.Tensor) -> tf.Tensor:
        """Returns what items are compared with, o_V; arguments as in `score`."""
        return self._ask(items, scenes)[1].o_item

    def _ask(self, items: tf.Tensor, scenes: tf.Tensor) -> tuple[Any, Outputs]:
        items, scenes = _same_rows(items, scenes)
        items, scenes = (
            right_align(table(fingerprints), self._max_history)
            for table, fingerprints in ((self._item_table, items), (self._scene_table, scenes))
        )
        known = self._untracked.network.represent(items, scenes, training=False)
        return known, self._untracked.network.outputs(known, items)

    def _answer(self, items: TopK, outputs: Outputs) -> dict[str, tf.Tensor]:
        top = tf.math.top_k(self._untracked.network.score_scenes(outputs), min(TOP_K, self._scene_table.size))
        answer = {}
        for kind, ids, ranked in (
            ("item", self.item_ids, items),
            ("scene", self.scene_ids, TopK(top.values, top.indices)),
        ):
            filled = tf.math.is_finite(ranked.scores)
            columns = tf.where(filled, ranked.columns, 0)
            answer[f"{kind}_ids"] = tf.where(filled, tf.gather(ids, columns), "")
            answer[f"{kind}_scores"] = tf.where(filled, ranked.scores, tf.float32.min)
        return answer


def _same_rows(*inputs: tf.Tensor) -> list[tf.Tensor]:
    rows = [tf.shape(x)[0] for x in inputs]
    message = "All inputs must have the same number of rows, one a user."
    checks = [tf.debugging.assert_equal(rows[0], other, message) for other in rows[1:]]
    with tf.control_dependencies(checks):  # else the first operation that fails speaks, in words of its own
        return [tf.identity(x) for x in inputs]


def _id_variable(ids: npt.NDArray[np.object_], name: str) -> tf.Variable:
    encoded = np.array([raw_id.encode("utf-8") for raw_id in ids], object)
    return tf.Variable(encoded, dtype=tf.string, trainable=False, name=name)
