"""A small server for development that speaks TensorFlow Serving's protocols."""

from types import TracebackType

from serving.development.grpc_api import GrpcServer
from serving.development.model import LoadedModel
from serving.development.refusals import RequestLimits
from serving.development.rest import RestServer
from serving.development.versions import Versions
from serving.ports import make_port_error


class DevelopmentServer:
    """Serves the newest version in a folder over REST and gRPC, on 127.0.0.1.

    Both ports are bound at once, so that a port in use is found before a large model is loaded. It stops with its
    context.

    Args:
        versions: what to serve.
        rest_port: port for REST, 0 for any free one.
        grpc_port: port for gRPC, 0 for any free one.
        limits: how much a request may ask for.

    Attributes:
        versions: what is served.
        rest_port: the port that was bound for REST.
        grpc_port: the port that was bound for gRPC.

    Raises:
        PortError: if a port is in use.
    """

    def __init__(self, versions: Versions, rest_port: int, grpc_port: int, limits: RequestLimits = RequestLimits()):  # noqa: B008
        self.versions = versions
        try:
            self._rest = RestServer(versions, limits, rest_port)
        except OSError as error:
            raise make_port_error("--rest-port", rest_port, error) from error
        try:
            self._grpc = GrpcServer(versions, limits, grpc_port)
        except OSError as error:
            self._rest.stop()
            raise make_port_error("--grpc-port", grpc_port, error) from error
        self.rest_port, self.grpc_port = self._rest.port, self._grpc.port

    def start(self) -> LoadedModel:
        """Loads the newest version, then answers.

        Raises:
            NoVersionError: if no version can be loaded.
        """
        model = self.versions.start()
        self._grpc.start()
        self._rest.start()
        return model

    def stop(self) -> None:
        """Takes no more requests and stops watching the folder."""
        self._rest.stop()
        self._grpc.stop()
        self.versions.stop()

    def __enter__(self) -> "DevelopmentServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
