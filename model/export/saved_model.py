"""Writes what a model server loads: the SavedModel, requests to warm it up with, and how it finds items."""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from model.export.serving_module import ServingModule
from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS
from schemas.served_model import (
    EMBED_USERS,
    EXAMPLES,
    EXCLUDE_ITEM_IDS,
    RECOMMEND_UNSEEN,
    RETRIEVAL_FILE,
    SERVING_DEFAULT,
    SERVING_EXAMPLES,
    WARMUP_FILE,
)

EVENTS = 8
"""Length of the history that is asked about."""


def warmup_records(
    name: str, signatures: Collection[str], item_ids: tf.Tensor, scene_ids: tf.Tensor
) -> Iterator[bytes]:
    """Yields requests to signatures, for a history and for a user without one, as serialized PredictionLogs.

    Args:
        name: of the served model.
        signatures: those that it has; a request to another one would keep a server from serving it.
        item_ids: string [N_v], the catalogue; the history is of its first items, no person's.
        scene_ids: string [N_s], likewise.
    """
    items = item_ids[:EVENTS].numpy().tolist()
    scenes = scene_ids[:EVENTS].numpy().tolist()
    scenes = [scenes[place % len(scenes)] for place in range(len(items))]
    nobody: list[bytes] = []
    for history in ((items, scenes), (nobody, nobody)):
        for request in _requests(name, *history):
            if request.model_spec.signature_name not in signatures:
                continue
            log = prediction_log_pb2.PredictLog(request=request)
            yield prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString()


def _requests(name: str, items: Sequence[bytes], scenes: Sequence[bytes]) -> Iterator[predict_pb2.PredictRequest]:
    history: dict[str, list[Sequence[bytes]]] = {HISTORY_ITEM_IDS: [items], HISTORY_SCENE_IDS: [scenes]}
    example = tf.train.Example()
    for feature, (ids,) in history.items():
        example.features.feature[feature].bytes_list.value.extend(ids)
    inputs: dict[str, Mapping[str, Sequence[Any]]] = {
        SERVING_DEFAULT: history,
        SERVING_EXAMPLES: {EXAMPLES: [example.SerializeToString()]},
        RECOMMEND_UNSEEN: {**history, EXCLUDE_ITEM_IDS: [items[:1]]},
        EMBED_USERS: history,
    }
    for signature, tensors in inputs.items():
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = name, signature
        for key, value in tensors.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value, tf.string))
        yield request


EXACT = {"method": "exact"}


def export(module: ServingModule, folder: str, name: str, retrieval: dict[str, Any]) -> None:
    """Writes a model.

    Args:
        module: what to write.
        folder: where to.
        name: of the served model.
        retrieval: how it finds items, from `model.export.retrieval.describe`.
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
