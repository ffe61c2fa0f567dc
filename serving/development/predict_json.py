"""The body of a REST predict call, read and answered."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import orjson

from serving.development.json_tensors import BASE64, array_from_json, json_from_array
from serving.development.refusal import Reason, Refusal
from serving.development.signature import Signature

ROWS, COLUMNS = "instances", "inputs"
"""How a request gives its inputs: one object a row, or one list an input."""

_ANSWERS = {ROWS: "predictions", COLUMNS: "outputs"}


@dataclasses.dataclass(frozen=True)
class PredictCall:
    """What a body asks.

    Attributes:
        signature_name: "" for the default.
        layout: `ROWS` or `COLUMNS`.
        values: the inputs, not yet checked against a signature.
    """

    signature_name: str
    layout: str
    values: Any


def parse_call(body: bytes) -> PredictCall:
    """Reads a body.

    Raises:
        Refusal: if it is not JSON, or not the object that a predict call is.
    """
    try:
        call = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refusal(Reason.INVALID, f"JSON Parse error: {error}") from error
    if not isinstance(call, dict):
        raise Refusal(Reason.INVALID, f"JSON Value: expected an object. Received: {_kind(call)}")
    name = call.get("signature_name", "")
    if not isinstance(name, str):
        raise Refusal(Reason.INVALID, f"'signature_name' key must be a string value. Received: {_kind(name)}")
    layouts = [layout for layout in (ROWS, COLUMNS) if layout in call]
    if len(layouts) != 1:
        found = "both" if layouts else "neither"
        raise Refusal(Reason.INVALID, f"Expected one of the keys 'instances' and 'inputs'. Received: {found}")
    return PredictCall(name, layouts[0], call[layouts[0]])


def read_inputs(call: PredictCall, signature: Signature) -> dict[str, npt.NDArray]:
    """Reads the inputs of a call.

    Raises:
        Refusal: if inputs are missing or unexpected, or a value does not fit its input.
    """
    columns = _from_rows(call.values, signature) if call.layout == ROWS else _from_columns(call.values, signature)
    return {name: array_from_json(values, signature.inputs[name]) for name, values in columns.items()}


def write_outputs(outputs: Mapping[str, npt.NDArray], layout: str) -> bytes:
    """Writes an answer in the layout of its request.

    Raises:
        Refusal: if JSON cannot hold it, or it is asked for by rows and has none.
    """
    columns = {name: json_from_array(name, array) for name, array in outputs.items()}
    if layout == ROWS:
        sizes = {name: len(array) if array.ndim else None for name, array in outputs.items()}
        if None in sizes.values() or len(set(sizes.values())) > 1:
            raise Refusal(
                Reason.INVALID,
                f"The outputs do not have the same number of rows, {sizes}: ask with 'inputs' instead of 'instances'",
            )
        rows = zip(*columns.values(), strict=True)
        answer: Any = [dict(zip(columns, row, strict=True)) if len(columns) > 1 else row[0] for row in rows]
    else:
        answer = columns if len(columns) > 1 else next(iter(columns.values()))
    return orjson.dumps({_ANSWERS[layout]: answer}, option=orjson.OPT_SERIALIZE_NUMPY)


def _from_rows(rows: Any, signature: Signature) -> dict[str, list[Any]]:
    if not isinstance(rows, list) or not rows:
        raise Refusal(Reason.INVALID, f"'instances': expected a list with at least one row. Received: {_kind(rows)}")
    names = list(signature.inputs)
    if not _is_object(rows[0]):
        if len(names) > 1:
            raise Refusal(Reason.INVALID, f"'instances': expected a list of objects with the keys {names}")
        mixed = next((place for place, row in enumerate(rows) if _is_object(row)), None)
        if mixed is not None:
            raise Refusal(Reason.INVALID, f"'instances': expected a value, as in row 0, but row {mixed} is an object")
        return dict.fromkeys(names, rows)
    for place, row in enumerate(rows):
        if not _is_object(row) or sorted(row) != names:
            received = sorted(row) if isinstance(row, dict) else _kind(row)
            raise Refusal(
                Reason.INVALID,
                f"'instances': row {place}: expected an object with the keys {names}. Received: {received}",
            )
    return {name: [row[name] for row in rows] for name in names}


def _from_columns(columns: Any, signature: Signature) -> dict[str, Any]:
    names = list(signature.inputs)
    if not _is_object(columns):
        if len(names) > 1:
            raise Refusal(Reason.INVALID, f"'inputs': expected an object with the keys {names}")
        return dict.fromkeys(names, columns)
    if sorted(columns) != names:
        raise Refusal(
            Reason.INVALID, f"'inputs': expected an object with the keys {names}. Received: {sorted(columns)}"
        )
    return columns


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and list(value) != [BASE64]


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    names = {dict: "an object", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")
