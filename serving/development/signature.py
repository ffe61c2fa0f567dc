"""One signature of a loaded SavedModel."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.development.refusal import Reason, Refusal
from serving.error_text import first_line


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a SavedModel can be asked under one name.

    Attributes:
        name: of the signature.
        definition: as it stands in the SavedModel.
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

    def run(self, inputs: Mapping[str, npt.NDArray], only: Sequence[str] = ()) -> dict[str, npt.NDArray]:
        """Asks the model.

        Args:
            inputs: an array for each input, bytes as objects for strings.
            only: the outputs to return; all when empty.

        Returns:
            An array for each output, in the order of their names.

        Raises:
            Refusal: if inputs are missing, unexpected, of a wrong dtype or shape, or refused by the model itself; if
                an output does not exist.
        """
        outputs = self._outputs(only)
        self._check_names(inputs)
        tensors = {name: _tensor(inputs[name], spec) for name, spec in self.inputs.items()}
        try:
            answer = self.function(**tensors)
            return {name: answer[name].numpy() for name in outputs}
        except tf.errors.InvalidArgumentError as error:
            raise Refusal(Reason.INVALID, first_line(error)) from error

    def _outputs(self, only: Sequence[str]) -> list[str]:
        known = sorted(self.definition.outputs)
        unknown = sorted(set(only) - set(known))
        if unknown or len(set(only)) < len(only):
            raise Refusal(
                Reason.INVALID,
                f"output_filter: expected names of {known}, each once. Received: {list(only)}",
            )
        return list(only) or known

    def _check_names(self, inputs: Mapping[str, npt.NDArray]) -> None:
        missing, unexpected = sorted(set(self.inputs) - set(inputs)), sorted(set(inputs) - set(self.inputs))
        if missing or unexpected:
            raise Refusal(
                Reason.INVALID,
                f"Signature {self.name!r}: the inputs do not match. Missing: {missing}. Unexpected: {unexpected}. "
                f"Expected: {sorted(self.inputs)}",
            )


def _tensor(array: npt.NDArray[Any], spec: tf.TensorSpec) -> tf.Tensor:
    received = tf.as_dtype(array.dtype)
    if received != spec.dtype:
        raise Refusal(
            Reason.INVALID, f"Input {spec.name!r}: expected dtype {spec.dtype.name}. Received: {received.name}"
        )
    if not spec.shape.is_compatible_with(array.shape):
        raise Refusal(
            Reason.INVALID,
            f"Input {spec.name!r}: expected shape {spec.shape.as_list() if spec.shape.rank is not None else 'any'}, "
            f"where None is any length. Received: {list(array.shape)}",
        )
    try:
        return tf.constant(array, spec.dtype)
    except (TypeError, ValueError) as error:
        raise Refusal(Reason.INVALID, f"Input {spec.name!r}: {first_line(error)}") from error
