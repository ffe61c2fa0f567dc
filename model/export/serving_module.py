"""The SavedModel: raw ids in, raw ids out, nothing of this project needed to load it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.config import ServingConfig
from model.data.history import History
from model.data.padding import distinct, right_align
from model.data.vocabulary import FingerprintTable, fingerprint_strings
from model.export.question_answer import HISTORY_FINGERPRINTS, TIMES, Ask, QuestionAnswer
from model.networks.base import Outputs, ServedNetwork
from model.networks.item_scorer import InnerProducts
from model.questions import ASKED, NEXT, PERIOD, choose_question
from model.retrieval.scann import ScannIndex, ScannTopK
from model.retrieval.top_k import TopK
from model.tracing import graph_function, traced_once
from schemas import sequences
from schemas.catalogue import PAD_INDEX, Catalogue
from schemas.served_model import ALLOW_ITEM_IDS, EXAMPLES, EXCLUDE_ITEM_IDS, ITEM, PERIOD_ITEM, REQUEST_TIME, SCENE

TOP_K = 100
"""How many items (scenes) a request is answered with, or the whole catalogue when it is smaller."""

QUESTION_OF = {ITEM: NEXT, PERIOD_ITEM: PERIOD, SCENE: NEXT}
"""The question that each ranking answers."""


def _ids(name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None, None], tf.string, name)


_HISTORY_IDS = [_ids(sequences.HISTORY_ITEM_IDS), _ids(sequences.HISTORY_SCENE_IDS)]
_EXCLUDE_FINGERPRINTS = tf.TensorSpec([None, None], tf.int64, "exclude_item_fingerprints")
_ALLOW_FINGERPRINTS = tf.TensorSpec([None, None], tf.int64, "allow_item_fingerprints")


@dataclasses.dataclass(frozen=True)
class _Untracked:
    """What is itself no part of the SavedModel; of its functions the traces are, and many functions call each."""

    network: ServedNetwork
    ask: Ask


class ServingModule(tf.Module):
    """A network with its catalogues, trained or statistical.

    Beside the signatures the module has what an evaluator and a batch job need, which know fingerprints, not raw ids:
    `recommend_fingerprints`, `recommend_unseen_fingerprints`, `rank_allowed_fingerprints`, an answer to each question,
    and the fingerprints of both catalogues; it is a `model.ranker.Ranker`. For retrieval elsewhere it has the items'
    vectors, if scores are inner products.

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
        answers: by question, the first answers all that none of them is.
        embed_users: signature `embed_users`, see `_embed_users`; None for a statistical network.

    Raises:
        ValueError: if an approximate index is asked for, and scores are no inner products.
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
        self._untracked = _Untracked(network, traced_once(self._ask))
        self._max_history = max_history
        self._item_table = FingerprintTable(items.fingerprints, name="items")
        self._scene_table = FingerprintTable(scenes.fingerprints, name="scenes")
        self.item_fingerprints = tf.Variable(items.fingerprints, trainable=False, name="item_fingerprints")
        self.scene_fingerprints = tf.Variable(scenes.fingerprints, trainable=False, name="scene_fingerprints")
        self.item_ids = _id_variable(items.ids, "item_ids")
        self.scene_ids = _id_variable(scenes.ids, "scene_ids")
        # Windows are asked about in training alone, unless they stand in for what is asked here.
        questions = dict.fromkeys(choose_question(wanted, network.questions) for wanted in ASKED)
        scorers = {question: network.item_scorer(question) for question in questions}
        finders: dict[str, ScannTopK] = {}
        if config.retrieval == "scann":
            products = [scorer for scorer in scorers.values() if isinstance(scorer, InnerProducts)]
            if len(products) < len(scorers):
                raise ValueError("serving.retrieval=scann needs scores that are inner products of users and items.")
            k = min(TOP_K, len(items))
            index = ScannIndex(products, k, config)
            self._scann_state = index.state
            for place, (question, scorer) in enumerate(zip(scorers, products, strict=True)):
                finders[question] = ScannTopK(index, scorer, place, k)
        self.answers = {
            question: QuestionAnswer(network, question, self._untracked.ask, finders.get(question))
            for question in questions
        }
        first = next(iter(scorers.values()))
        self.item_vectors = first.table if isinstance(first, InnerProducts) else None
        # Only here is it known whether there is something to embed.
        self.embed_users = None
        self._make_signatures(network.embeds_users)

    def _make_signatures(self, embeds_users: bool) -> None:
        """Makes the signatures, in which the times are optional: a server fills in that there are none."""
        no_times, no_now = tf.zeros([0, 0], tf.int64), tf.zeros([0], tf.int64)

        def recommend(
            history_item_ids: tf.Tensor,
            history_scene_ids: tf.Tensor,
            history_timestamps: tf.Tensor = no_times,
            request_time: tf.Tensor = no_now,
        ) -> dict[str, tf.Tensor]:
            return self._recommend(history_item_ids, history_scene_ids, history_timestamps, request_time)

        def recommend_unseen(
            history_item_ids: tf.Tensor,
            history_scene_ids: tf.Tensor,
            exclude_item_ids: tf.Tensor,
            history_timestamps: tf.Tensor = no_times,
            request_time: tf.Tensor = no_now,
        ) -> dict[str, tf.Tensor]:
            return self._recommend_unseen(
                history_item_ids, history_scene_ids, exclude_item_ids, history_timestamps, request_time
            )

        def rank_allowed(
            history_item_ids: tf.Tensor,
            history_scene_ids: tf.Tensor,
            allow_item_ids: tf.Tensor,
            history_timestamps: tf.Tensor = no_times,
            request_time: tf.Tensor = no_now,
        ) -> dict[str, tf.Tensor]:
            return self._rank_allowed(
                history_item_ids, history_scene_ids, allow_item_ids, history_timestamps, request_time
            )

        def embed_users(
            history_item_ids: tf.Tensor,
            history_scene_ids: tf.Tensor,
            history_timestamps: tf.Tensor = no_times,
            request_time: tf.Tensor = no_now,
        ) -> dict[str, tf.Tensor]:
            return self._embed_users(history_item_ids, history_scene_ids, history_timestamps, request_time)

        timed = [*_HISTORY_IDS, *TIMES]
        self.recommend = graph_function(recommend, input_signature=timed)
        self.recommend_unseen = graph_function(
            recommend_unseen, input_signature=[*_HISTORY_IDS, _ids(EXCLUDE_ITEM_IDS), *TIMES]
        )
        self.rank_allowed = graph_function(rank_allowed, input_signature=[*_HISTORY_IDS, _ids(ALLOW_ITEM_IDS), *TIMES])
        if embeds_users:
            self.embed_users = graph_function(embed_users, input_signature=timed)

    @graph_function(input_signature=HISTORY_FINGERPRINTS)
    def recommend_fingerprints(
        self, items: tf.Tensor, scenes: tf.Tensor, times: tf.Tensor, now: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Answers as `recommend` does; arguments as in `model.ranker.Answer.encode`."""
        k = min(TOP_K, self._item_table.size)
        return self._answer((items, scenes, times, now), lambda answer, outputs: answer.best_items(outputs, k))

    @graph_function(input_signature=[*HISTORY_FINGERPRINTS, _EXCLUDE_FINGERPRINTS])
    def recommend_unseen_fingerprints(
        self, items: tf.Tensor, scenes: tf.Tensor, times: tf.Tensor, now: tf.Tensor, exclude: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Answers as `recommend_unseen` does; arguments as in `model.ranker.Answer.encode`, and those to leave out."""
        items, exclude = _same_rows(items, exclude)
        # The whole history is left out, the part before `max_history` too; what is left out cannot be copied.
        gone, k = self._columns(tf.concat([items, exclude], axis=1)), min(TOP_K, self._item_table.size)
        return self._answer(
            (items, scenes, times, now), lambda answer, outputs: answer.best_without(outputs.item_queries, gone, k)
        )

    @graph_function(input_signature=[*HISTORY_FINGERPRINTS, _ALLOW_FINGERPRINTS])
    def rank_allowed_fingerprints(
        self, items: tf.Tensor, scenes: tf.Tensor, times: tf.Tensor, now: tf.Tensor, allow: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Answers as `rank_allowed` does; arguments as in `model.ranker.Answer.encode`, and those to rank."""
        items, allow = _same_rows(items, allow)
        columns = self._columns(allow)
        return self._answer((items, scenes, times, now), lambda answer, outputs: answer.rank(outputs, columns))

    def _columns(self, items: tf.Tensor) -> tf.Tensor:
        """Returns the places of items in the catalogue, int64 [batch, n], each once a row; -1 for all else."""
        found = self._item_table(items)
        return tf.cast(distinct(tf.where(found <= self._item_table.size, found, PAD_INDEX)), tf.int64) - 1

    def _recommend(
        self, item_ids: tf.Tensor, scene_ids: tf.Tensor, times: tf.Tensor, now: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Signature `serving_default`: the best items and scenes for raw histories.

        Args:
            item_ids: ``history_item_ids``, string [batch, time], oldest first, padded with "" on either side.
            scene_ids: ``history_scene_ids``, string [batch, time'], oldest first, padded with "" on either side.
            times: ``history_timestamps``, int64 [batch, time''], unix seconds of the events, padded with 0; optional.
            now: ``request_time``, int64 [batch], unix seconds; optional. Where it is 0 or absent, it is the time of the
                last event.

        Returns:
            ``item_ids`` string [batch, k], ``item_scores`` float32 [batch, k], what comes next; ``period_item_ids``
            and ``period_item_scores``, what comes in the period; ``scene_ids`` and ``scene_scores``, where the user
            goes next; best first. A place that nothing fills has the id "" and the lowest float32. Both lists of items
            are the same where the network answers both with one.
        """
        return self.recommend_fingerprints(fingerprint_strings(item_ids), fingerprint_strings(scene_ids), times, now)

    @graph_function(input_signature=[tf.TensorSpec([None], tf.string, EXAMPLES)])
    def recommend_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `serving_examples`: as `recommend`, for serialized ``tf.Example`` of raw ids, [batch]."""
        features: dict[str, Any] = {spec.name: tf.io.RaggedFeature(tf.string) for spec in _HISTORY_IDS}
        features[sequences.HISTORY_TIMESTAMPS] = tf.io.RaggedFeature(tf.int64)
        features[REQUEST_TIME] = tf.io.FixedLenFeature([], tf.int64, 0)
        parsed = tf.io.parse_example(examples, features)
        items, scenes = (parsed[spec.name].to_tensor("") for spec in _HISTORY_IDS)
        return self._recommend(items, scenes, parsed[sequences.HISTORY_TIMESTAMPS].to_tensor(0), parsed[REQUEST_TIME])

    def _recommend_unseen(
        self, item_ids: tf.Tensor, scene_ids: tf.Tensor, exclude_ids: tf.Tensor, times: tf.Tensor, now: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Signature `recommend_unseen`: as `recommend`, but nothing of the history or of a list comes back.

        Args:
            item_ids: as in `_recommend`, like `scene_ids`, `times` and `now`.
            scene_ids: string [batch, time'].
            exclude_ids: ``exclude_item_ids``, string [batch, n], items to leave out, padded with "".
            times: int64 [batch, time''].
            now: int64 [batch].
        """
        items, scenes, exclude = map(fingerprint_strings, (item_ids, scene_ids, exclude_ids))
        return self.recommend_unseen_fingerprints(items, scenes, times, now, exclude)

    def _rank_allowed(
        self, item_ids: tf.Tensor, scene_ids: tf.Tensor, allow_ids: tf.Tensor, times: tf.Tensor, now: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Signature `rank_allowed`: as `recommend`, but of items none but those of a list, and all of these.

        Exact, however the model finds items. An item that is not in the catalogue has no place in the answer, and
        neither has one that `recommend` never answers with: where nothing comes again, an item of the history.

        Args:
            item_ids: as in `_recommend`, like `scene_ids`, `times` and `now`.
            scene_ids: string [batch, time'].
            allow_ids: ``allow_item_ids``, string [batch, n], items to rank, padded with "".
            times: int64 [batch, time''].
            now: int64 [batch].

        Returns:
            What `_recommend` does; of items, k is n.
        """
        items, scenes, allow = map(fingerprint_strings, (item_ids, scene_ids, allow_ids))
        return self.rank_allowed_fingerprints(items, scenes, times, now, allow)

    def _embed_users(
        self, item_ids: tf.Tensor, scene_ids: tf.Tensor, times: tf.Tensor, now: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Signature `embed_users`: what the network knows of users, for retrieval elsewhere; inputs as `recommend`.

        Returns:
            ``z_item``, ``z_scene``, the enhanced representations (Eq. 3), and ``o_item``, ``o_scene``, whose inner
            products with the candidates' vectors are scores (Eq. 5 and 6), in answer to what comes next; each float32
            [batch, width]. Without ``o_item`` where items are scored otherwise.
        """
        history, known = self._untracked.ask(fingerprint_strings(item_ids), fingerprint_strings(scene_ids), times, now)
        question = choose_question(QUESTION_OF[ITEM], list(self.answers))
        outputs = self.answers[question].outputs(history, known)
        known = self._untracked.network.of_question(known, question)
        vectors = {"z_item": known.z_item, "z_scene": known.z_scene, "o_scene": outputs.o_scene}
        return vectors if self.item_vectors is None else {**vectors, "o_item": outputs.o_item}

    def _ask(self, items: tf.Tensor, scenes: tf.Tensor, times: tf.Tensor, now: tf.Tensor) -> tuple[History, Any]:
        """Returns histories as the network reads them, and what it knows of their users: an `Ask`."""
        rows = tf.shape(items)[:1]
        # A request without times has none of any user.
        times = tf.cond(
            tf.equal(tf.shape(times)[0], 0), lambda: tf.zeros(tf.concat([rows, [0]], 0), tf.int64), lambda: times
        )
        now = tf.cond(tf.equal(tf.shape(now)[0], 0), lambda: tf.zeros(rows, tf.int64), lambda: now)
        items, scenes, times, now = _same_rows(items, scenes, times, now)
        history = History(
            right_align(self._item_table(items), self._max_history),
            right_align(self._scene_table(scenes), self._max_history),
            right_align(tf.where(times > 0, times + 1, 0), self._max_history),
            tf.where(now > 0, now + 1, 0),
        )
        return history, self._untracked.network.represent(history, training=False)

    def _answer(
        self, request: tuple[tf.Tensor, ...], find: Callable[[QuestionAnswer, Outputs], TopK]
    ) -> dict[str, tf.Tensor]:
        """Asks for both lists of items and for scenes, and names what was found."""
        history, known = self._untracked.ask(*request)
        found: dict[str, tuple[TopK, Outputs]] = {}
        ranked = {}
        for ranking in (ITEM, PERIOD_ITEM):
            question = choose_question(QUESTION_OF[ranking], list(self.answers))
            if question not in found:
                answer = self.answers[question]
                outputs = answer.outputs(history, known)
                found[question] = find(answer, outputs), outputs
            ranked[ranking] = self.item_ids, found[question][0]
        question = choose_question(QUESTION_OF[SCENE], list(self.answers))
        scores = self.answers[question].score_scenes(found[question][1])
        top = tf.math.top_k(scores, min(TOP_K, self._scene_table.size))
        ranked[SCENE] = self.scene_ids, TopK(top.values, top.indices)
        named = {}
        for ranking, (ids, best) in ranked.items():
            filled = tf.math.is_finite(best.scores)
            columns = tf.where(filled, best.columns, 0)
            named[f"{ranking}_ids"] = tf.where(filled, tf.gather(ids, columns), "")
            named[f"{ranking}_scores"] = tf.where(filled, best.scores, tf.float32.min)
        return named


def _same_rows(*inputs: tf.Tensor) -> list[tf.Tensor]:
    rows = [tf.shape(x)[0] for x in inputs]
    message = "All inputs must have the same number of rows, one a user."
    checks = [tf.debugging.assert_equal(rows[0], other, message) for other in rows[1:]]
    with tf.control_dependencies(checks):  # else the first operation that fails speaks, in words of its own
        return [tf.identity(x) for x in inputs]


def _id_variable(ids: npt.NDArray[np.object_], name: str) -> tf.Variable:
    encoded = np.array([raw_id.encode("utf-8") for raw_id in ids], object)
    return tf.Variable(encoded, dtype=tf.string, trainable=False, name=name)
