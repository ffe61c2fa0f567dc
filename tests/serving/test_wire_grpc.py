"""The gRPC services of TensorFlow Serving, as tests/serving/test_wire.py tests the REST API."""

import math
import pathlib
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_service_pb2_grpc

from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS
from tests.serving.echo import DEADLINE, NAME, Server, arrays, histories, predict
from tests.serving.wire_servers import SERVERS, running


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, echo_versions: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with running(request.param, echo_versions, tmp_path_factory.mktemp("served") / NAME) as started:
        yield started


def test_grpc_predict(server: Server) -> None:
    (version,) = server.available()
    with server.channel() as channel:
        stub = server.stub(channel)
        for asked in ("", "serving_default"):
            response = stub.Predict(predict(asked, **histories("milk", "brød")), timeout=DEADLINE)
            assert (response.model_spec.name, response.model_spec.version.value) == (NAME, version)
            assert response.model_spec.signature_name == "serving_default"
            answer = arrays(response)
            assert answer["item_ids"].tolist() == [["brød".encode(), b"milk"]]
            np.testing.assert_array_equal(answer["item_scores"], np.full([1, 2], version, np.float32))
        request = predict(version=version, **histories("milk"))
        request.output_filter.append("scene_ids")
        assert list(stub.Predict(request, timeout=DEADLINE).outputs) == ["scene_ids"]
        response = stub.Predict(predict("numbers", x=tf.zeros([1, 2]), n=tf.zeros([1], tf.int64)), timeout=DEADLINE)
        assert math.isnan(arrays(response)["ratio"][0])


def _bad_calls() -> Iterator[tuple[str, Any, tuple[str, ...], str]]:
    good = histories("milk")
    invalid = ("INVALID_ARGUMENT",)
    yield "model", predict(name="other", **good), ("NOT_FOUND",), "found"
    yield "no model", predict(name="", **good), invalid, "modelspec"
    yield "version", predict(version=99, **good), ("NOT_FOUND",), "found"
    yield "signature", predict("nope", **good), ("INVALID_ARGUMENT", "FAILED_PRECONDITION"), "not found"
    yield "missing input", predict(history_item_ids=good[HISTORY_ITEM_IDS]), invalid, HISTORY_SCENE_IDS
    yield "unexpected input", predict(**good, other=tf.constant(["x"])), invalid, "other"
    wrong_type = tf.constant([[1]], tf.int64)
    yield "dtype", predict(**{**good, HISTORY_ITEM_IDS: wrong_type}), invalid, "int64"
    yield "shape", predict("numbers", x=tf.zeros([2]), n=tf.zeros([2], tf.int64)), invalid, ""
    yield "rows", predict(**{**good, HISTORY_ITEM_IDS: tf.constant([["a"], ["b"]])}), invalid, "rows"
    yield "example", predict("serving_examples", examples=tf.constant(["no example"])), invalid, "pars"
    filtered = predict(**good)
    filtered.output_filter.append("nope")
    yield "filter", filtered, invalid, "nope"
    broken = predict(**good)
    broken.inputs[HISTORY_ITEM_IDS].dtype = 99
    yield "broken tensor", broken, invalid, ""


@pytest.mark.parametrize(
    ("request_", "codes", "word"), [case[1:] for case in _bad_calls()], ids=[c[0] for c in _bad_calls()]
)
def test_bad_grpc_requests(server: Server, request_: Any, codes: tuple[str, ...], word: str) -> None:
    with server.channel() as channel:
        with pytest.raises(grpc.RpcError) as caught:
            server.stub(channel).Predict(request_, timeout=DEADLINE)
        assert caught.value.code().name in codes, caught.value.details()
        assert word in caught.value.details().lower() and "Traceback" not in caught.value.details()
        assert server.stub(channel).Predict(predict(**histories("milk")), timeout=DEADLINE).outputs


def test_grpc_status_and_metadata(server: Server) -> None:
    (version,) = server.available()
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = NAME
    with server.channel() as channel:
        response = server.stub(channel).GetModelMetadata(asked, timeout=DEADLINE)
        assert response.model_spec.version.value == version
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert response.metadata["signature_def"].Unpack(signatures)
        assert "raw_bytes" in signatures.signature_def["raw"].outputs
        asked.metadata_field[:] = ["nope"]
        with pytest.raises(grpc.RpcError) as caught:
            server.stub(channel).GetModelMetadata(asked, timeout=DEADLINE)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        unknown = get_model_status_pb2.GetModelStatusRequest()
        unknown.model_spec.name = "other"
        with pytest.raises(grpc.RpcError) as caught:
            model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(unknown, timeout=DEADLINE)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
