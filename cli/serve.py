"""`dspnet serve`: starts an endpoint over a pushed model."""

import argparse

from cli.command import Command
from serving.model_server import GRPC_PORT, REST_PORT, SERVERS


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="FOLDER", help="the folder of all versions")
    parser.add_argument("--name", default="", help="of the model in requests (default: the folder's name)")
    parser.add_argument(
        "--server",
        choices=SERVERS,
        default=SERVERS[0],
        help="TensorFlow Serving, its image in docker, or a server for development; auto takes the first that is here "
        "(default: %(default)s)",
    )
    for protocol, port in (("rest", REST_PORT), ("grpc", GRPC_PORT)):
        parser.add_argument(
            f"--{protocol}-port",
            type=int,
            default=port,
            metavar="PORT",
            help="0 takes a free one (default: %(default)s)",
        )


def _run(arguments: argparse.Namespace) -> None:
    from serving.launch import Endpoint, serve

    serve(Endpoint(arguments.model, arguments.name, arguments.server, arguments.rest_port, arguments.grpc_port))


COMMAND = Command("serve", "start an endpoint over a pushed model", _add_arguments, _run)
