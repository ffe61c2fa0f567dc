"""Starts an endpoint over the versions of a model: TensorFlow Serving if it is here, else a server for development."""

import dataclasses
import logging
import os
import shlex
import signal
import sys
import time
import warnings
from collections.abc import Mapping
from typing import NoReturn

from schemas.errors import UserError
from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS
from serving import model_server
from serving.model_server import AUTO, DEVELOPMENT, DOCKER, TENSORFLOW, MissingServerError
from serving.ports import HOST, find_free_port
from serving.saved_model import needs_scann
from serving.version_folders import find_versions

_WAKE_SECONDS = 0.5


class ServeError(UserError):
    """Nothing can be served as asked; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """What to serve, and where.

    Attributes:
        model: folder that holds the versions.
        name: name of the model in requests; the folder's name when empty.
        server: one of `serving.model_server.SERVERS`.
        rest_port: port for REST, 0 for any free one.
        grpc_port: port for gRPC, 0 for any free one.
    """

    model: str
    name: str = ""
    server: str = AUTO
    rest_port: int = model_server.REST_PORT
    grpc_port: int = model_server.GRPC_PORT

    def validate(self) -> "Endpoint":
        """Returns this endpoint with its name filled in.

        Raises:
            ServeError: if there is no version in the folder, the name cannot be part of a URL, or one port is given
                for both protocols.
        """
        name = self.name or os.path.basename(os.path.abspath(self.model))
        if not name or set(name) & set("/:,?#% "):
            raise ServeError(f"--name: expected a name without any of / : , ? # % and blanks. Received: {name!r}")
        if os.path.isfile(os.path.join(self.model, "saved_model.pb")):
            parent = os.path.dirname(os.path.abspath(self.model))
            raise ServeError(f"--model: {self.model!r} is one version; give the folder that holds versions: {parent}")
        find_newest_version(self.model)
        if self.rest_port == self.grpc_port != 0:
            raise ServeError(
                f"--grpc-port: expected another port than --rest-port. Received: {self.rest_port} for both; 0 is any "
                "free one"
            )
        return dataclasses.replace(self, name=name)


def find_newest_version(model: str) -> str:
    """Returns the folder of the newest version.

    Raises:
        ServeError: if there is no version.
    """
    versions = find_versions(model)
    if not versions:
        raise ServeError(
            f"--model: no version in {model!r}; expected folders such as 1732406400 that hold saved_model.pb. A run "
            "prints where it pushed its model"
        )
    return versions[max(versions)]


def serve(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> None:
    """Serves until it is stopped by Ctrl-C or SIGTERM.

    TensorFlow Serving and docker take the place of this process: the call does not return.

    Raises:
        UserError: if there is nothing to serve, a port is in use, or the server asked for is not here.
    """
    # SIGTERM is how service managers say Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        endpoint = endpoint.validate()
        server, program = choose_server(endpoint, environment)
        ports = find_free_port("--rest-port", endpoint.rest_port), find_free_port("--grpc-port", endpoint.grpc_port)
        endpoint = dataclasses.replace(endpoint, rest_port=ports[0], grpc_port=ports[1])
        if server == DEVELOPMENT:
            _serve_in_process(endpoint)
        else:
            _replace_process(endpoint, server, program, environment)
    except KeyboardInterrupt:
        print("Stopped.", flush=True)
    finally:
        signal.signal(signal.SIGTERM, before)


def choose_server(endpoint: Endpoint, environment: Mapping[str, str]) -> tuple[str, str]:
    """Decides which server to start.

    Returns:
        One of `serving.model_server.SERVERS` but `auto`, and the path of its program, "" for the development server.

    Raises:
        MissingServerError: if the server asked for is not here.
    """
    if endpoint.server == AUTO and needs_scann(find_newest_version(endpoint.model)):
        print("The newest version finds items with ScaNN, whose operation TensorFlow Serving lacks.")
        return DEVELOPMENT, ""
    if endpoint.server in (AUTO, TENSORFLOW):
        program = model_server.find_model_server(environment)
        if program:
            return TENSORFLOW, program
        if endpoint.server == TENSORFLOW:
            raise MissingServerError(
                f"--server tensorflow: no {model_server.PROGRAM} on PATH; install it, or set "
                f"{model_server.VARIABLE} to its path"
            )
    if endpoint.server in (AUTO, DOCKER):
        docker = model_server.find_docker(environment)
        if docker:
            return DOCKER, docker
        if endpoint.server == DOCKER:
            raise MissingServerError("--server docker: there is no docker on PATH, or its daemon does not answer")
    return DEVELOPMENT, ""


def describe_addresses(endpoint: Endpoint) -> str:
    """Returns the addresses at which an endpoint listens, and a command to paste."""
    rest = f"http://{HOST}:{endpoint.rest_port}/v1/models/{endpoint.name}"
    body = f'{{"instances": [{{"{HISTORY_ITEM_IDS}": ["ITEM"], "{HISTORY_SCENE_IDS}": ["SCENE"]}}]}}'
    return "\n".join(
        [
            f"REST  {rest}",
            f"gRPC  {HOST}:{endpoint.grpc_port}",
            f"Try   curl -s {shlex.quote(rest + ':predict')} -d {shlex.quote(body)}",
        ]
    )


def _replace_process(endpoint: Endpoint, server: str, program: str, environment: Mapping[str, str]) -> NoReturn:
    arguments = (program, endpoint.name, endpoint.model, endpoint.rest_port, endpoint.grpc_port)
    if server == TENSORFLOW:
        command = model_server.make_model_server_command(*arguments)
        print("TensorFlow Serving. It listens on all interfaces of this machine, without authentication.")
    else:
        command = model_server.make_docker_command(*arguments)
        print(f"TensorFlow Serving in docker, image {model_server.IMAGE}.")
    print(f"Model {endpoint.name}, newest version {os.path.basename(find_newest_version(endpoint.model))}")
    print(describe_addresses(endpoint))
    print(shlex.join(command), flush=True)
    os.execve(program, command, dict(environment))


def _serve_in_process(endpoint: Endpoint) -> None:
    # What libraries say about the machine while they are imported helps nobody here; errors are exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from serving.development.server import DevelopmentServer
        from serving.development.versions import Versions

    logger = logging.getLogger("serving")
    logger.addHandler(logging.StreamHandler(sys.stdout))
    print(
        "Development server: no authentication, no batching, this machine only. Serve people with TensorFlow Serving."
    )
    with DevelopmentServer(
        Versions(endpoint.name, endpoint.model), endpoint.rest_port, endpoint.grpc_port
    ) as development:
        model = development.start()
        print(f"Model {endpoint.name}, version {model.version}, loaded in {model.load_seconds:.1f} s")
        print(describe_addresses(endpoint))
        print("Ctrl-C stops it.", flush=True)
        logger.setLevel(logging.INFO)  # from now on new versions are announced
        while True:  # a signal may reach another thread, which does not wake this one
            time.sleep(_WAKE_SECONDS)
