import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from cli import main
from serving import model_server
from serving.launch import Endpoint, ServeError, choose_server, describe_addresses
from serving.model_server import DEVELOPMENT, DOCKER, IMAGE, TENSORFLOW, MissingServerError
from tests.serving.echo import DEADLINE, environment, eventually

HEEDING_CTRL_C = """
import signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)

from cli.main import main

sys.exit(main())
"""
"""The command `dspnet`, even under a shell that ignores SIGINT.

`preexec_fn` would fork, and a fork of a process that speaks gRPC, as tests before this one make of theirs, may abort.
"""


@pytest.fixture
def model(tmp_path: pathlib.Path) -> pathlib.Path:
    version = tmp_path / "shop" / "7"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    return tmp_path / "shop"


def _program(folder: pathlib.Path, name: str, script: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return str(folder / name)


def _serve(*arguments: str, **changes: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "serve", *arguments],
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def _free_ports() -> list[str]:
    return ["--rest-port", "0", "--grpc-port", "0"]


@pytest.mark.parametrize("where", ["variable", "path"])
def test_tensorflow_serving_is_started(model: pathlib.Path, tmp_path: pathlib.Path, where: str) -> None:
    program = _program(tmp_path / "bin", model_server.PROGRAM, f'printf "%s\\n" "$0" "$@" > {tmp_path}/seen; exit 3')
    # The shell itself must be found, too; the folder comes first.
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    changes = {"variable": {"TF_MODEL_SERVER": program}, "path": {"TF_MODEL_SERVER": "", "PATH": path}}[where]
    relative = os.path.relpath(model)
    done = _serve("--model", relative, "--name", "store", "--rest-port", "18501", "--grpc-port", "18500", **changes)
    assert done.returncode == 3, done.stderr  # the program's own: it took the place of the command
    assert (tmp_path / "seen").read_text().splitlines() == [
        program,
        "--port=18500",
        "--rest_api_port=18501",
        "--model_name=store",
        f"--model_base_path={model}",
    ]
    assert "all interfaces" in done.stdout and "newest version 7" in done.stdout
    assert "http://127.0.0.1:18501/v1/models/store:predict" in done.stdout and "127.0.0.1:18500" in done.stdout


def test_docker_is_started_when_its_daemon_answers(model: pathlib.Path, tmp_path: pathlib.Path) -> None:
    script = f'[ "$1" = info ] && exit 0; printf "%s\\n" "$@" > {tmp_path}/seen'
    _program(tmp_path / "bin", "docker", script)
    done = _serve(
        "--model", str(model), "--rest-port", "18501", PATH=f"{tmp_path / 'bin'}:/bin:/usr/bin", TF_MODEL_SERVER=""
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "seen").read_text().splitlines() == [
        "run",
        "--rm",
        "--init",
        "--publish=127.0.0.1:18501:8501",
        "--publish=127.0.0.1:8500:8500",
        f"--mount=type=bind,source={model},target=/models/shop,readonly",
        "--env=MODEL_NAME=shop",
        IMAGE,
    ]
    assert IMAGE in done.stdout


def test_what_auto_takes(model: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, path = Endpoint(str(model)).validate(), {"PATH": str(tmp_path / "bin")}
    assert choose_server(endpoint, path) == (DEVELOPMENT, "")
    docker = _program(tmp_path / "bin", "docker", "exit 1")
    assert choose_server(endpoint, path) == (DEVELOPMENT, "")
    _program(tmp_path / "bin", "docker", "exec sleep 100")
    monkeypatch.setattr(model_server, "_DOCKER_SECONDS", 0.1)
    assert choose_server(endpoint, {"PATH": f"{tmp_path / 'bin'}:/bin:/usr/bin"}) == (DEVELOPMENT, "")
    monkeypatch.undo()
    _program(tmp_path / "bin", "docker", "exit 0")
    assert choose_server(endpoint, path) == (DOCKER, docker)
    program = _program(tmp_path / "bin", model_server.PROGRAM, "exit 0")
    assert choose_server(endpoint, path) == (TENSORFLOW, program)
    (model / "7" / "assets.extra").mkdir()
    (model / "7" / "assets.extra" / "retrieval.json").write_text('{"method": "scann"}')
    assert choose_server(endpoint, path) == (DEVELOPMENT, "")  # stock TensorFlow Serving cannot load it


@pytest.mark.parametrize(
    ("server", "given", "message"),
    [
        ("tensorflow", {}, "--server tensorflow: no tensorflow_model_server on PATH"),
        ("docker", {}, "--server docker: there is no docker on PATH"),
        ("auto", {"TF_MODEL_SERVER": "/nowhere"}, "TF_MODEL_SERVER: expected the path of an executable"),
        ("auto", {"TF_MODEL_SERVER": __file__}, "TF_MODEL_SERVER: expected the path of an executable"),
        ("auto", {"TF_MODEL_SERVER": "/"}, "TF_MODEL_SERVER: expected the path of an executable"),
    ],
)
def test_a_server_that_is_not_here(model: pathlib.Path, server: str, given: dict[str, str], message: str) -> None:
    with pytest.raises(MissingServerError, match=message):
        choose_server(Endpoint(str(model), server=server), {"PATH": "", **given})


def test_what_cannot_be_served(model: pathlib.Path, capsys: pytest.CaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, message in (
            (["--model", "/nowhere"], "--model: no version in '/nowhere'"),
            (["--model", str(model / "7")], f"is one version; give the folder that holds versions: {model}"),
            (["--model", str(model), "--name", "a/b"], "--name: expected a name without"),
            (["--model", str(model), "--rest-port", port], f"--rest-port: 127.0.0.1:{port} cannot be had"),
            (["--model", str(model), "--grpc-port", port], f"--grpc-port: 127.0.0.1:{port} cannot be had"),
            (
                ["--model", str(model), "--rest-port", "18501", "--grpc-port", "18501"],
                "--grpc-port: expected another port than --rest-port. Received: 18501 for both",
            ),
            (["--model", str(model), "--rest-port", "99999"], "--rest-port: expected 0 to 65535. Received: 99999"),
            (["--model", str(model), "--rest-port", "0", "--grpc-port", "0"], "version 7: "),  # an empty file
        ):
            assert main.main(["serve", "--server", "development", *arguments]) == 2
            assert message in capsys.readouterr().err


def test_the_name_is_the_folders(model: pathlib.Path) -> None:
    assert Endpoint(f"{model}/").validate().name == "shop"
    assert "curl -s http://127.0.0.1:8501/v1/models/shop:predict" in describe_addresses(Endpoint(str(model)).validate())
    with pytest.raises(ServeError, match="--name"):
        Endpoint("/").validate()


TENSORFLOW_STARTS = re.compile(r"WARNING: All log messages before absl::InitializeLog\(\)|[IWE]\d{4} \d\d:\d\d:")
"""What TensorFlow 2.21 says while it is imported, which no setting silences."""


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_development_server_starts_and_stops(
    echo_versions: pathlib.Path, tmp_path: pathlib.Path, sent: signal.Signals
) -> None:
    base = tmp_path / "echo"
    shutil.copytree(echo_versions / "1", base / "1")
    command = [sys.executable, "-c", HEEDING_CTRL_C, "serve", "--server", "development", "--model", str(base)]
    with open(tmp_path / "out", "w") as out, open(tmp_path / "err", "w") as err:
        process = subprocess.Popen(
            [*command, *_free_ports()],
            env=environment(PYTHONUNBUFFERED="1"),
            stdout=out,
            stderr=err,
        )
        try:
            told = lambda word: process.poll() is not None or word in (tmp_path / "out").read_text()  # noqa: E731
            eventually(lambda: told("Ctrl-C stops it."), "it says that it serves")
            shown = (tmp_path / "out").read_text()
            assert shown.startswith("Development server: no authentication"), shown
            assert re.search(r"Model echo, version 1, loaded in \d+\.\d s\n", shown)
            (curl,) = re.findall(r"^Try   (curl .*)$", shown, re.MULTILINE)
            _, _, url, _, body = shlex.split(curl)
            with urllib.request.urlopen(url, body.encode(), timeout=DEADLINE) as answer:
                assert b'"item_ids":["ITEM"]' in answer.read()
            shutil.copytree(echo_versions / "2", base / "2")
            eventually(lambda: told("Serving version 2, loaded in"), "it announces the new version")
            process.send_signal(sent)
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
            process.wait()
    assert (tmp_path / "out").read_text().endswith("\nStopped.\n")
    assert [line for line in (tmp_path / "err").read_text().splitlines() if not TENSORFLOW_STARTS.match(line)] == []
