"""A model that answers with what it is asked, and servers that serve it."""

import dataclasses
import http.client
import json
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS

NAME = "echo"
DEADLINE = 60.0

T = TypeVar("T")


class Echo(tf.Module):
    """Returns the history as recommendations, last event first; every score is the version."""

    def __init__(self, version: int):
        super().__init__()
        self._version = tf.Variable(float(version), trainable=False)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.string, name) for name in (HISTORY_ITEM_IDS, HISTORY_SCENE_IDS)]
    )
    def serve(self, history_item_ids, history_scene_ids):
        rows = [tf.shape(x)[0] for x in (history_item_ids, history_scene_ids)]
        with tf.control_dependencies(
            [tf.debugging.assert_equal(*rows, "All inputs must have the same number of rows.")]
        ):
            items, scenes = tf.reverse(history_item_ids, [1]), tf.reverse(history_scene_ids, [1])
        return {
            "item_ids": items,
            "item_scores": tf.fill(tf.shape(items), self._version),
            "scene_ids": scenes,
            "scene_scores": tf.fill(tf.shape(scenes), self._version),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def examples(self, examples):
        features = {name: tf.io.RaggedFeature(tf.string) for name in (HISTORY_ITEM_IDS, HISTORY_SCENE_IDS)}
        parsed = tf.io.parse_example(examples, features)
        return self.serve(*(parsed[name].to_tensor("") for name in features))

    @tf.function(
        input_signature=[tf.TensorSpec([None, 2], tf.float32, "x"), tf.TensorSpec([None], tf.int64, "n")],
    )
    def numbers(self, x, n):
        total = tf.matmul(x, tf.ones([2, 1]))[:, 0]
        return {"ratio": total / tf.cast(n, tf.float32), "n": n, "even": n % 2 == 0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "raw")])
    def raw(self, raw):
        return {"raw_bytes": tf.identity(raw)}


def save_echo(base: pathlib.Path, version: int, warmup: Mapping[str, tf.Tensor] | None = None) -> pathlib.Path:
    """Writes a version, with one warm-up request to the signature `raw`, or to `serving_default` as given."""
    echo, folder = Echo(version), base / str(version)
    signatures = {
        "serving_default": echo.serve,
        "serving_examples": echo.examples,
        "numbers": echo.numbers,
        "raw": echo.raw,
    }
    tf.saved_model.save(echo, str(folder), signatures=signatures)
    request = predict(("" if warmup else "raw"), **(warmup or {"raw": tf.constant(["warm"])}))
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    (folder / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())
    return folder


def copy_slowly(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a version as a slow push does: file by file, what announces it first."""
    names = sorted(
        (path.relative_to(source) for path in source.rglob("*") if path.is_file()), key=_announces, reverse=True
    )
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
        time.sleep(0.05)  # slow on purpose; nothing waits for it


def _announces(name: pathlib.Path) -> bool:
    return name.name == "saved_model.pb"


def predict(signature: str = "", version: int | None = None, name: str = NAME, **inputs: tf.Tensor) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    if version is not None:
        request.model_spec.version.value = version
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def histories(*items: str) -> dict[str, tf.Tensor]:
    return {HISTORY_ITEM_IDS: tf.constant([items]), HISTORY_SCENE_IDS: tf.constant([["s"] * len(items)])}


def eventually(look: Callable[[], T], what: str) -> T:
    """Returns the first true answer; fails when there is none in time."""
    deadline = time.monotonic() + DEADLINE
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not in {DEADLINE} s: {what}"
        time.sleep(0.02)


@dataclasses.dataclass(frozen=True)
class Server:
    """A server of the model `echo`.

    Attributes:
        base: the folder that it watches.
    """

    base: pathlib.Path
    rest_port: int
    grpc_port: int
    host: str = "127.0.0.1"

    def http(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request over a connection of its own; the answer must be JSON."""
        connection = http.client.HTTPConnection(self.host, self.rest_port, timeout=DEADLINE)
        try:
            raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request(method, path, raw)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def post(self, body: Any, path: str = "") -> tuple[int, Any]:
        return self.http("POST", f"/v1/models/{NAME}{path}:predict", body)

    def stub(self, channel: grpc.Channel) -> prediction_service_pb2_grpc.PredictionServiceStub:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(f"{self.host}:{self.grpc_port}")

    def available(self) -> list[int]:
        """The versions that are served, over gRPC; none while the server starts."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = NAME
        with self.channel() as channel:
            try:
                status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=DEADLINE)
            except grpc.RpcError:
                return []
        state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        return [entry.version for entry in status.model_version_status if entry.state == state]


def arrays(response: predict_pb2.PredictResponse) -> dict[str, np.ndarray]:
    return {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **changes}
