"""Targets as places in the score matrix: what is padding or not in the catalogue has none."""

from typing import NamedTuple

import tensorflow as tf

from schemas.catalogue import PAD_INDEX


class KnownTargets(NamedTuple):
    """The targets that are in the catalogue, row by row.

    Attributes:
        places: int64 [P, 2], where each stands in the [batch, targets] tensor.
        columns: int64 [P], the 0-based candidate.
    """

    places: tf.Tensor
    columns: tf.Tensor

    @property
    def rows(self) -> tf.Tensor:
        """int64 [P], the row of each."""
        return self.places[:, 0]


def known_targets(targets: tf.Tensor, catalogue_size: tf.Tensor | int) -> KnownTargets:
    """Finds the targets that are candidates.

    Args:
        targets: int [batch, targets], indices 1..N; 0 is padding, indices above N are not in the catalogue.
        catalogue_size: N.
    """
    targets = tf.cast(targets, tf.int64)
    known = tf.logical_and(tf.not_equal(targets, PAD_INDEX), targets <= tf.cast(catalogue_size, tf.int64))
    places = tf.where(known)
    return KnownTargets(places, tf.gather_nd(targets, places) - 1)
