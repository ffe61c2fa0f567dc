"""Asks a SavedModel through TensorFlow's C API, with nothing of Python behind the graph.

This file is run as a script, in a process of its own: it loads a model with the loader that TensorFlow Serving uses,
in about a second, and imports neither TensorFlow's Python nor Keras nor this project:

    python -I c_api.py REQUEST_FILE ANSWER_FILE

Both files are JSON. A tensor is ``{"dtype": ..., "shape": [...], "values": [...]}``, values in row-major order, strings
in base64. The request is

    {"model": folder, "libraries": [files with more operations],
     "requests": [{"inputs": {tensor name: tensor}, "outputs": {key: tensor name}}]}

and the answer

    {"load_seconds": s, "answers": [{"seconds": s, "outputs": {key: tensor}}], "modules": [what was imported],
     "error": null}

An error of TensorFlow ends the work: it stands in ``error``, and ``answers`` holds what was answered before it;
``load_seconds`` is null when the model could not be loaded.
"""

import base64
import contextlib
import ctypes
import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

STRING = 7
STRING_BYTES = 24  # sizeof(TF_TString)
DTYPES = {1: np.dtype("float32"), 3: np.dtype("int32"), STRING: np.dtype(object), 9: np.dtype("int64")}
CODES = {dtype: code for code, dtype in DTYPES.items()}

_I, _P, _S, _T = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
FUNCTIONS = {
    "NewStatus NewGraph NewSessionOptions": [_P],
    "DeleteStatus DeleteGraph DeleteSessionOptions DeleteTensor DeleteLibraryHandle": [None, _P],
    "StringInit StringDealloc": [None, _P],
    "GetCode TensorType NumDims": [_I, _P],
    "Dim": [ctypes.c_int64, _P, _I],
    "Message": [_T, _P],
    "TensorData StringGetDataPointer": [_P, _P],
    "StringGetSize": [_S, _P],
    "StringCopy": [None, _P, _T, _S],
    "AllocateTensor": [_P, _I, _P, _I, _S],
    "LoadLibrary": [_P, _T, _P],
    "GraphOperationByName": [_P, _P, _T],
    "LoadSessionFromSavedModel": [_P, _P, _P, _T, _P, _I, _P, _P, _P],
    "SessionRun": [None, _P, _P, _P, _P, _I, _P, _P, _I, _P, _I, _P, _P],
    "CloseSession DeleteSession": [None, _P, _P],
}
"""The functions of TensorFlow's `c_api.h` and `tf_tstring.h`, without ``TF_``: result, then arguments."""


class TensorFlowError(Exception):
    """TensorFlow refused; the message is its own."""


class _Output(ctypes.Structure):
    _fields_ = [("operation", _P), ("index", _I)]


class TensorFlow:
    """The shared library inside the installed package; raises `TensorFlowError` if another cannot be loaded."""

    def __init__(self, libraries: Sequence[str] = ()):
        (package,) = importlib.util.find_spec("tensorflow").submodule_search_locations
        for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2"):
            library = ctypes.CDLL(os.path.join(package, name), ctypes.RTLD_GLOBAL)
        for names, (result, *arguments) in FUNCTIONS.items():
            for name in names.split():
                function = getattr(library, f"TF_{name}")
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)
        for path in libraries:
            with self.status() as status:
                self.DeleteLibraryHandle(self.LoadLibrary(os.fsencode(path), status))  # its operations stay

    @contextlib.contextmanager
    def status(self) -> Iterator[int]:
        """Gives a status to a call; raises what the call puts into it."""
        status = self.NewStatus()
        try:
            yield status
            if self.GetCode(status):
                raise TensorFlowError(self.Message(status).decode("utf-8", "replace"))
        finally:
            self.DeleteStatus(status)

    @contextlib.contextmanager
    def tensor(self, array: np.ndarray) -> Iterator[int]:
        """Gives an array as a tensor; strings are bytes in an object array."""
        dims, is_string = (ctypes.c_int64 * array.ndim)(*array.shape), array.dtype == object
        size = array.size * (STRING_BYTES if is_string else array.itemsize)
        tensor = self.AllocateTensor(CODES[array.dtype], dims, array.ndim, size)
        data = self.TensorData(tensor)
        strings = [data + place * STRING_BYTES for place in range(array.size)] if is_string else []
        for string, value in zip(strings, array.ravel(), strict=False):
            self.StringInit(string)
            self.StringCopy(string, value, len(value))
        if not is_string:
            ctypes.memmove(data, np.ascontiguousarray(array).ctypes.data, size)
        try:
            yield tensor
        finally:
            for string in strings:
                self.StringDealloc(string)
            self.DeleteTensor(tensor)

    def array(self, tensor: int) -> np.ndarray:
        """Copies a tensor into an array."""
        code, shape = self.TensorType(tensor), [self.Dim(tensor, axis) for axis in range(self.NumDims(tensor))]
        if code not in DTYPES:
            raise TensorFlowError(f"An output has TF_DataType {code}, which is none of {sorted(DTYPES)}.")
        array, data = np.empty(shape, DTYPES[code]), self.TensorData(tensor)
        if code != STRING:
            ctypes.memmove(array.ctypes.data, data, array.nbytes)
            return array
        for place in range(array.size):
            string = data + place * STRING_BYTES
            array.flat[place] = ctypes.string_at(self.StringGetDataPointer(string), self.StringGetSize(string))
        return array


class Session:
    """A SavedModel, loaded; raises `TensorFlowError` if it cannot be."""

    def __init__(self, tf: TensorFlow, folder: str):
        self._tf, self._graph = tf, tf.NewGraph()
        options, tags = tf.NewSessionOptions(), (_T * 1)(b"serve")
        with tf.status() as status:
            self._session = tf.LoadSessionFromSavedModel(
                options, None, os.fsencode(folder), tags, len(tags), self._graph, None, status
            )
        tf.DeleteSessionOptions(options)

    def run(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> tuple[list[np.ndarray], float]:
        """Feeds arrays by the name of the tensor; returns the tensors named, and the seconds they took."""
        tf, results = self._tf, (_P * len(outputs))()
        feeds, fetches = ((_Output * len(names))(*map(self._output, names)) for names in (inputs, outputs))
        with contextlib.ExitStack() as stack:
            values = (_P * len(inputs))(*(stack.enter_context(tf.tensor(array)) for array in inputs.values()))
            fed, fetched = (feeds, values, len(feeds)), (fetches, results, len(fetches))
            with tf.status() as status:
                start = time.perf_counter()
                tf.SessionRun(self._session, None, *fed, *fetched, None, 0, None, status)
                seconds = time.perf_counter() - start
            for result in results:
                stack.callback(tf.DeleteTensor, result)
            return [tf.array(result) for result in results], seconds

    def close(self) -> None:
        """Frees the model."""
        for free in (self._tf.CloseSession, self._tf.DeleteSession):
            with self._tf.status() as status:
                free(self._session, status)
        self._tf.DeleteGraph(self._graph)

    def _output(self, name: str) -> _Output:
        operation, _, index = name.partition(":")
        found = self._tf.GraphOperationByName(self._graph, operation.encode())
        if not found:
            raise TensorFlowError(f"The graph has no operation {operation!r}, though a signature names it.")
        return _Output(found, int(index or 0))


def to_json(array: np.ndarray) -> dict[str, Any]:
    """Writes an array of strings (bytes) or numbers as the JSON of a tensor."""
    values = array.ravel().tolist()
    if array.dtype == object:
        values = [base64.b64encode(value).decode() for value in values]
    return {"dtype": array.dtype.name, "shape": list(array.shape), "values": values}


def from_json(tensor: Mapping[str, Any]) -> np.ndarray:
    """Reads what `to_json` wrote."""
    values, array = tensor["values"], np.empty(len(tensor["values"]), tensor["dtype"])
    array[:] = [base64.b64decode(value) for value in values] if array.dtype == object else values
    return array.reshape(tensor["shape"])


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Loads the model and asks it; request and answer as in the module's documentation."""
    result: dict[str, Any] = {"load_seconds": None, "answers": [], "error": None}
    try:
        start = time.perf_counter()
        session = Session(TensorFlow(request["libraries"]), request["model"])
        result["load_seconds"] = time.perf_counter() - start
        for asked in request["requests"]:
            inputs = {name: from_json(tensor) for name, tensor in asked["inputs"].items()}
            arrays, seconds = session.run(inputs, list(asked["outputs"].values()))
            outputs = dict(zip(asked["outputs"], map(to_json, arrays), strict=True))
            result["answers"].append({"seconds": seconds, "outputs": outputs})
        session.close()
    except TensorFlowError as error:
        result["error"] = str(error)
    return {**result, "modules": sorted(sys.modules)}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as request_file:
        answers = answer(json.load(request_file))
    with open(sys.argv[2], "w", encoding="utf-8") as answer_file:
        json.dump(answers, answer_file)
