"""Asks a SavedModel in a process that holds TensorFlow, but neither this project nor Keras.

This file is run as a script, by its path:

    python -I fresh_process.py REQUEST_FILE ANSWER_FILE

The model is loaded into a session of TensorFlow 1, which runs the graph alone, as a model server does. Both files are
JSON. A tensor is a serialized `TensorProto` in base64, which keeps ids that are no UTF-8. The request is

    {"model": folder, "libraries": [files with more operations],
     "requests": [{"signature": name, "inputs": {key: tensor}}]}

and the answer

    {"load_seconds": s, "answers": [{"seconds": s, "outputs": {key: tensor}}], "modules": [names of imported modules],
     "error": null}

Whatever the model raises ends the work: ``error`` holds its text, and ``answers`` what was answered before it;
``load_seconds`` is null when the model could not be loaded.
"""

import base64
import json
import sys
import time
from typing import Any

if __name__ == "__main__":
    # TensorFlow imports Keras if it finds it. A model server has no Keras, so a model that needs it must fail here.
    sys.modules["keras"] = sys.modules["tf_keras"] = None  # type: ignore[assignment]

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

TAG = "serve"
"""The tag of the graph that a model server loads."""


def encode_tensor(array: npt.NDArray[Any]) -> str:
    """Returns an array of numbers, or an object array of bytes, as the text of a tensor."""
    return base64.b64encode(tf.make_tensor_proto(array).SerializeToString()).decode()


def decode_tensor(text: str) -> npt.NDArray[Any]:
    """Returns the array that `encode_tensor` wrote."""
    return tf.make_ndarray(tensor_pb2.TensorProto.FromString(base64.b64decode(text)))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Loads the model and asks it; request and answer have the form that the module's documentation gives."""
    result: dict[str, Any] = {"load_seconds": None, "answers": [], "error": None}
    try:
        start = time.perf_counter()
        for library in request["libraries"]:
            tf.load_op_library(library)
        with tf.compat.v1.Session(graph=tf.Graph()) as session:
            graph = tf.compat.v1.saved_model.load(session, [TAG], request["model"])
            result["load_seconds"] = time.perf_counter() - start
            for asked in request["requests"]:
                signature = graph.signature_def[asked["signature"]]
                given = {key: decode_tensor(text) for key, text in asked["inputs"].items()}
                # As a model server does: what is not given is what the signature has for it.
                given |= {
                    key: tf.make_ndarray(signature.defaults[key]) for key in signature.defaults if key not in given
                }
                inputs = {signature.inputs[key].name: array for key, array in given.items()}
                tensors = {key: tensor.name for key, tensor in signature.outputs.items()}
                start = time.perf_counter()
                outputs = session.run(tensors, inputs)
                seconds = time.perf_counter() - start
                outputs = {key: encode_tensor(np.asarray(output)) for key, output in outputs.items()}
                result["answers"].append({"seconds": seconds, "outputs": outputs})
    except MemoryError:  # the machine's fault rather than the model's
        raise
    except Exception as error:  # a broken model raises anything
        result["error"] = str(error).removeprefix("Graph execution error:").strip()
    return {**result, "modules": sorted(name for name, module in sys.modules.items() if module)}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as request_file:
        answers = answer(json.load(request_file))
    with open(sys.argv[2], "w", encoding="utf-8") as answer_file:
        json.dump(answers, answer_file)
