"""The parts of HTTP that a JSON API needs and the standard library leaves open."""

import json
import logging
import socket
import time
from http import server
from typing import Any

IDLE_SECONDS = 60
"""A connection that says nothing for so long is closed."""

_DRAIN_SECONDS = 5.0
_BLOCK = 65536

_logger = logging.getLogger(__name__)


class JsonConnection(server.BaseHTTPRequestHandler):
    """One connection, kept open between requests; every answer is JSON, errors are ``{"error": ...}``.

    A body is taken only with its length given, and up to `max_body` bytes.
    """

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "DSPnet", ""
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered, so that header and body leave together
    timeout = IDLE_SECONDS
    max_body = 0

    def read_body(self) -> bytes | None:
        """Returns the body of a request, or None when it was refused or the client went away."""
        length = self._length()
        if length is None:
            return None
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return body

    def ignore_body(self) -> None:
        """Makes sure that a body which nobody reads is not taken for the next request."""
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True

    def send_json(self, status: int, body: bytes, **headers: str) -> None:
        """Answers."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status: int, message: str, **headers: str) -> None:
        """Answers with an error."""
        self.send_json(status, json.dumps({"error": message}).encode("utf-8"), **headers)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers what the base class could not parse; it would write a page of HTML."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or ""
        self.fail(code, message or self.responses[code][0])

    def handle_expect_100(self) -> bool:
        """Lets a client that asks first send its body, unless that is going to be refused."""
        if self._length() is None:
            return False
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps a log of requests for those who ask for it."""
        _logger.debug(format, *args)

    def _length(self) -> int | None:
        length = self.headers.get("Content-Length")
        if length is None or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.fail(411, "Expected a Content-Length; a body in chunks is not taken")
        elif not (length.isascii() and length.isdigit()):
            self.close_connection = True
            self.fail(400, f"Content-Length: expected a number. Received: {length[:40]!r}")
        elif int((length := length.lstrip("0") or "0")[:19]) > self.max_body:  # int() refuses thousands of digits
            self.close_connection = True
            self.fail(413, f"A request may have at most {self.max_body} bytes. Received: {length[:19]}. Send several")
            self._drain()
        else:
            return int(length)
        return None

    def _drain(self) -> None:
        """Takes in what the client is still sending.

        Closing while it sends would reset the connection, and it would never read why it was refused.
        """
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1)
        deadline = time.monotonic() + _DRAIN_SECONDS
        try:
            while time.monotonic() < deadline and self.rfile.read1(_BLOCK):
                pass
        except OSError:  # includes the timeout
            pass
