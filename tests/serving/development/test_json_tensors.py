import json
from typing import Any

import numpy as np
import orjson
import pytest
import tensorflow as tf

from serving.development.json_tensors import read_array, write_array
from serving.development.refusals import Reason, RefusalError


def _read(value: Any, dtype: tf.DType) -> np.ndarray:
    return read_array(value, tf.TensorSpec(None, dtype, "x"))


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        ("a", tf.string, ()),
        ({"b64": "AAE="}, tf.string, ()),
        (["a", {"b64": "AAE"}], tf.string, (2,)),
        ([], tf.string, (0,)),
        ([[], []], tf.string, (2, 0)),
        ([[[1], [2]]], tf.int64, (1, 2, 1)),
        ([1, 2.5, float("inf")], tf.float32, (3,)),
        ([True], tf.bool, (1,)),
        ([255], tf.uint8, (1,)),
        (2**64 - 1, tf.uint64, ()),
        (1.5, tf.float16, ()),
    ],
)
def test_shapes_and_dtypes(value: Any, dtype: tf.DType, shape: tuple[int, ...]) -> None:
    array = _read(value, dtype)
    assert array.shape == shape and array.dtype == dtype.as_numpy_dtype


def test_strings_are_bytes() -> None:
    assert _read(["é", {"b64": "AAE="}, {"b64": "AAE"}, ""], tf.string).tolist() == [
        "é".encode(),
        b"\0\1",
        b"\0\1",
        b"",
    ]


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ([["a"], ["b", "c"]], tf.string, "same length, 1 here"),
        ([["a"], "b"], tf.string, "same length, 1 here"),
        (["a", ["b"]], tf.string, "expected a string"),
        (None, tf.string, "expected a string"),
        ({"b64": 1}, tf.string, "expected a string"),
        ({"b64": "x", "y": 1}, tf.string, "expected a string"),
        ({"b64": "*"}, tf.string, "cannot be decoded"),
        ("\ud800", tf.string, "cannot be decoded"),
        ("1", tf.int64, "expected a whole number"),
        (1.0, tf.int64, "expected a whole number"),
        (True, tf.int64, "expected a whole number"),
        (2**63, tf.int64, "expected a number from -9223372036854775808"),
        (-1, tf.uint8, "from 0 to 255"),
        (1, tf.bool, "expected true or false"),
        (True, tf.float32, "expected a number"),
        ("NaN", tf.float32, "expected a number"),
        (1e39, tf.float32, "at most 3.40282e"),
        (10**400, tf.float64, "at most 1.79769e"),
        (1, tf.complex64, "use gRPC"),
        (json.loads("[" * 40 + "]" * 40), tf.string, "nested at most 32"),
    ],
)
def test_what_does_not_fit(value: Any, dtype: tf.DType, message: str) -> None:
    with pytest.raises(RefusalError, match="Input 'x'") as caught:
        _read(value, dtype)
    assert caught.value.reason is Reason.INVALID and message in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        ("y", np.array([[b"a", "é".encode()]], object), '[["a","é"]]'),
        ("y_bytes", np.array([b"\0\1"], object), '[{"b64":"AAE="}]'),
        ("y", np.zeros([2, 0], object), "[[],[]]"),
        ("y", np.array([[0.1, 1, -3.4028235e38]], np.float32), "[[0.1,1.0,-3.4028235e+38]]"),
        ("y", np.array(0.1), "0.1"),
        ("y", np.array([1, -1], np.int8), "[1,-1]"),
        ("y", np.array([[True, False]]).T, "[[true],[false]]"),
        ("y", np.array(b"a", object), '"a"'),
    ],
)
def test_writing(name: str, array: np.ndarray, expected: str) -> None:
    assert orjson.dumps(write_array(name, array), option=orjson.OPT_SERIALIZE_NUMPY).decode() == expected


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1, np.nan], np.float32), "not finite"),
        (np.array(-np.inf), "not finite"),
        (np.array([b"\xff"], object), "not UTF-8"),
    ],
)
def test_what_json_cannot_express(array: np.ndarray, message: str) -> None:
    with pytest.raises(RefusalError, match=f"Output 'y' .*{message}") as caught:
        write_array("y", array)
    assert caught.value.reason is Reason.FAILED
