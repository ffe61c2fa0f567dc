"""TensorFlow Serving's REST API."""

import logging
import re
import threading
import urllib.parse
from collections.abc import Callable
from http import server
from typing import Any

from serving.development.http_connection import JsonConnection
from serving.development.in_flight import InFlight
from serving.development.limits import Limits
from serving.development.model_info import metadata_json, status_json, status_of
from serving.development.predict_json import parse_call, read_inputs, write_outputs
from serving.development.refusal import Reason, Refusal
from serving.development.versions import Versions
from serving.ports import HOST, STOP_SECONDS

_QUIET_SECONDS = 0.25
"""A stop ends after so long without a request; until then busy clients are answered, and told to close."""

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d{1,18}))?"
_CALL = re.compile(_MODEL + r":(?P<method>predict|classify|regress)")
_INFO = re.compile(_MODEL + r"(?P<metadata>/metadata)?")

_logger = logging.getLogger(__name__)


class RestServer(server.ThreadingHTTPServer):
    """Answers HTTP requests on 127.0.0.1, with a thread for each connection.

    It listens at once: a port that is bound, but not listened on, can be bound by another server too. A client that
    connects before `start` waits.

    Args:
        versions: what is served.
        limits: what a request may ask for.
        port: 0 for any free one.

    Attributes:
        port: that was bound.

    Raises:
        OSError: if the port cannot be had.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, versions: Versions, limits: Limits, port: int):
        self._in_flight, self._stopping = InFlight(), threading.Event()
        served = {
            "versions": versions,
            "limits": limits,
            "in_flight": self._in_flight,
            "stopping": self._stopping,
        }
        handler = type("Connection", (_Connection,), served)
        super().__init__((HOST, port), handler)
        self.port = self.server_address[1]
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Answers from now on, in threads of its own."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.25,), name="rest", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Takes no more connections and lets go of the open ones; requests may finish for `STOP_SECONDS`."""
        if self._thread:
            self.shutdown()
            self._thread.join()
        self.server_close()
        self._stopping.set()
        self._in_flight.wait(STOP_SECONDS, _QUIET_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that go away in the middle."""
        _logger.debug("A connection broke", exc_info=True)


class _NotAllowedError(Exception):
    def __init__(self, allowed: str):
        super().__init__(allowed)
        self.allowed = allowed


class _Connection(JsonConnection):
    """The routes; the base class of the standard library calls do_GET and so on."""

    versions: Versions
    limits: Limits
    in_flight: InFlight
    stopping: threading.Event

    @property
    def max_body(self) -> int:  # type: ignore[override]
        return self.limits.request_bytes

    def do_GET(self) -> None:
        self.ignore_body()
        self._answer(self._info)

    def do_POST(self) -> None:
        body = self.read_body()
        if body is not None:
            with self.in_flight:
                self._answer(lambda path: self._call(path, body))
                self.wfile.flush()

    def do_PUT(self) -> None:
        self.ignore_body()
        self._not_allowed("GET, POST")

    do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_PUT  # noqa: N815  (the names that the standard library looks for)

    def send_json(self, status: int, body: bytes, **headers: str) -> None:
        """Answers; the last time on this connection when the server stops, for a busy client would never let it."""
        if self.stopping.is_set():
            self.close_connection = True
        super().send_json(status, body, **headers)

    def _info(self, path: str) -> bytes:
        found = _INFO.fullmatch(path)
        if not found:
            raise self._malformed(path, _CALL, "POST")
        if found["metadata"]:
            return metadata_json(self.versions.select(found["name"], _version(found)), found["name"])
        return status_json(status_of(self.versions, found["name"], _version(found)))

    def _call(self, path: str, body: bytes) -> bytes:
        found = _CALL.fullmatch(path)
        if not found:
            raise self._malformed(path, _INFO, "GET")
        if found["method"] != "predict":
            raise Refusal(Reason.UNSUPPORTED, f"The development server answers :predict, not :{found['method']}")
        model = self.versions.select(found["name"], _version(found))
        call = parse_call(body)
        signature = model.signature(call.signature_name)
        inputs = read_inputs(call, signature)
        self.limits.check_rows(inputs)
        return write_outputs(signature.run(inputs), call.layout)

    def _answer(self, work: Callable[[str], bytes]) -> None:
        try:
            body = work(urllib.parse.unquote(self.path.partition("?")[0]))
        except _NotAllowedError as error:
            self._not_allowed(error.allowed)
        except Refusal as refusal:
            self.fail(refusal.reason.http_status, str(refusal))
        except Exception:
            _logger.exception("%s %s failed", self.command, self.path)
            self.fail(500, "The server failed; its log says why")
        else:
            self.send_json(200, body)

    def _malformed(self, path: str, other: re.Pattern[str], allowed: str) -> Exception:
        if other.fullmatch(path):
            return _NotAllowedError(allowed)
        return Refusal(
            Reason.INVALID if path.startswith("/v1/") else Reason.NOT_FOUND,
            f"Malformed request: {self.command} {path}. Expected /v1/models/NAME[/versions/N], followed by :predict "
            "(POST), by /metadata or by nothing (GET)",
        )

    def _not_allowed(self, allowed: str) -> None:
        self.fail(405, f"{self.command} is not allowed here. Allowed: {allowed}", Allow=allowed)


def _version(found: re.Match[str]) -> int | None:
    return int(found["version"]) if found["version"] else None
