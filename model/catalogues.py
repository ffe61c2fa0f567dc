"""Reads both catalogues of a run from any filesystem that TensorFlow knows."""

import os

import pyarrow as pa
import tensorflow as tf

from schemas.catalogue import ITEMS_FILE, SCENES_FILE, Catalogue, read_catalogue


def load_catalogues(folder: str) -> tuple[Catalogue, Catalogue]:
    """Returns the item and the scene catalogue that the Catalogue component wrote into a folder."""
    items, scenes = (_load(os.path.join(folder, name)) for name in (ITEMS_FILE, SCENES_FILE))
    return items, scenes


def _load(path: str) -> Catalogue:
    with tf.io.gfile.GFile(path, "rb") as file:
        return read_catalogue(pa.BufferReader(file.read()))
