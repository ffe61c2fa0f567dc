"""TensorFlow Serving itself: where it is, and how it is started."""

import os
import shutil
import subprocess
from collections.abc import Mapping

from schemas.errors import UserError
from serving.ports import HOST

AUTO, TENSORFLOW, DOCKER, DEVELOPMENT = SERVERS = "auto", "tensorflow", "docker", "development"
"""What can be asked for; auto is the first of the others that is here."""

VARIABLE = "TF_MODEL_SERVER"
PROGRAM = "tensorflow_model_server"
IMAGE = "tensorflow/serving:2.16.1"
"""The release that goes with the TensorFlow that models are trained with."""

REST_PORT, GRPC_PORT = 8501, 8500
"""TensorFlow Serving's own, inside the container too."""

_DOCKER_SECONDS = 5


class MissingServerError(UserError):
    """The server that was asked for is not here; the message says what to do."""


def find_model_server(environment: Mapping[str, str]) -> str | None:
    """Returns the path of TensorFlow Serving's program, or None when there is none.

    Args:
        environment: environment variables, of which TF_MODEL_SERVER and PATH are read.

    Raises:
        MissingServerError: if TF_MODEL_SERVER names something that cannot be run.
    """
    given = environment.get(VARIABLE)
    if not given:
        return shutil.which(PROGRAM, path=environment.get("PATH", ""))
    if not (os.path.isfile(given) and os.access(given, os.X_OK)):
        raise MissingServerError(
            f"{VARIABLE}: expected the path of an executable {PROGRAM}. Received: {given!r}. Correct it, or unset it"
        )
    return os.path.abspath(given)


def find_docker(environment: Mapping[str, str]) -> str | None:
    """Returns the path of docker if its daemon answers, else None."""
    docker = shutil.which("docker", path=environment.get("PATH", ""))
    if docker is None:
        return None
    try:
        answer = subprocess.run(
            [docker, "info"], env=dict(environment), capture_output=True, timeout=_DOCKER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return docker if answer.returncode == 0 else None


def make_model_server_command(program: str, name: str, base: str, rest_port: int, grpc_port: int) -> list[str]:
    """Returns the command line of TensorFlow Serving.

    Args:
        program: path of TensorFlow Serving's program.
        name: name of the model.
        base: folder of the model's versions.
        rest_port: port for REST.
        grpc_port: port for gRPC.
    """
    return [
        program,
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        f"--model_name={name}",
        f"--model_base_path={os.path.abspath(base)}",
    ]


def make_docker_command(docker: str, name: str, base: str, rest_port: int, grpc_port: int) -> list[str]:
    """Returns the command line that runs TensorFlow Serving's image; arguments as in `make_model_server_command`."""
    return [
        docker,
        "run",
        "--rm",
        "--init",  # passes Ctrl-C on to the server
        f"--publish={HOST}:{rest_port}:{REST_PORT}",
        f"--publish={HOST}:{grpc_port}:{GRPC_PORT}",
        f"--mount=type=bind,source={os.path.abspath(base)},target=/models/{name},readonly",
        f"--env=MODEL_NAME={name}",
        IMAGE,
    ]
