"""The candidate: which signatures its SavedModel has, and what they answer in a fresh process."""

import dataclasses
import importlib.util
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from google.protobuf import message
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from components.infra_validator import fresh_process
from components.infra_validator.histories import Histories
from components.infra_validator.refusal import RefusedError, UndecidedError, first_line
from model.retrieval import scann
from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS, HISTORY_TIMESTAMPS
from schemas.served_model import (
    ALLOW_ITEM_IDS,
    EMBED_USERS,
    EXAMPLES,
    EXCLUDE_ITEM_IDS,
    RANK_ALLOWED,
    RECOMMEND_UNSEEN,
    REQUEST_TIME,
    SERVING_DEFAULT,
    SERVING_EXAMPLES,
)

REQUIRED = (SERVING_DEFAULT, SERVING_EXAMPLES)
"""The signatures without which a model cannot be served."""

INPUTS = {
    SERVING_DEFAULT: {HISTORY_ITEM_IDS, HISTORY_SCENE_IDS},
    SERVING_EXAMPLES: {EXAMPLES},
    RECOMMEND_UNSEEN: {HISTORY_ITEM_IDS, HISTORY_SCENE_IDS, EXCLUDE_ITEM_IDS},
    RANK_ALLOWED: {HISTORY_ITEM_IDS, HISTORY_SCENE_IDS, ALLOW_ITEM_IDS},
    EMBED_USERS: {HISTORY_ITEM_IDS, HISTORY_SCENE_IDS},
}
"""The inputs that each signature must be given; all of them are strings."""

LISTS = {RECOMMEND_UNSEEN: EXCLUDE_ITEM_IDS, RANK_ALLOWED: ALLOW_ITEM_IDS}
"""The input of a signature that lists items for each user."""

OPTIONAL = {HISTORY_TIMESTAMPS, REQUEST_TIME}
"""The inputs that may be left out; both are int64. `SERVING_EXAMPLES` reads them from its examples."""

SCANN_OPERATIONS = os.path.join("scann_ops", "cc", "_scann_ops.so")
"""The library of ScaNN's operations, within the package `scann`."""

SCRIPT = fresh_process.__file__

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Request:
    """One request to a signature.

    Attributes:
        name: what a refusal calls the request.
        signature: name of the signature.
        inputs: object arrays of bytes, or of times, by the key of the input.
    """

    name: str
    signature: str
    inputs: Mapping[str, npt.NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Answers:
    """The answers of a candidate.

    Attributes:
        load_seconds: time to load the model.
        seconds: time to answer each request.
        outputs: the arrays that answer each request, by the key of the output.
        modules: names of the modules that the fresh process had imported.
    """

    load_seconds: float
    seconds: tuple[float, ...]
    outputs: tuple[dict[str, npt.NDArray[Any]], ...]
    modules: tuple[str, ...]


def read_signatures(folder: str) -> list[str]:
    """Returns the names of those signatures in a SavedModel's folder that are among `INPUTS`, in their order.

    Raises:
        RefusedError: if there is no SavedModel, if it lacks one of `REQUIRED`, or if a signature takes other inputs
            than it should.
    """
    path = os.path.join(folder, "saved_model.pb")
    if not tf.io.gfile.exists(path):
        raise RefusedError("it is no SavedModel: it has no saved_model.pb")
    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    try:
        graphs = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    except message.DecodeError as error:
        raise RefusedError("it is no SavedModel: its saved_model.pb cannot be read") from error
    graph = next((graph for graph in graphs if fresh_process.TAG in graph.meta_info_def.tags), None)
    if graph is None:
        raise RefusedError(f"its saved_model.pb has no graph with the tag {fresh_process.TAG!r}")
    missing = [name for name in REQUIRED if name not in graph.signature_def]
    if missing:
        raise RefusedError(f"it has no signature {' and no signature '.join(missing)}")
    found = [name for name in INPUTS if name in graph.signature_def]
    for name in found:
        _check_inputs(name, graph.signature_def[name])
    return found


def make_request(signature: str, histories: Histories) -> Request:
    """Returns the request that asks a signature about some histories.

    Args:
        signature: one of `INPUTS`.
        histories: the histories of one request.
    """
    inputs: dict[str, npt.NDArray[Any]] = {
        HISTORY_ITEM_IDS: histories.item_ids,
        HISTORY_SCENE_IDS: histories.scene_ids,
    }
    if histories.times.any():
        inputs |= {HISTORY_TIMESTAMPS: histories.times, REQUEST_TIME: histories.now}
    if signature == SERVING_EXAMPLES:
        rows = zip(histories.item_ids, histories.scene_ids, histories.times, histories.now, strict=True)
        inputs = {EXAMPLES: np.array([_serialize_example(*row) for row in rows], object)}
    if signature in LISTS:
        inputs[LISTS[signature]] = histories.listed_ids
    return Request(f"{signature}, {histories.names[0]}", signature, inputs)


def find_libraries(method: str) -> list[str]:
    """Returns the paths of the libraries that a way to find items needs beside TensorFlow.

    Args:
        method: ``exact`` or ``scann`` (`schemas.served_model.RETRIEVAL_FILE`).

    Raises:
        ImportError: if ScaNN is needed and not installed; that is no fault of the model.
    """
    if method != "scann":
        return []
    package = importlib.util.find_spec("scann")
    if package is None or package.submodule_search_locations is None:
        raise ImportError(scann.MISSING_PACKAGE)
    return [os.path.join(folder, SCANN_OPERATIONS) for folder in package.submodule_search_locations]


def ask(folder: str, requests: Sequence[Request], time_limit: float, libraries: Sequence[str] = ()) -> Answers:
    """Loads a SavedModel in a fresh process and asks it.

    Args:
        folder: folder of the SavedModel.
        requests: what to ask.
        time_limit: seconds for the whole process, which is killed when they are over.
        libraries: paths of libraries with operations that the model needs.

    Raises:
        RefusedError: if the model cannot be loaded, or does not answer a request.
        UndecidedError: if the process dies or takes too long.
    """
    content = {
        "model": folder,
        "libraries": list(libraries),
        "requests": [
            {
                "signature": request.signature,
                "inputs": {key: fresh_process.encode_tensor(array) for key, array in request.inputs.items()},
            }
            for request in requests
        ],
    }
    with tempfile.TemporaryDirectory() as exchange:
        request_file, answer_file = pathlib.Path(exchange, "request.json"), pathlib.Path(exchange, "answer.json")
        request_file.write_text(json.dumps(content), encoding="utf-8")
        _run_script([str(request_file), str(answer_file)], len(requests), time_limit)
        answer = json.loads(answer_file.read_text(encoding="utf-8"))
    if answer["error"] is not None:
        what = "it cannot be loaded"
        if answer["load_seconds"] is not None:
            what = f"{requests[len(answer['answers'])].name}: it does not answer"
        raise RefusedError(f"{what}: {first_line(answer['error'])}")
    return Answers(
        load_seconds=answer["load_seconds"],
        seconds=tuple(one["seconds"] for one in answer["answers"]),
        outputs=tuple(
            {key: fresh_process.decode_tensor(text) for key, text in one["outputs"].items()}
            for one in answer["answers"]
        ),
        modules=tuple(answer["modules"]),
    )


def _check_inputs(name: str, signature: meta_graph_pb2.SignatureDef) -> None:
    expected = INPUTS[name] if name == SERVING_EXAMPLES else INPUTS[name] | OPTIONAL
    if set(signature.inputs) != expected:
        raise RefusedError(f"{name} takes {sorted(signature.inputs)}, where {sorted(expected)} is expected")
    for key, tensor in sorted(signature.inputs.items()):
        wanted = types_pb2.DT_INT64 if key in OPTIONAL else types_pb2.DT_STRING
        if tensor.dtype != wanted:
            names = tf.as_dtype(tensor.dtype).name, tf.as_dtype(wanted).name
            raise RefusedError(f"{name} takes {key} as {names[0]}, where {names[1]} is expected")
    required = sorted(OPTIONAL & expected - set(signature.defaults))
    if required:
        raise RefusedError(f"{name} has no default for {', '.join(required)}, which a request may leave out")


def _serialize_example(
    item_ids: npt.NDArray[np.object_],
    scene_ids: npt.NDArray[np.object_],
    times: npt.NDArray[np.int64],
    now: np.int64,
) -> bytes:
    example = tf.train.Example()
    for feature, ids in ((HISTORY_ITEM_IDS, item_ids), (HISTORY_SCENE_IDS, scene_ids)):
        example.features.feature[feature].bytes_list.value.extend(raw_id for raw_id in ids if raw_id)
    if times.any():
        example.features.feature[HISTORY_TIMESTAMPS].int64_list.value.extend(time for time in times if time)
        example.features.feature[REQUEST_TIME].int64_list.value.append(now)
    return example.SerializeToString()


def _run_script(arguments: Sequence[str], requests: int, time_limit: float) -> None:
    # A trainer in this process may hold all memory of the GPUs, and answers need not be fast here.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        done = subprocess.run(
            [sys.executable, "-I", SCRIPT, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=time_limit,
        )
    except subprocess.TimeoutExpired as error:
        _log.info("%s", (error.output or b"").decode("utf-8", "replace"))
        raise UndecidedError(
            f"The model did not load and answer {requests} requests within {time_limit:g} s. Run again when the "
            "machine is less busy; if it happens again, the model hangs."
        ) from error
    output = done.stdout.decode("utf-8", "replace").strip()
    _log.info("%s", output)
    if done.returncode:
        cause = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit code {done.returncode}"
        raise UndecidedError(
            f"The process that asked the model died ({cause}): {output.splitlines()[-1] if output else 'no message'}. "
            "Run again with more memory free; if it happens again, the model breaks TensorFlow."
        )
