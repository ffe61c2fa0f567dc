"""What a model server loads: the SavedModel, requests to warm it up with, and how it finds items.

A model server sends itself the warm-up requests before it serves a version, so that no user waits for a first call.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from model.config import ServingConfig
from model.data.batches import CUTOFF, HISTORY_ITEMS, HISTORY_SCENES, HISTORY_TIMES
from model.export.serving_module import TOP_K, ServingModule
from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS
from schemas.served_model import (
    ALLOW_ITEM_IDS,
    EMBED_USERS,
    EXACT,
    EXAMPLES,
    EXCLUDE_ITEM_IDS,
    RANK_ALLOWED,
    RECOMMEND_UNSEEN,
    RETRIEVAL_FILE,
    SERVING_DEFAULT,
    SERVING_EXAMPLES,
    WARMUP_FILE,
    RetrievalDescription,
)

MEASURED_QUERIES = 1000
"""Number of histories that a recall is measured on, enough to know it to a hundredth."""

_WARMUP_EVENTS = 8
"""Length of the history that warm-up requests ask about."""


def describe_retrieval(module: ServingModule, config: ServingConfig, batches: tf.data.Dataset) -> RetrievalDescription:
    """Returns how a model finds items; measures an approximate index against the exact ranking.

    Args:
        module: the model before its export.
        config: how the model finds items.
        batches: real histories to ask for, from `model.data.batches.fingerprint_batches`; read until there are
            `MEASURED_QUERIES`.

    Returns:
        `EXACT`, or a description with the recall of the best 10 and `TOP_K` items (or of the whole catalogue, when it
        is smaller), the lower of the questions'.
    """
    if config.retrieval == "exact":
        return EXACT
    ks = sorted({min(k, module.item_ids.shape[0]) for k in (10, TOP_K)})

    @tf.function(reduce_retracing=True)
    def find(*request: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        return [
            (answer.exact_items(queries, ks[-1]).columns, answer.find_items(queries, ks[-1]).columns)
            for answer in module.answers.values()
            for queries in [answer.queries(*request)]
        ]

    hits, queries = {k: np.zeros(len(module.answers), np.int64) for k in ks}, 0
    for batch in batches:
        times = (tf.maximum(batch[name] - 1, 0) for name in (HISTORY_TIMES, CUTOFF))
        found = find(batch[HISTORY_ITEMS], batch[HISTORY_SCENES], *times)
        queries += len(batch[HISTORY_ITEMS])
        for place, (exact, approximate) in enumerate(found):
            for row in zip(exact.numpy(), approximate.numpy(), strict=True):
                for k in ks:
                    hits[k][place] += len(set(row[0][:k]) & set(row[1][:k]))
        if queries >= MEASURED_QUERIES:
            break
    recalls = {k: float(hits[k].min() / (k * queries)) for k in ks}
    return RetrievalDescription("scann", config.scann_search_share, queries, recalls)


def export(module: ServingModule, folder: str, name: str, retrieval: RetrievalDescription) -> None:
    """Writes a model.

    Args:
        module: model to write.
        folder: folder to write into.
        name: name of the served model.
        retrieval: how the model finds items, from `describe_retrieval`.
    """
    signatures = {
        SERVING_DEFAULT: module.recommend,
        SERVING_EXAMPLES: module.recommend_examples,
        RECOMMEND_UNSEEN: module.recommend_unseen,
        RANK_ALLOWED: module.rank_allowed,
    }
    if module.embed_users is not None:
        signatures[EMBED_USERS] = module.embed_users
    tf.saved_model.save(module, folder, signatures=signatures)
    tf.io.gfile.makedirs(os.path.join(folder, os.path.dirname(WARMUP_FILE)))
    with tf.io.TFRecordWriter(os.path.join(folder, WARMUP_FILE)) as writer:
        for record in warmup_records(name, signatures, module.item_ids, module.scene_ids):
            writer.write(record)
    with tf.io.gfile.GFile(os.path.join(folder, RETRIEVAL_FILE), "w") as file:
        file.write(json.dumps(retrieval.to_json(), indent=2) + "\n")


def warmup_records(
    name: str, signatures: Collection[str], item_ids: tf.Tensor, scene_ids: tf.Tensor
) -> Iterator[bytes]:
    """Yields requests to signatures, for a history and for a user without one, as serialized PredictionLogs.

    Args:
        name: name of the served model.
        signatures: signatures that the model has; a request to another one would keep a server from serving the model.
        item_ids: string [N_v], the item catalogue; the history is made of its first items and is no person's.
        scene_ids: string [N_s], the scene catalogue.
    """
    items = item_ids[:_WARMUP_EVENTS].numpy().tolist()
    scenes = scene_ids[:_WARMUP_EVENTS].numpy().tolist()
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
        RANK_ALLOWED: {**history, ALLOW_ITEM_IDS: [items[:1]]},
        EMBED_USERS: history,
    }
    for signature, tensors in inputs.items():
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = name, signature
        for key, value in tensors.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(value, tf.string))
        yield request
