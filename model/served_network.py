"""What the served model asks of anything that scores, whether it was trained or has counted."""

from typing import Any, Protocol

import tensorflow as tf

from model.item_scorer import ItemScorer
from model.network import Outputs


class ServedNetwork(Protocol):
    """Reads histories and scores both catalogues.

    Histories are int32 catalogue indices, oldest first, 0 where padded, N + 1 where unknown.

    Attributes:
        query_spec: of what `item_scorer` reads, the batch first.
        item_scorer: scores items for `Outputs.o_item`.
        variables: all that a SavedModel must hold.
    """

    query_spec: tf.TensorSpec

    @property
    def item_scorer(self) -> ItemScorer:
        """Scores items for `Outputs.o_item`."""
        ...

    @property
    def variables(self) -> Any:
        """All `tf.Variable`s that a SavedModel must hold."""
        ...

    def represent(self, items: tf.Tensor, scenes: tf.Tensor, training: bool | None = None) -> Any:
        """Returns what is known of users, given their histories, int [batch, time] and [batch, time']."""
        ...

    def outputs(self, known: Any, items: tf.Tensor) -> Outputs:
        """Returns what candidates are compared with, given what is known and the item histories."""
        ...

    def score_items(self, outputs: Outputs) -> tf.Tensor:
        """Returns the scores of all items, float [batch, N_v]."""
        ...

    def score_scenes(self, outputs: Outputs) -> tf.Tensor:
        """Returns the scores of all scenes, float [batch, N_s]."""
        ...
