"""Arrays from the tensors of a gRPC request, and back."""

from collections.abc import Mapping

import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from serving.development.limits import Limits
from serving.development.refusal import Reason, Refusal


def arrays_from_protos(protos: Mapping[str, tensor_pb2.TensorProto], limits: Limits) -> dict[str, npt.NDArray]:
    """Reads tensors.

    Args:
        protos: by the name of the input.
        limits: a tensor that claims to be larger is not unfolded.

    Returns:
        Arrays of the same shapes and dtypes; strings are bytes, as objects.

    Raises:
        Refusal: if a tensor cannot be read, or is too large.
    """
    return {name: _array(name, proto, limits) for name, proto in protos.items()}


def _array(name: str, proto: tensor_pb2.TensorProto, limits: Limits) -> npt.NDArray:
    if proto.tensor_shape.unknown_rank:
        raise Refusal(Reason.INVALID, f"Input {name!r}: expected a shape. Received: an unknown rank")
    limits.check_elements(name, [dim.size for dim in proto.tensor_shape.dim])
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, KeyError) as error:
        raise Refusal(Reason.INVALID, f"Input {name!r}: the tensor cannot be read: {error}") from error


def protos_from_arrays(arrays: Mapping[str, npt.NDArray]) -> dict[str, tensor_pb2.TensorProto]:
    """Writes tensors, by the name of the output."""
    return {name: tf.make_tensor_proto(array) for name, array in arrays.items()}
