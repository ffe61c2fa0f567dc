"""TensorFlow Serving's gRPC services: PredictionService and ModelService."""

import functools
import logging
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.development.model import LoadedModel, read_tensors
from serving.development.refusals import Reason, RefusalError, RequestLimits
from serving.development.versions import Versions
from serving.ports import HOST, STOP_SECONDS

THREADS = 16

_SIGNATURES = "signature_def"
"""The only kind of metadata that there is."""

_logger = logging.getLogger(__name__)


class GrpcServer:
    """Answers gRPC calls on 127.0.0.1.

    Args:
        versions: what is served.
        limits: how much a call may ask for.
        port: 0 for any free one.

    Attributes:
        port: the port that was bound.

    Raises:
        OSError: if the port cannot be had.
    """

    def __init__(self, versions: Versions, limits: RequestLimits, port: int):
        self._server = grpc.server(
            futures.ThreadPoolExecutor(THREADS, "grpc"),
            options=[
                ("grpc.max_receive_message_length", limits.request_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # else a second server would share the port and take half of the calls
            ],
        )
        services = _Services(versions, limits)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services, self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(services, self._server)
        try:
            self.port = self._server.add_insecure_port(f"{HOST}:{port}")
        except RuntimeError as error:
            raise OSError(str(error)) from error

    def start(self) -> None:
        """Answers from now on, in threads of its own."""
        self._server.start()

    def stop(self) -> None:
        """Takes no more calls; those in flight may finish for `STOP_SECONDS`."""
        self._server.stop(STOP_SECONDS).wait()


def _answer(work: Callable[[Any, Any], Any]) -> Callable[[Any, Any, grpc.ServicerContext], Any]:
    """Makes a method of a service out of one that may refuse a request."""

    @functools.wraps(work)
    def call(service: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return work(service, request)
        except RefusalError as error:
            context.abort(grpc.StatusCode[error.reason.grpc_status], str(error))
        except Exception:
            _logger.exception("A gRPC call failed")
            context.abort(grpc.StatusCode.INTERNAL, "The server failed; its log says why")

    return call


class _Services(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    """Both services; the names of the methods are those of TensorFlow Serving."""

    def __init__(self, versions: Versions, limits: RequestLimits):
        self._versions = versions
        self._limits = limits

    @_answer
    def Predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        model = _select(self._versions, request.model_spec)
        signature = model.get_signature(request.model_spec.signature_name)
        inputs = read_tensors(request.inputs, self._limits)
        self._limits.check_rows(inputs)
        outputs = signature.run(inputs, request.output_filter)
        response = predict_pb2.PredictResponse(
            outputs={name: tf.make_tensor_proto(array) for name, array in outputs.items()}
        )
        response.model_spec.name = self._versions.name
        response.model_spec.version.value = model.version
        response.model_spec.signature_name = signature.name
        return response

    @_answer
    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        if list(request.metadata_field) != [_SIGNATURES]:
            raise RefusalError(f"metadata_field: expected ['{_SIGNATURES}']. Received: {list(request.metadata_field)}")
        model = _select(self._versions, request.model_spec)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self._versions.name
        response.model_spec.version.value = model.version
        response.metadata[_SIGNATURES].Pack(model.make_signature_map())
        return response

    @_answer
    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        return self._versions.get_status(request.model_spec.name, _get_version(request.model_spec))

    @_answer
    def Classify(self, request: object) -> None:
        raise RefusalError("The development server answers Predict, metadata and status only", Reason.UNSUPPORTED)

    Regress = MultiInference = HandleReloadConfigRequest = Classify


def _select(versions: Versions, spec: model_pb2.ModelSpec) -> LoadedModel:
    if not spec.name:
        raise RefusalError(f"Missing ModelSpec: model_spec.name is empty. Served here: {versions.name}")
    if spec.version_label:
        raise RefusalError(
            f"Unrecognized servable version label: {spec.version_label}. There are none here: give a version, or none"
        )
    return versions.select(spec.name, _get_version(spec))


def _get_version(spec: model_pb2.ModelSpec) -> int | None:
    return spec.version.value if spec.HasField("version") else None
