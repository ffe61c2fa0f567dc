"""An approximate index over the items: ScaNN, for catalogues too large to compare one by one."""

import math
from collections.abc import Sequence

import tensorflow as tf

from model.config import ServingConfig
from model.networks.item_scorer import InnerProducts
from model.retrieval.top_k import NO_SCORE, ExactTopK, TopK, remove_columns, select_best

MISSING_PACKAGE = (
    "This model finds items with ScaNN, which cannot be imported. Where TensorFlow is 2.16 (line `older` of "
    'requirements/): pip install "dspnet[scann]". There is no ScaNN for TensorFlow 2.21: train with '
    "serving.retrieval=exact there."
)

REORDERED = 4
"""How many times k candidates have their scores computed exactly, once the compressed ones have picked them."""


class ScannIndex:
    """The index over the items, TensorFlow Recommenders' ScaNN layer: one for all questions.

    A graph can hold but one: ScaNN keeps what it searches under the name of a node, and those of two would be the same.
    So it holds the candidates as they are now, and the bias of each question as one more dimension.

    Args:
        scorers: score candidates, one a question; all have one table.
        k: how many candidates are asked for, as a rule.
        config: how much of the index a query searches.

    Attributes:
        layer: finds candidates.
        biases: number of dimensions that hold biases.

    Raises:
        ImportError: if ScaNN is not installed.
    """

    def __init__(self, scorers: Sequence[InnerProducts], k: int, config: ServingConfig):
        load_operations()
        from tensorflow_recommenders.layers import factorized_top_k

        biases = [tf.convert_to_tensor(scorer.bias)[:, tf.newaxis] for scorer in scorers if scorer.bias is not None]
        candidates = tf.concat([scorers[0].table[1:-1], *biases], axis=1)
        self.biases = len(biases)
        # The square root of the catalogue is what ScaNN's authors advise for the number of leaves.
        leaves = max(1, math.isqrt(len(candidates)))
        self.layer = factorized_top_k.ScaNN(
            k=k,
            num_leaves=leaves,
            num_leaves_to_search=max(1, math.ceil(leaves * config.scann_search_share)),
            num_reordering_candidates=REORDERED * k,
            name="scann",
        ).index(candidates)

    @property
    def state(self) -> tf.Module:
        """What a SavedModel must track."""
        return self.layer._serialized_searcher


class ScannTopK:
    """Asks an index about one question, in the form of `model.retrieval.top_k.ExactTopK`.

    What the scene head adds is in no index: the items that rise most in each scene are held beside it, and compared
    with what it finds. When the index cannot fill all places, because few candidates lie in the part that is searched
    or more are asked for than it ranks anew, the exact search answers: whoever leaves out what was seen already must
    not run out of items.

    Args:
        index: the index.
        scorer: scores candidates.
        place: which of the index's scorers that is.
        k: how many candidates are asked for, as a rule.

    Attributes:
        of_scenes: the items that rise in each scene, which a SavedModel must track, or None.
    """

    def __init__(self, index: ScannIndex, scorer: InnerProducts, place: int, k: int):
        self._exact = ExactTopK(scorer)
        self._index = index
        self._scorer = scorer
        self._place = place
        self.of_scenes = None
        if scorer.scene_head is not None and scorer.bias is not None:
            self.of_scenes = tf.Variable(scorer.scene_head.best_items(scorer.bias, k), trainable=False)

    def __call__(self, queries: tf.Tensor, k: tf.Tensor | int) -> TopK:
        """Returns candidates that are likely the best, best first.

        Args:
            queries: float [batch, d].
            k: how many, at most N.
        """
        scores, columns = self._index.layer(self._with_biases(self._scorer.vectors(queries)), k=k)
        # Where the searched leaves hold too few candidates, ScaNN answers with NaN; beyond `REORDERED` with nothing.
        is_full = tf.logical_and(tf.equal(tf.shape(scores)[1], k), tf.reduce_all(tf.math.is_finite(scores)))
        found = TopK(scores, tf.cast(columns, tf.int64))
        return tf.cond(is_full, lambda: self._add_scenes(found, queries, k), lambda: self._exact(queries, k))

    def _add_scenes(self, found: TopK, queries: tf.Tensor, k: tf.Tensor | int) -> TopK:
        """Returns the best of what the index has found and of the items that rise in each user's scene."""
        if self.of_scenes is None:
            return found
        columns = tf.gather(tf.convert_to_tensor(self.of_scenes), self._scorer.last_scenes(queries))
        others = remove_columns(found, columns)
        candidates = tf.concat([others.columns, columns], axis=1)
        there = tf.concat([tf.math.is_finite(others.scores), columns >= 0], axis=1)
        places = tf.where(there)
        scores = self._scorer.scores_at(queries, places[:, 0], tf.gather_nd(candidates, places))
        lowest = tf.fill(tf.shape(candidates, tf.int64), NO_SCORE)
        return select_best(TopK(tf.tensor_scatter_nd_update(lowest, places, scores), candidates), k)

    def _with_biases(self, queries: tf.Tensor) -> tf.Tensor:
        """Returns queries of the index: 1 for the bias of the question, 0 for those of others."""
        if not self._index.biases:
            return queries
        chosen = tf.one_hot(tf.fill(tf.shape(queries)[:1], self._place), self._index.biases)
        return tf.concat([queries, chosen], axis=1)


def load_operations() -> None:
    """Registers the operations of ScaNN in TensorFlow.

    Raises:
        ImportError: if ScaNN is not installed, or was built for another TensorFlow.
    """
    try:
        import scann  # noqa: F401
    except (ImportError, tf.errors.OpError) as error:
        raise ImportError(MISSING_PACKAGE) from error
