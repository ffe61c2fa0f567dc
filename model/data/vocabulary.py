"""Vocabularies: the catalogue indices of fingerprints, without a hash table.

A sorted array and a binary search need no table initialiser, so millions of ids live in a variable of the
checkpoint rather than in the graph.
"""

import os

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from schemas.catalogue import ITEMS_FILE, PAD_INDEX, SCENES_FILE, Catalogue, read_catalogue
from schemas.identity import FINGERPRINT_BUCKETS, PAD_FINGERPRINT


def find(ordered: tf.Tensor, wanted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which of some numbers are there, and where.

    Args:
        ordered: int64 [n], rising, below the largest int64.
        wanted: int64 [P].

    Returns:
        The places in `wanted` of those that are there, and their places in `ordered`; both int64 [found].
    """
    ends = tf.concat([ordered, [tf.int64.max]], axis=0)  # so that every search ends at a number
    place = tf.searchsorted(ends, wanted, out_type=tf.int64)
    found = tf.where(tf.equal(tf.gather(ends, place), wanted))[:, 0]
    return found, tf.gather(place, found)


class FingerprintTable(tf.Module):
    """Looks up catalogue indices.

    Args:
        fingerprints: int64 [N], distinct, in the order of the catalogue (index 1 first).
        name: name of the module.

    Raises:
        ValueError: if a fingerprint is negative or stands twice, or there is none.
    """

    def __init__(self, fingerprints: npt.NDArray[np.int64], name: str = "fingerprint_table"):
        super().__init__(name=name)
        if len(fingerprints) == 0:
            raise ValueError(
                "A fingerprint table needs at least one fingerprint. Received none: is the catalogue empty?"
            )
        order = np.argsort(fingerprints, kind="stable")
        ordered = np.asarray(fingerprints, np.int64)[order]
        if ordered[0] < 0 or np.any(ordered[1:] == ordered[:-1]):
            raise ValueError("Fingerprints must be distinct and not negative.")
        self.size = len(order)
        self.fingerprints = tf.Variable(ordered, trainable=False, name="fingerprints")
        self.indices = tf.Variable(order.astype(np.int32) + 1, trainable=False, name="indices")

    @property
    def unknown_index(self) -> int:
        """Index of fingerprints that are not in the table: N + 1."""
        return self.size + 1

    def __call__(self, fingerprints: tf.Tensor) -> tf.Tensor:
        """Returns int32 indices of the shape of `fingerprints`: 0 where padded, N + 1 where unknown."""
        flat = tf.reshape(fingerprints, [-1])
        known = tf.convert_to_tensor(self.fingerprints)  # a sparse read would make every dense one copy the variable
        place = tf.minimum(tf.searchsorted(known, flat), self.size - 1)
        found = tf.equal(tf.gather(known, place), flat)
        index = tf.where(found, tf.gather(self.indices, place), self.unknown_index)
        index = tf.where(tf.equal(flat, PAD_FINGERPRINT), PAD_INDEX, index)
        return tf.reshape(index, tf.shape(fingerprints))


def fingerprint_strings(raw_ids: tf.Tensor) -> tf.Tensor:
    """Returns the int64 fingerprints of raw ids (string, any shape); the empty string is padding."""
    hashed = tf.strings.to_hash_bucket_fast(raw_ids, FINGERPRINT_BUCKETS)
    return tf.where(tf.equal(raw_ids, ""), tf.constant(PAD_FINGERPRINT, tf.int64), hashed)


def load_catalogues(folder: str) -> tuple[Catalogue, Catalogue]:
    """Returns the item and the scene catalogue that the Catalogue component wrote into a folder."""
    items, scenes = (_load(os.path.join(folder, name)) for name in (ITEMS_FILE, SCENES_FILE))
    return items, scenes


def _load(path: str) -> Catalogue:
    with tf.io.gfile.GFile(path, "rb") as file:
        return read_catalogue(pa.BufferReader(file.read()))
