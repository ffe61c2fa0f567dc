"""Runs `c_api.py` in a process of its own, with a time limit."""

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

import numpy.typing as npt

from components.infra_validator import c_api
from components.infra_validator.refusal import RefusedError, UndecidedError, first_line
from model.retrieval import scann

SCANN_OPERATIONS = os.path.join("scann_ops", "cc", "_scann_ops.so")
"""Within the package `scann`."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked at once.

    Attributes:
        name: for people.
        inputs: the tensors to feed, by their names in the graph.
        outputs: names in the graph of the tensors to fetch, by the keys to return them under.
    """

    name: str
    inputs: Mapping[str, npt.NDArray[Any]]
    outputs: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Answers:
    """What came back.

    Attributes:
        load_seconds: time to load the model.
        seconds: time to answer each request.
        outputs: of each request, by key.
        modules: what the process had imported.
    """

    load_seconds: float
    seconds: tuple[float, ...]
    outputs: tuple[dict[str, npt.NDArray[Any]], ...]
    modules: tuple[str, ...]


def ask(folder: str, requests: Sequence[Request], time_limit: float, libraries: Sequence[str] = ()) -> Answers:
    """Loads a SavedModel in a fresh process and asks it.

    Args:
        folder: of the SavedModel.
        requests: what to ask.
        time_limit: seconds for all of it; then the process is killed.
        libraries: files with operations that the model needs.

    Raises:
        RefusedError: if TensorFlow reports an error.
        UndecidedError: if the process dies or takes too long.
    """
    content = {
        "model": folder,
        "libraries": list(libraries),
        "requests": [
            {
                "inputs": {name: c_api.to_json(array) for name, array in request.inputs.items()},
                "outputs": dict(request.outputs),
            }
            for request in requests
        ],
    }
    with tempfile.TemporaryDirectory() as exchange:
        answer_file = pathlib.Path(exchange, "answer.json")
        request_file = pathlib.Path(exchange, "request.json")
        request_file.write_text(json.dumps(content), encoding="utf-8")
        _run([c_api.__file__, str(request_file), str(answer_file)], len(requests), time_limit)
        answer = json.loads(answer_file.read_text(encoding="utf-8"))
    if answer["error"]:
        what = "it cannot be loaded"
        if answer["load_seconds"] is not None:
            what = f"{requests[len(answer['answers'])].name}: it does not answer"
        raise RefusedError(f"{what}: {first_line(answer['error'])}")
    return Answers(
        load_seconds=answer["load_seconds"],
        seconds=tuple(one["seconds"] for one in answer["answers"]),
        outputs=tuple(
            {key: c_api.from_json(tensor) for key, tensor in one["outputs"].items()} for one in answer["answers"]
        ),
        modules=tuple(answer["modules"]),
    )


def libraries_for(method: str) -> list[str]:
    """Returns the files with the operations that a way to find items needs beside TensorFlow's own.

    Args:
        method: as `model.export.saved_model` writes it beside the model.

    Raises:
        ImportError: if it is ScaNN, which is not installed; that is no fault of the model.
    """
    if method != "scann":
        return []
    package = importlib.util.find_spec("scann")
    if package is None:
        raise ImportError(scann.MISSING_PACKAGE)
    return [os.path.join(folder, SCANN_OPERATIONS) for folder in package.submodule_search_locations]


def _run(arguments: Sequence[str], requests: int, time_limit: float) -> None:
    # A trainer in this process may hold all memory of the GPUs, and answers need not be fast here.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-I", *arguments]
    try:
        done = subprocess.run(
            command,
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
    said = done.stdout.decode("utf-8", "replace").strip()
    _log.info("%s", said)
    if done.returncode:
        name = f"exit code {done.returncode}"
        if done.returncode < 0:
            name = signal.Signals(-done.returncode).name
        raise UndecidedError(
            f"The process that asked the model died ({name}): {said.splitlines()[-1] if said else 'no message'}. Run "
            "again with more memory free; if it happens again, the model breaks TensorFlow."
        )
