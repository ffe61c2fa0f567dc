"""Status and metadata of a model, in the messages that both protocols answer with."""

import json
from typing import Any

from google.protobuf import json_format, message
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.development.loaded_model import LoadedModel
from serving.development.refusal import Reason, Refusal
from serving.development.versions import Versions

SIGNATURE_FIELD = "signature_def"
"""The only kind of metadata that there is."""

_OK, _UNKNOWN_ERROR = 0, 2  # of tensorflow.error.Code


def status_of(versions: Versions, name: str, version: int | None = None) -> get_model_status_pb2.GetModelStatusResponse:
    """Tells how the versions of a model stand, newest first.

    Args:
        versions: what is served.
        name: of the model asked for.
        version: the one asked for; all when None.

    Raises:
        Refusal: if there is no such model or version.
    """
    known = versions.states if name == versions.name else {}
    chosen = [number for number in sorted(known, reverse=True) if version in (None, number)]
    if not chosen:
        wanted = f"version {version} of model {name}" if version is not None else f"any versions of model {name}"
        raise Refusal(Reason.NOT_FOUND, f"Could not find {wanted}. Served here: {versions.name}")
    response = get_model_status_pb2.GetModelStatusResponse()
    for number in chosen:
        status = response.model_version_status.add()
        status.version = number
        status.state = get_model_status_pb2.ModelVersionStatus.State.Value(known[number].state)
        status.status.error_code = _UNKNOWN_ERROR if known[number].error else _OK
        status.status.error_message = known[number].error
    return response


def metadata_of(model: LoadedModel, name: str) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Tells the signatures of a version, with the dtypes and shapes of their inputs and outputs."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = model.version
    response.metadata[SIGNATURE_FIELD].Pack(_signature_map(model))
    return response


def status_json(response: get_model_status_pb2.GetModelStatusResponse) -> bytes:
    """Writes a status as TensorFlow Serving's REST API does."""
    return _dump(_as_dict(response))


def metadata_json(model: LoadedModel, name: str) -> bytes:
    """Writes metadata as TensorFlow Serving's REST API does."""
    spec = {"name": name, "signature_name": "", "version": str(model.version)}
    return _dump({"model_spec": spec, "metadata": {SIGNATURE_FIELD: _as_dict(_signature_map(model))}})


def _signature_map(model: LoadedModel) -> get_model_metadata_pb2.SignatureDefMap:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in model.signatures.items():
        signatures.signature_def[name].CopyFrom(signature.definition)
    return signatures


def _as_dict(content: message.Message) -> dict[str, Any]:
    return json_format.MessageToDict(content, preserving_proto_field_name=True, including_default_value_fields=True)


def _dump(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode("utf-8")
