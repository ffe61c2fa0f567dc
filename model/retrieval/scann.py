"""An approximate index over the items: ScaNN, for catalogues too large to compare one by one."""

import math

import tensorflow as tf

from model.config import ServingConfig
from model.networks.item_scorer import InnerProducts
from model.retrieval.top_k import ExactTopK, TopK

MISSING_PACKAGE = (
    "This model finds items with ScaNN, which cannot be imported. Where TensorFlow is 2.16 (line `older` of "
    'requirements/): pip install "dspnet[scann]". There is no ScaNN for TensorFlow 2.21: train with '
    "serving.retrieval=exact there."
)

REORDERED = 4
"""How many times k candidates have their scores computed exactly, once the compressed ones have picked them."""


class ScannTopK:
    """Asks TensorFlow Recommenders' ScaNN layer, in the form of `model.retrieval.top_k.ExactTopK`.

    The index holds a copy of the candidates as they are now, with the bias as one more dimension. When it cannot fill
    all places, because few candidates lie in the part that is searched or more are asked for than it ranks anew, the
    exact search answers: whoever leaves out what was seen already must not run out of items.

    Args:
        table: float [N + 2, d]; row k is candidate k, rows 0 and N + 1 are no candidates.
        bias: float [N], added to the scores, or None.
        k: how many candidates are asked for, as a rule.
        config: how much of the index a query searches.

    Attributes:
        state: the index, which a SavedModel must track.

    Raises:
        ImportError: if ScaNN is not installed.
    """

    def __init__(self, table: tf.Variable, bias: tf.Variable | None, k: int, config: ServingConfig):
        load_operations()
        from tensorflow_recommenders.layers import factorized_top_k

        self._exact = ExactTopK(InnerProducts(table, bias))
        candidates = table[1:-1]
        self._has_bias = bias is not None
        if self._has_bias:
            candidates = tf.concat([candidates, tf.convert_to_tensor(bias)[:, tf.newaxis]], axis=1)
        # The square root of the catalogue is what ScaNN's authors advise for the number of leaves.
        leaves = max(1, math.isqrt(len(candidates)))
        self._layer = factorized_top_k.ScaNN(
            k=k,
            num_leaves=leaves,
            num_leaves_to_search=max(1, math.ceil(leaves * config.scann_search_share)),
            num_reordering_candidates=REORDERED * k,
            name="scann",
        ).index(candidates)
        self.state = self._layer._serialized_searcher

    def __call__(self, queries: tf.Tensor, k: tf.Tensor | int) -> TopK:
        """Returns candidates that are likely the best, best first.

        Args:
            queries: float [batch, d].
            k: how many, at most N.
        """
        scores, columns = self._layer(self._with_bias(queries), k=k)
        # Where the searched leaves hold too few candidates, ScaNN answers with NaN; beyond `REORDERED` with nothing.
        is_full = tf.logical_and(tf.equal(tf.shape(scores)[1], k), tf.reduce_all(tf.math.is_finite(scores)))
        found = TopK(scores, tf.cast(columns, tf.int64))
        return tf.cond(is_full, lambda: found, lambda: self._exact(queries, k))

    def _with_bias(self, queries: tf.Tensor) -> tf.Tensor:
        return tf.pad(queries, [[0, 0], [0, 1]], constant_values=1.0) if self._has_bias else queries


def load_operations() -> None:
    """Registers the operations of ScaNN in TensorFlow.

    Raises:
        ImportError: if ScaNN is not installed, or was built for another TensorFlow.
    """
    try:
        import scann  # noqa: F401
    except (ImportError, tf.errors.OpError) as error:
        raise ImportError(MISSING_PACKAGE) from error
