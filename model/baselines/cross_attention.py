"""CARCA's scores: each candidate looks at the user's history by itself."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from model.chunked_scores import for_chunks

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
    """A `model.item_scorer.ItemScorer` whose queries are profiles, float [batch, time, 2 d + 1].

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
        """See `model.item_scorer.ItemScorer.chunk`; no more than `BLOCK_CELLS` weights are alive at a time."""
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
        """See `model.item_scorer.ItemScorer.scores_at`."""
        return self._pairs(queries, rows, columns)[0]

    def rounding_at(self, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """See `model.item_scorer.ItemScorer.rounding_at`."""
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
