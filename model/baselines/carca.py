"""CARCA: candidates attend to the user's history by themselves (Rashed et al., RecSys 2022).

An event is item and scene, as in `model.baselines.contrarec`; self-attention encodes the history, and each candidate
then looks at all of it (`CrossAttention`), where other methods have one vector a user. So a score costs a pass over the
history, and a training step over a whole catalogue costs as many attention weights as it has users, candidates, events
and heads, with all that their gradients need: more than fits for large catalogues, as in the paper's tables. With
`training.candidates.sampling` a step has few candidates; recommending goes through the catalogue in blocks either way.

Choices: the self-attention is this project's encoder, with learned positions and residuals that add, where the authors'
has neither; the last event alone is trained on, where they train on all; nothing is dropped out of what candidates look
at. In the paper a candidate has the context of the event that it stands for; here that is the scene, which nobody knows
before, so candidates have the unknown one. Items have no other attributes. Candidates are layer-normalised, as events
are before they are encoded: a score is a product of two vectors that are learned, and would start next to 0. Scenes are
scored as by other methods, from the last event's state. The objective is the configured one; the paper's is `bce` with
one drawn negative.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from model.config import ModelConfig
from model.data.history import History
from model.data.target_counts import TargetCounts
from model.losses.full import LOSSES, known_targets
from model.losses.sampled import Negatives, loss_of_scores
from model.networks.base import Outputs
from model.networks.chunks import for_chunks
from model.networks.copy_head import add_copies
from model.networks.state_network import StateNetwork
from model.training.recommender import Recommender

BLOCK_CELLS = 1 << 22
"""Attention weights held at a time, 16 MiB."""
EPSILON = 2.0**-23


class CrossAttention(tf_keras.layers.Layer):
    """Scores candidates c_k by w . ( MultiHead(c_k, P, P) * c_k ) + b, P being an encoded history.

    As in CARCA, leaky ReLU follows the linear maps of queries, keys and values, and the residual path is a product.

    Args:
        dim: width d, a multiple of `heads`.
        heads: attention heads.
    """

    def __init__(self, dim: int, heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.dim, self.heads = dim, heads
        self.query, self.key, self.value = (
            tf_keras.layers.Dense(dim, tf.nn.leaky_relu, name=name) for name in ("query", "key", "value")
        )
        self.score_weights = self.add_weight(
            "score_weights", shape=[dim], initializer=tf_keras.initializers.Constant(dim**-0.5)
        )
        self.score_bias = self.add_weight("score_bias", shape=[], initializer="zeros")

    def profile(self, states: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        """Returns what candidates look at: keys, values and a mask side by side, float [batch, time, 2 d + 1].

        Args:
            states: the encoded history, float [batch, time, d].
            valid: bool [batch, time], False where padded.
        """
        mask = tf.cast(valid, states.dtype)[:, :, tf.newaxis]
        return tf.concat([self.key(states), self.value(states), mask], axis=2)

    def call(self, profiles: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Scores the same candidates for each user.

        Args:
            profiles: from `profile`.
            candidates: c_k, float [C, d].

        Returns:
            float [batch, C].
        """
        keys, values, mask = self._split(profiles)  # [batch, time, heads, d / heads]
        queries, weighted = self._heads(self.query(candidates)), self._heads(candidates * self.score_weights)
        logits = tf.einsum("bthi,chi->bhct", keys, queries)
        attention = self._attention(logits, mask[:, tf.newaxis, tf.newaxis])
        return tf.einsum("bhct,bhct->bc", attention, tf.einsum("bthi,chi->bhct", values, weighted)) + self.score_bias

    def pairs(self, profiles: tf.Tensor, candidates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores one candidate for each user.

        Args:
            profiles: from `profile`, float [P, time, 2 d + 1].
            candidates: c_k, float [P, d].

        Returns:
            the scores, and by how much those of `call` may differ by rounding; float [P] each.
        """
        keys, values, mask = self._split(profiles)
        queries, weighted = self._heads(self.query(candidates)), self._heads(candidates * self.score_weights)
        attention = self._attention(tf.einsum("pthi,phi->pht", keys, queries), mask[:, tf.newaxis])
        scores = tf.einsum("pht,pht->p", attention, tf.einsum("pthi,phi->pht", values, weighted)) + self.score_bias
        # A weight exp(x) is off, relatively, by as much as x; a sum of n terms by less than n eps times their sizes.
        absolute = tf.einsum("pht,pht->p", attention, tf.einsum("pthi,phi->pht", tf.abs(values), tf.abs(weighted)))
        logits = tf.reduce_max(tf.einsum("pthi,phi->pht", tf.abs(keys), tf.abs(queries)), axis=[1, 2])
        terms = tf.cast(self.dim * tf.shape(profiles)[1], scores.dtype)
        return scores, 4 * EPSILON * (absolute * terms * (1 + logits) + tf.abs(self.score_bias))

    def _split(self, profiles: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        keys, values, mask = tf.split(profiles, [self.dim, self.dim, 1], axis=2)
        return self._heads(keys), self._heads(values), mask[:, :, 0] > 0

    def _heads(self, vectors: tf.Tensor) -> tf.Tensor:
        shape = tf.concat([tf.shape(vectors)[:-1], [self.heads, self.dim // self.heads]], axis=0)
        return tf.reshape(vectors, shape)

    def _attention(self, logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Returns the weights of events, which are 0 where padded; all of them for a history without events."""
        logits = tf.where(mask, logits * (self.dim // self.heads) ** -0.5, logits.dtype.min / 2)
        return tf.where(mask, tf.nn.softmax(logits), 0.0)


class CrossAttentionScorer:
    """A `model.networks.item_scorer.ItemScorer` whose queries are profiles, float [batch, time, 2 d + 1].

    Args:
        attention: what scores.
        vectors: returns c_k, float [..., d], given 1-based items, int [...].
        bias: float [N], added to the scores, or None.
        size: number N of items.
    """

    def __init__(
        self,
        attention: CrossAttention,
        vectors: Callable[[tf.Tensor], tf.Tensor],
        bias: tf.Variable | None,
        size: int,
    ):
        self.size = size
        self._attention = attention
        self._vectors = vectors
        self._bias = bias

    def columns(self, queries: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Returns the scores of some 0-based items, int [C], for each user, float [batch, C]."""
        scores = self._attention(queries, self._vectors(columns + 1))
        return scores if self._bias is None else scores + tf.gather(self._bias, columns)

    def chunk(self, queries: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """See `model.networks.item_scorer.ItemScorer.chunk`; no more than `BLOCK_CELLS` weights are alive at a time."""
        cells = tf.reduce_prod(tf.shape(queries)[:2]) * self._attention.heads
        size = tf.maximum(BLOCK_CELLS // tf.maximum(cells, 1), 1)

        def add(scores: tf.TensorArray, first: tf.Tensor, last: tf.Tensor) -> tf.TensorArray:
            return scores.write(
                first // size, tf.transpose(self.columns(queries, tf.range(start + first, start + last)))
            )

        length = stop - start
        blocks = tf.TensorArray(tf.float32, (length + size - 1) // size, infer_shape=False)
        scores = for_chunks(add, blocks, tf.convert_to_tensor(length), size).concat()
        return tf.transpose(tf.ensure_shape(scores, [None, None]))

    def scores_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `model.networks.item_scorer.ItemScorer.scores_at`."""
        return self._pairs(queries, rows, columns)[0]

    def rounding_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `model.networks.item_scorer.ItemScorer.rounding_at`."""
        return self._pairs(queries, rows, columns)[1]

    def _pairs(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        number = tf.size(rows)
        width = tf.shape(queries)[1] * tf.shape(queries)[2]
        size = tf.maximum(BLOCK_CELLS // tf.maximum(width, 1), 1)
        # Its shape is told, because there may be no cell at all.
        blocks = tf.TensorArray(tf.float32, (number + size - 1) // size, infer_shape=False, element_shape=[None, 2])

        def add(found: tf.TensorArray, first: tf.Tensor, last: tf.Tensor) -> tf.TensorArray:
            profiles, vectors = tf.gather(queries, rows[first:last]), self._vectors(columns[first:last] + 1)
            return found.write(first // size, tf.stack(self._attention.pairs(profiles, vectors), axis=1))

        found = for_chunks(add, blocks, number, size).concat()
        found = tf.reshape(found, [number, 2])
        scores, rounding = found[:, 0], found[:, 1]
        if self._bias is not None:
            bias = tf.gather(self._bias, columns)
            scores, rounding = scores + bias, rounding + 2 * EPSILON * tf.abs(bias)
        return scores, rounding


class Profile(NamedTuple):
    """What CARCA knows of users: `model.networks.base.Representations`, and the encoded history.

    Attributes:
        h_scene: state of the last event, float [batch, item_dim], like the next three.
        h_item: state of the last event.
        z_scene: state of the last event.
        z_item: state of the last event.
        events: what candidates look at, float [batch, time, 2 item_dim + 1].
    """

    h_scene: tf.Tensor
    h_item: tf.Tensor
    z_scene: tf.Tensor
    z_item: tf.Tensor
    events: tf.Tensor


class CARCANetwork(StateNetwork):
    """Encodes histories event by event; arguments as for `model.networks.base.Network`."""

    sees_scenes = True
    query_spec = tf.TensorSpec([None, None, None], tf.float32, "queries")

    def __init__(self, config: ModelConfig, counts: Mapping[str, TargetCounts], **kwargs: Any):
        super().__init__(config, counts, **kwargs)
        self.attention = CrossAttention(config.item_dim, config.heads, name="cross_attention")
        self.candidate_norm = tf_keras.layers.LayerNormalization(epsilon=1e-6, name="candidate_norm")

    def item_scorer(self, question: str) -> CrossAttentionScorer:
        """Scores items for profiles."""
        bias = self.heads[question].item_bias
        return CrossAttentionScorer(self.attention, self.candidates, bias, self.item_embedding.catalogue_size)

    def candidates(self, items: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of candidates, float [..., item_dim], given their indices, int [...]."""
        assert self.event is not None  # it sees scenes
        unknown = self.scene_embedding(tf.fill(tf.shape(items), self.scene_embedding.mask_index), training=True)
        event = self.event(tf.concat([self.item_embedding(items, training=True), unknown], axis=-1))
        return self.candidate_norm(event)

    def represent(self, history: History, training: bool | None = None) -> Profile:
        """See `model.networks.base.Network.represent`."""
        embedded, valid = self.events(history, training)
        states = self.encoder.states(embedded, valid, training=training)
        h = states[:, -1]
        return Profile(h, h, h, h, self.attention.profile(states, valid))

    def queries(self, known: Profile, question: str, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """See `model.networks.base.Network.queries`."""
        return self.scene_queries(self.head_dropout(known.h_item, training=training), question), known.events

    def outputs(self, known: Profile, history: History, question: str, training: bool | None = None) -> Outputs:
        """See `model.networks.base.Network.outputs`; its scorer has no scene head."""
        return super().outputs(known, history, question, training)._replace(last_scene=None)


class CARCA(Recommender):
    """Trains on the prediction of items and scenes; arguments as for `Recommender`."""

    network: CARCANetwork

    def _build(self) -> None:
        super()._build()
        self.network.attention(tf.zeros([1, 1, 2 * self.network.config.item_dim + 1]), self.network.candidates([1]))

    def item_loss(self, outputs: Outputs, question: str, targets: tf.Tensor, negatives: Negatives | None) -> tf.Tensor:
        """See `Recommender.item_loss`; over the whole catalogue it holds all scores and what leads to them."""
        queries, copies, scorer = outputs.o_item, outputs.copies, self.network.item_scorer(question)
        if negatives is None:
            scores = scorer.columns(queries, tf.range(scorer.size))
            return LOSSES[self.whole_objective](scores if copies is None else add_copies(scores, copies), targets)
        known = known_targets(targets, scorer.size)
        return loss_of_scores(
            self.config.objective,
            scorer.scores_at(queries, known.rows, known.columns),
            scorer.columns(queries, negatives.columns),
            targets,
            negatives,
            scorer.size,
            copies,
            self.config.gbce_calibration,
        )

    def validation_item_loss(self, outputs: Outputs, question: str, targets: tf.Tensor) -> tf.Tensor:
        """Returns the loss of items over what a training step compares, float [batch]."""
        return self.item_loss(outputs, question, targets, self.draw_negatives(targets, question, tf.constant([0, 0])))
