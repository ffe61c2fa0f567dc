"""Writes what a model server loads: the SavedModel, requests to warm it up with, and how it finds items."""

import json
import os
from typing import Any

import tensorflow as tf

from model import scann_top_k
from model.serving import ServingModule
from model.warmup import warmup_records
from schemas.served_model import (
    EMBED_USERS,
    RECOMMEND_UNSEEN,
    RETRIEVAL_FILE,
    SERVING_DEFAULT,
    SERVING_EXAMPLES,
    WARMUP_FILE,
)

EXACT = {"method": "exact"}


def export(module: ServingModule, folder: str, name: str, retrieval: dict[str, Any]) -> None:
    """Writes a model.

    Args:
        module: what to write.
        folder: where to.
        name: of the served model.
        retrieval: how it finds items, from `model.retrieval.describe`.
    """
    signatures = {
        SERVING_DEFAULT: module.recommend,
        SERVING_EXAMPLES: module.recommend_examples,
        RECOMMEND_UNSEEN: module.recommend_unseen,
    }
    if module.embed_users is not None:
        signatures[EMBED_USERS] = module.embed_users
    tf.saved_model.save(module, folder, signatures=signatures)
    tf.io.gfile.makedirs(os.path.join(folder, os.path.dirname(WARMUP_FILE)))
    with tf.io.TFRecordWriter(os.path.join(folder, WARMUP_FILE)) as writer:
        for record in warmup_records(name, signatures, module.item_ids, module.scene_ids):
            writer.write(record)
    with tf.io.gfile.GFile(os.path.join(folder, RETRIEVAL_FILE), "w") as file:
        file.write(json.dumps(retrieval, indent=2) + "\n")


def read_retrieval(folder: str) -> dict[str, Any]:
    """Returns how a model in a folder finds items; `EXACT` for a SavedModel that does not say."""
    path = os.path.join(folder, RETRIEVAL_FILE)
    if not tf.io.gfile.exists(path):
        return EXACT
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read())


def load(folder: str) -> Any:
    """Loads what `export` wrote, with the operations that it needs.

    Raises:
        ImportError: if it needs ScaNN, which is not installed.
    """
    if read_retrieval(folder) != EXACT:
        scann_top_k.load_operations()
    return tf.saved_model.load(folder)
