"""JSON to arrays and back, as TensorFlow Serving's REST API has it."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from serving.development.refusal import Reason, Refusal

BASE64 = "b64"
"""The only key of an object that stands for bytes."""

BYTES_SUFFIX = "_bytes"
"""String outputs with names that end so are bytes, and are answered as base64."""

_MAX_RANK = 32  # NumPy's own limit


def array_from_json(value: Any, spec: tf.TensorSpec) -> npt.NDArray:
    """Reads a tensor.

    Args:
        value: a value, or lists of lists of values; bytes are written ``{"b64": ...}``.
        spec: the input it is for; its dtype is the array's dtype, its shape is not looked at.

    Returns:
        An array; strings are bytes, as objects.

    Raises:
        Refusal: if the lists are ragged, or a value does not fit the dtype without loss.
    """
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list):
        width = len(level[0])
        for entry in level:
            if not isinstance(entry, list) or len(entry) != width:
                raise _wrong(
                    spec,
                    f"lists that are side by side must have the same length, {width} here; pad them",
                    entry,
                )
        shape.append(width)
        level = [leaf for entry in level for leaf in entry]
        if len(shape) > _MAX_RANK:
            raise _wrong(spec, f"expected lists nested at most {_MAX_RANK} deep", value)
    return _leaves(level, spec).reshape(shape)


def json_from_array(name: str, array: npt.NDArray) -> Any:
    """Writes a tensor as what ``orjson`` can serialize with its option for NumPy.

    Args:
        name: of the output; the suffix ``_bytes`` asks for base64.
        array: any shape.

    Raises:
        Refusal: if JSON cannot hold it: a number is not finite, or a string is not UTF-8.
    """
    if array.dtype == object:
        write = _base64 if name.endswith(BYTES_SUFFIX) else _text
        leaves = np.empty(array.size, object)
        leaves[:] = [write(name, raw) for raw in array.ravel()]
        return leaves.reshape(array.shape).tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Refusal(
            Reason.FAILED,
            f"Output {name!r} holds a number that is not finite (NaN or infinity), which JSON cannot express. "
            "Ask over gRPC to see it",
        )
    # Below this, item by item: what is no array to orjson are scalars and dtypes it does not know.
    return np.ascontiguousarray(array) if array.ndim and array.dtype.kind in "fiub" else array.tolist()


def _leaves(leaves: Sequence[Any], spec: tf.TensorSpec) -> npt.NDArray:
    dtype = spec.dtype.as_numpy_dtype
    if spec.dtype == tf.string:
        array = np.empty(len(leaves), object)
        array[:] = [_bytes(leaf, spec) for leaf in leaves]
        return array
    if spec.dtype == tf.bool:
        _check_all(leaves, spec, (bool,), "true or false")
        return np.array(leaves, bool)
    if spec.dtype.is_integer:
        _check_all(leaves, spec, (int,), "a whole number")
        bounds = np.iinfo(dtype)
        for leaf in leaves:
            if not bounds.min <= leaf <= bounds.max:
                raise _wrong(spec, f"expected a number from {bounds.min} to {bounds.max}", leaf)
        return np.array(leaves, dtype)
    if spec.dtype in (tf.float16, tf.float32, tf.float64):
        _check_all(leaves, spec, (int, float), "a number")
        return _floats(leaves, spec)
    raise Refusal(
        Reason.INVALID, f"Input {spec.name!r}: its dtype {spec.dtype.name} cannot be written in JSON; use gRPC"
    )


def _floats(leaves: Sequence[float], spec: tf.TensorSpec) -> npt.NDArray:
    limit = float(np.finfo(spec.dtype.as_numpy_dtype).max)
    for leaf in leaves:
        # An infinity is itself; what is finite must stay so. Compared as Python numbers, for an int can be any size.
        if abs(leaf) > limit and leaf not in (float("inf"), float("-inf")):
            raise _wrong(spec, f"expected a number of at most {limit:.6g}", leaf)
    return np.array([float(leaf) for leaf in leaves], spec.dtype.as_numpy_dtype)


def _check_all(leaves: Sequence[Any], spec: tf.TensorSpec, types: tuple[type, ...], expected: str) -> None:
    for leaf in leaves:
        if type(leaf) not in types:  # not isinstance: true is an int to Python
            raise _wrong(spec, f"expected {expected}", leaf)


def _bytes(leaf: Any, spec: tf.TensorSpec) -> bytes:
    try:
        if isinstance(leaf, str):
            return leaf.encode("utf-8")
        if isinstance(leaf, dict) and list(leaf) == [BASE64] and isinstance(leaf[BASE64], str):
            text = leaf[BASE64]
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise _wrong(spec, f"the text cannot be decoded ({error})", leaf) from error
    raise _wrong(spec, f'expected a string, or {{"{BASE64}": "..."}} for bytes', leaf)


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(
            Reason.FAILED, f"Output {name!r} holds bytes that are not UTF-8, which JSON cannot express. Ask over gRPC"
        ) from error


def _base64(name: str, raw: bytes) -> Mapping[str, str]:
    return {BASE64: base64.b64encode(raw).decode("ascii")}


def _wrong(spec: tf.TensorSpec, expected: str, received: Any) -> Refusal:
    shown = repr(received)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return Refusal(Reason.INVALID, f"Input {spec.name!r} ({spec.dtype.name}): {expected}. Received: {shown}")
