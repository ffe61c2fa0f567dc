"""Servers of the model `echo`: the same tests run against each that is here."""

import contextlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from serving.development.server import DevelopmentServer
from serving.development.versions import Versions
from serving.model_server import make_model_server_command
from serving.ports import find_free_port
from tests.serving.echo import DEADLINE, NAME, Server, environment, eventually


@contextlib.contextmanager
def _development(base: pathlib.Path) -> Iterator[Server]:
    with DevelopmentServer(Versions(NAME, str(base), poll_seconds=0.05), rest_port=0, grpc_port=0) as development:
        development.start()
        yield Server(base, development.rest_port, development.grpc_port)


@contextlib.contextmanager
def _tensorflow_serving(base: pathlib.Path) -> Iterator[Server]:
    program = os.environ.get("TF_MODEL_SERVER")
    if not program:
        pytest.skip("no TensorFlow Serving here: set TF_MODEL_SERVER")
    rest_port, grpc_port = find_free_port("REST", 0), find_free_port("gRPC", 0)
    command = make_model_server_command(program, NAME, str(base), rest_port, grpc_port)
    # By default a version that is half copied would be tried again after a minute, five times.
    command += ["--load_retry_interval_micros=100000", "--max_num_load_retries=1000"]
    process = subprocess.Popen([*command, "--file_system_poll_wait_seconds=1"], env=environment())
    try:
        yield Server(base, rest_port, grpc_port)
    finally:
        process.terminate()
        process.wait(DEADLINE)


@contextlib.contextmanager
def _endpoint(version: pathlib.Path) -> Iterator[Server]:
    host, rest_port, grpc_port, folder = os.environ["DSPNET_TEST_ENDPOINT"].split(":", 3)
    if not any(pathlib.Path(folder).iterdir()):
        shutil.copytree(version, pathlib.Path(folder) / "1")
    yield Server(pathlib.Path(folder), int(rest_port), int(grpc_port), host)


SERVERS = ["development", "tensorflow_model_server", *(["endpoint"] if "DSPNET_TEST_ENDPOINT" in os.environ else [])]


@contextlib.contextmanager
def running(kind: str, versions: pathlib.Path, base: pathlib.Path) -> Iterator[Server]:
    """Starts one of `SERVERS` on version 1 of those that are given; skips the test when it is not here."""
    shutil.copytree(versions / "1", base / "1")
    start = {
        "development": lambda: _development(base),
        "tensorflow_model_server": lambda: _tensorflow_serving(base),
        "endpoint": lambda: _endpoint(versions / "1"),
    }[kind]
    with start() as server:
        eventually(server.available, "a version is served")
        yield server
