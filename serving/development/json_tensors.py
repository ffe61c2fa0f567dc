"""The bodies of REST predict calls: JSON to arrays and back, as TensorFlow Serving's REST API has it."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import tensorflow as tf

from serving.development.model import LoadedModel
from serving.development.refusals import Reason, RefusalError, RequestLimits

BASE64 = "b64"
"""The only key of an object that stands for bytes."""

BYTES_SUFFIX = "_bytes"
"""String outputs with names that end so are bytes, and are answered as base64."""

_ROWS, _COLUMNS = "instances", "inputs"
_ANSWERS = {_ROWS: "predictions", _COLUMNS: "outputs"}
"""The key of a request, which tells its layout, and the key of its answer."""

_MAX_RANK = 32  # NumPy's own limit


def predict(model: LoadedModel, body: bytes, limits: RequestLimits) -> bytes:
    """Answers a predict call.

    Args:
        model: the version that answers.
        body: JSON, in one of two layouts: a list of objects, one a row, under "instances", or an object that holds a
            list for each input under "inputs".
        limits: how much the call may ask for.

    Returns:
        JSON in the layout of the call.

    Raises:
        RefusalError: if the body is not such a call, the model refuses its inputs, or JSON cannot hold the answer.
    """
    call = _parse(body)
    name = call.get("signature_name", "")
    if not isinstance(name, str):
        raise RefusalError(f"'signature_name' key must be a string value. Received: {_describe(name)}")
    layouts = [layout for layout in _ANSWERS if layout in call]
    if len(layouts) != 1:
        found = "both" if layouts else "neither"
        raise RefusalError(f"Expected one of the keys 'instances' and 'inputs'. Received: {found}")
    (layout,) = layouts
    signature = model.get_signature(name)
    columns = (_split_rows if layout == _ROWS else _split_columns)(
        call[layout], list(signature.inputs), set(signature.defaults)
    )
    inputs = {name: read_array(values, signature.inputs[name]) for name, values in columns.items()}
    limits.check_rows(inputs)
    return _write(signature.run(inputs), layout)


def read_array(value: Any, spec: tf.TensorSpec) -> npt.NDArray:
    """Reads a tensor.

    Args:
        value: a value, or lists of lists of values; bytes are written ``{"b64": ...}``.
        spec: the input that the tensor is for: gives the dtype; its shape is not looked at.

    Returns:
        An array of the dtype of `spec`; a string is an object, its bytes.

    Raises:
        RefusalError: if the lists are ragged, or a value does not fit the dtype without loss.
    """
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list):
        width = len(level[0])
        for entry in level:
            if not isinstance(entry, list) or len(entry) != width:
                raise _make_refusal(
                    spec, f"lists side by side must have the same length, {width} here; pad them", entry
                )
        shape.append(width)
        level = [leaf for entry in level for leaf in entry]
        if len(shape) > _MAX_RANK:
            raise _make_refusal(spec, f"expected lists nested at most {_MAX_RANK} deep", value)
    return _convert_leaves(level, spec).reshape(shape)


def write_array(name: str, array: npt.NDArray) -> Any:
    """Writes a tensor as what ``orjson`` can serialize with its option for NumPy.

    Args:
        name: name of the output; the suffix ``_bytes`` asks for base64.
        array: its values, of any shape.

    Raises:
        RefusalError: if JSON cannot hold it: a number is not finite, or a string is not UTF-8.
    """
    if array.dtype == object:
        write = _write_base64 if name.endswith(BYTES_SUFFIX) else _write_text
        leaves = np.empty(array.size, object)
        leaves[:] = [write(name, raw) for raw in array.ravel()]
        return leaves.reshape(array.shape).tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RefusalError(
            f"Output {name!r} holds a number that is not finite (NaN or infinity), which JSON cannot express. "
            "Ask over gRPC to see it",
            Reason.FAILED,
        )
    # Below this, item by item: what is no array to orjson are scalars and dtypes it does not know.
    return np.ascontiguousarray(array) if array.ndim and array.dtype.kind in "fiub" else array.tolist()


def _convert_leaves(leaves: Sequence[Any], spec: tf.TensorSpec) -> npt.NDArray:
    dtype = spec.dtype.as_numpy_dtype
    if spec.dtype == tf.string:
        array = np.empty(len(leaves), object)
        array[:] = [_read_bytes(leaf, spec) for leaf in leaves]
        return array
    if spec.dtype == tf.bool:
        _check_all(leaves, spec, (bool,), "true or false")
        return np.array(leaves, bool)
    if spec.dtype.is_integer:
        _check_all(leaves, spec, (int,), "a whole number")
        bounds = np.iinfo(dtype)
        for leaf in leaves:
            if not bounds.min <= leaf <= bounds.max:
                raise _make_refusal(spec, f"expected a number from {bounds.min} to {bounds.max}", leaf)
        return np.array(leaves, dtype)
    if spec.dtype in (tf.float16, tf.float32, tf.float64):
        _check_all(leaves, spec, (int, float), "a number")
        return _convert_floats(leaves, spec)
    raise RefusalError(f"Input {spec.name!r}: its dtype {spec.dtype.name} cannot be written in JSON; use gRPC")


def _convert_floats(leaves: Sequence[float], spec: tf.TensorSpec) -> npt.NDArray:
    limit = float(np.finfo(spec.dtype.as_numpy_dtype).max)
    for leaf in leaves:
        # An infinity is itself; what is finite must stay so. Compared as Python numbers, for an int can be any size.
        if abs(leaf) > limit and leaf not in (float("inf"), float("-inf")):
            raise _make_refusal(spec, f"expected a number of at most {limit:.6g}", leaf)
    return np.array([float(leaf) for leaf in leaves], spec.dtype.as_numpy_dtype)


def _check_all(leaves: Sequence[Any], spec: tf.TensorSpec, types: tuple[type, ...], expected: str) -> None:
    for leaf in leaves:
        if type(leaf) not in types:  # not isinstance: true is an int to Python
            raise _make_refusal(spec, f"expected {expected}", leaf)


def _read_bytes(leaf: Any, spec: tf.TensorSpec) -> bytes:
    try:
        if isinstance(leaf, str):
            return leaf.encode("utf-8")
        if isinstance(leaf, dict) and list(leaf) == [BASE64] and isinstance(leaf[BASE64], str):
            text = leaf[BASE64]
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise _make_refusal(spec, f"the text cannot be decoded ({error})", leaf) from error
    raise _make_refusal(spec, f'expected a string, or {{"{BASE64}": "..."}} for bytes', leaf)


def _write_text(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusalError(
            f"Output {name!r} holds bytes that are not UTF-8, which JSON cannot express. Ask over gRPC", Reason.FAILED
        ) from error


def _write_base64(name: str, raw: bytes) -> Mapping[str, str]:
    return {BASE64: base64.b64encode(raw).decode("ascii")}


def _make_refusal(spec: tf.TensorSpec, expected: str, received: Any) -> RefusalError:
    shown = repr(received)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return RefusalError(f"Input {spec.name!r} ({spec.dtype.name}): {expected}. Received: {shown}")


def _parse(body: bytes) -> dict[str, Any]:
    try:
        call = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusalError(f"JSON Parse error: {error}") from error
    if not isinstance(call, dict):
        raise RefusalError(f"JSON Value: expected an object. Received: {_describe(call)}")
    return call


def _split_rows(rows: Any, names: list[str], optional: Set[str]) -> dict[str, list[Any]]:
    if not isinstance(rows, list) or not rows:
        raise RefusalError(f"'instances': expected a list with at least one row. Received: {_describe(rows)}")
    if not _is_object(rows[0]):
        if len(names) > 1:
            keys = _list_keys(names, optional)
            raise RefusalError(f"'instances': expected a list of objects with the keys {keys}")
        mixed = next((place for place, row in enumerate(rows) if _is_object(row)), None)
        if mixed is not None:
            raise RefusalError(f"'instances': expected a value, as in row 0, but row {mixed} is an object")
        return dict.fromkeys(names, rows)
    for place, row in enumerate(rows):
        if not _is_object(row) or not _has_keys(row, names, optional) or row.keys() != rows[0].keys():
            received = sorted(row) if isinstance(row, dict) else _describe(row)
            raise RefusalError(
                f"'instances': row {place}: expected an object with the keys {_list_keys(names, optional)}, the same "
                f"in all rows. Received: {received}"
            )
    return {name: [row[name] for row in rows] for name in names if name in rows[0]}


def _split_columns(columns: Any, names: list[str], optional: Set[str]) -> dict[str, Any]:
    if not _is_object(columns):
        if len(names) > 1:
            raise RefusalError(f"'inputs': expected an object with the keys {_list_keys(names, optional)}")
        return dict.fromkeys(names, columns)
    if not _has_keys(columns, names, optional):
        expected = _list_keys(names, optional)
        raise RefusalError(f"'inputs': expected an object with the keys {expected}. Received: {sorted(columns)}")
    return columns


def _has_keys(found: Mapping[str, Any], names: list[str], optional: Set[str]) -> bool:
    return set(names) - optional <= set(found) <= set(names)


def _list_keys(names: list[str], optional: Set[str]) -> str:
    required = [name for name in names if name not in optional]
    return f"{required}" + (f", and if you like {sorted(optional)}" if optional else "")


def _write(outputs: Mapping[str, npt.NDArray], layout: str) -> bytes:
    columns = {name: write_array(name, array) for name, array in outputs.items()}
    if layout == _ROWS:
        sizes = {name: len(array) if array.ndim else None for name, array in outputs.items()}
        if None in sizes.values() or len(set(sizes.values())) > 1:
            raise RefusalError(
                f"The outputs do not have the same number of rows, {sizes}: ask with 'inputs' instead of 'instances'"
            )
        rows = zip(*columns.values(), strict=True)
        answer: Any = [dict(zip(columns, row, strict=True)) if len(columns) > 1 else row[0] for row in rows]
    else:
        answer = columns if len(columns) > 1 else next(iter(columns.values()))
    return orjson.dumps({_ANSWERS[layout]: answer}, option=orjson.OPT_SERIALIZE_NUMPY)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and list(value) != [BASE64]


def _describe(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    names = {dict: "an object", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")
