"""A version of a model: loaded, warmed up, and asked through its signatures."""

import dataclasses
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, prediction_log_pb2

from schemas.served_model import SERVING_DEFAULT, WARMUP_FILE
from serving.development.refusals import Reason, RefusalError, RequestLimits
from serving.error_text import extract_message
from serving.saved_model import TAG, load_saved_model


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a SavedModel can be asked under one name.

    Attributes:
        name: name of the signature.
        definition: the signature as it stands in the SavedModel.
        function: takes each input by name, returns a dict of tensors.
    """

    name: str
    definition: meta_graph_pb2.SignatureDef
    function: Callable[..., Mapping[str, tf.Tensor]]

    @functools.cached_property
    def inputs(self) -> dict[str, tf.TensorSpec]:
        """The dtype and shape of each input."""
        return {
            name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.as_dtype(info.dtype), name)
            for name, info in sorted(self.definition.inputs.items())
        }

    @functools.cached_property
    def defaults(self) -> dict[str, tf.Tensor]:
        """What stands for an input that is not given, of those that may be left out."""
        return {name: tf.constant(tf.make_ndarray(value)) for name, value in self.definition.defaults.items()}

    def run(self, inputs: Mapping[str, npt.NDArray], only: Sequence[str] = ()) -> dict[str, npt.NDArray]:
        """Asks the model.

        Args:
            inputs: an array for each input that has no default; a string is an object, its bytes.
            only: names of the outputs to return; all when empty.

        Returns:
            An array for each output, in the order of their names.

        Raises:
            RefusalError: if inputs are missing, unexpected, of a wrong dtype or shape, or refused by the model itself;
                if an output does not exist.
        """
        outputs = self._choose_outputs(only)
        self._check_names(inputs)
        tensors = {
            name: _as_tensor(inputs[name], spec) if name in inputs else self.defaults[name]
            for name, spec in self.inputs.items()
        }
        try:
            answer = self.function(**tensors)
            return {name: answer[name].numpy() for name in outputs}
        except tf.errors.InvalidArgumentError as error:
            raise RefusalError(extract_message(error)) from error

    def _choose_outputs(self, only: Sequence[str]) -> list[str]:
        known = sorted(self.definition.outputs)
        if not set(only) <= set(known) or len(set(only)) < len(only):
            raise RefusalError(f"output_filter: expected names of {known}, each once. Received: {list(only)}")
        return list(only) or known

    def _check_names(self, inputs: Mapping[str, npt.NDArray]) -> None:
        required = set(self.inputs) - set(self.defaults)
        missing, unexpected = sorted(required - set(inputs)), sorted(set(inputs) - set(self.inputs))
        if missing or unexpected:
            optional = f", and if you like {sorted(self.defaults)}" if self.defaults else ""
            raise RefusalError(
                f"Signature {self.name!r}: the inputs do not match. Missing: {missing}. Unexpected: {unexpected}. "
                f"Expected: {sorted(required)}{optional}"
            )


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A version that can be asked.

    Attributes:
        version: its number.
        signatures: what it can be asked, by name.
        load_seconds: how long loading and warming up took.
        root: what TensorFlow loaded; the variables of the signatures live only as long as this object does.
    """

    version: int
    signatures: Mapping[str, Signature]
    load_seconds: float
    root: Any = dataclasses.field(repr=False)

    def get_signature(self, name: str) -> Signature:
        """Returns a signature, `serving_default` for an empty name.

        Raises:
            RefusalError: if the model has no signature of that name.
        """
        name = name or SERVING_DEFAULT
        if name not in self.signatures:
            raise RefusalError(
                f'Serving signature name "{name}" not found. Expected one of: {sorted(self.signatures)}',
                Reason.UNKNOWN_SIGNATURE,
            )
        return self.signatures[name]

    def make_signature_map(self) -> get_model_metadata_pb2.SignatureDefMap:
        """Returns the definitions of all signatures: dtypes and shapes of inputs and outputs, in Serving's message."""
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in self.signatures.items():
            definitions.signature_def[name].CopyFrom(signature.definition)
        return definitions


def load_model(folder: str, version: int) -> LoadedModel:
    """Loads a SavedModel and replays the warm-up requests that lie in it.

    Args:
        folder: holds ``saved_model.pb``.
        version: its number.

    Raises:
        UnusableModelError: if the model is half copied or damaged, or needs ScaNN, which cannot be imported.
        ValueError: if a warm-up request is not answered.
    """
    began = time.monotonic()
    root = load_saved_model(folder)
    with open(os.path.join(folder, "saved_model.pb"), "rb") as file:
        graphs = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs
    # Loading refuses a model without the tag, so that there is one.
    definitions = next(graph.signature_def for graph in graphs if TAG in graph.meta_info_def.tags)
    signatures = {name: Signature(name, definitions[name], root.signatures[name]) for name in root.signatures}
    _replay_warmup(folder, signatures)
    return LoadedModel(version, signatures, time.monotonic() - began, root)


def read_tensors(protos: Mapping[str, tensor_pb2.TensorProto], limits: RequestLimits) -> dict[str, npt.NDArray]:
    """Reads the inputs of a gRPC request.

    Args:
        protos: tensors by the name of the input.
        limits: a tensor that claims to be larger is not unfolded.

    Returns:
        Arrays of the same shapes and dtypes; a string is an object, its bytes.

    Raises:
        RefusalError: if a tensor cannot be read, or is too large.
    """
    return {name: _as_array(name, proto, limits) for name, proto in protos.items()}


def _replay_warmup(folder: str, signatures: Mapping[str, Signature]) -> None:
    """Asks a model its warm-up requests, so that no user waits for the first call.

    Requests to other calls than ``Predict`` are passed over: this server does not answer those.
    """
    path = os.path.join(folder, WARMUP_FILE)
    if not os.path.exists(path):
        return
    for number, record in enumerate(tf.data.TFRecordDataset(path).as_numpy_iterator(), start=1):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if not log.HasField("predict_log"):
            continue
        request = log.predict_log.request
        name = request.model_spec.signature_name or SERVING_DEFAULT
        try:
            if name not in signatures:
                raise ValueError(f"no signature {name!r}")
            signatures[name].run(read_tensors(request.inputs, RequestLimits()), request.output_filter)
        except (RefusalError, ValueError) as error:
            raise ValueError(f"{WARMUP_FILE}: request {number} was not answered: {error}") from error


def _as_tensor(array: npt.NDArray[Any], spec: tf.TensorSpec) -> tf.Tensor:
    received = tf.as_dtype(array.dtype)
    if received != spec.dtype:
        raise RefusalError(f"Input {spec.name!r}: expected dtype {spec.dtype.name}. Received: {received.name}")
    if not spec.shape.is_compatible_with(array.shape):
        raise RefusalError(
            f"Input {spec.name!r}: expected shape {spec.shape.as_list() if spec.shape.rank is not None else 'any'}, "
            f"where None is any length. Received: {list(array.shape)}"
        )
    try:
        return tf.constant(array, spec.dtype)
    except (TypeError, ValueError) as error:
        raise RefusalError(f"Input {spec.name!r}: {extract_message(error)}") from error


def _as_array(name: str, proto: tensor_pb2.TensorProto, limits: RequestLimits) -> npt.NDArray:
    if proto.tensor_shape.unknown_rank:
        raise RefusalError(f"Input {name!r}: expected a shape. Received: an unknown rank")
    limits.check_elements(name, [dim.size for dim in proto.tensor_shape.dim])
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, KeyError) as error:
        raise RefusalError(f"Input {name!r}: the tensor cannot be read: {error}") from error
