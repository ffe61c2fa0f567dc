"""Where servers listen on this machine."""

import socket

from schemas.errors import UserError

HOST = "127.0.0.1"
"""What every port here is bound to: a development server is nobody else's business."""

STOP_SECONDS = 5.0
"""How long requests in flight may take to finish when a server stops."""


class PortError(UserError):
    """A port cannot be had; the message says which and what to do."""


def find_free_port(flag: str, port: int) -> int:
    """Returns a port that is free at the moment, for a server that is about to be started.

    Args:
        flag: the flag that gave the port, for the message.
        port: 0 for any.

    Raises:
        PortError: if it is in use, or no port.
    """
    if not 0 <= port <= 65535:
        raise PortError(f"{flag}: expected 0 to 65535. Received: {port}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or the last server's closed connections count
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise make_port_error(flag, port, error) from error
        return probe.getsockname()[1]


def make_port_error(flag: str, port: int, error: Exception) -> PortError:
    """Returns an error about a port that cannot be had."""
    return PortError(
        f"{flag}: {HOST}:{port} cannot be had, most likely because another server uses it: stop that one, or give "
        f"another port, 0 for any. ({error})"
    )
