"""Windows of the future, for multi-scale stochastic distribution prediction (MSDP, Fu et al. 2023).

MSDP predicts how a user's behaviour is distributed over a future window whose size is drawn anew for each sequence.
The paper's windows are spans of time; a model here reads the order of a future but not its times, so the size of a
window is its number of events.
"""

from collections.abc import Sequence

import tensorflow as tf

from model import replicas
from schemas.catalogue import PAD_INDEX


def draw_scales(scales: Sequence[int], batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws one of the scales for each sequence, all alike.

    Args:
        scales: the sizes of windows to choose from.
        batch: sequences of this replica; all must have as many.
        seed: int [2]; the same seed draws the same for a sequence, whatever the replicas.

    Returns:
        int32 [batch], the index in `scales` of each.
    """
    return tf.cast(replicas.uniform([batch], seed) * len(scales), tf.int32)


def window(sequence: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    """Keeps the first events of each future.

    Args:
        sequence: int [batch, f], left-aligned, 0 where padded.
        sizes: int [batch], how many events each row keeps; a shorter one keeps all it has.

    Returns:
        int [batch, f], 0 beyond the window.
    """
    inside = tf.range(tf.shape(sequence)[1]) < tf.cast(sizes, tf.int32)[:, tf.newaxis]
    return tf.where(inside, sequence, tf.cast(PAD_INDEX, sequence.dtype))
