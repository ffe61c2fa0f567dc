"""TensorFlow Serving's REST API."""

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web
from google.protobuf import json_format, message

from serving.development import json_tensors
from serving.development.refusals import Reason, RefusalError, RequestLimits
from serving.development.versions import Versions
from serving.ports import HOST, STOP_SECONDS

THREADS = 16
"""How many predict calls run at the same time; requests for status and metadata do not wait for them."""

IDLE_SECONDS = 60.0
"""A connection that says nothing for so long is closed; a body has as long to arrive."""

_QUIET_SECONDS = 0.25
"""A stop ends after so long without a request; until then busy clients are answered, and told to close."""

_DRAIN_SECONDS = 5.0
"""How long the rest of a refused body is taken in: a client that is cut off while it sends never reads why."""

_HEADER_BYTES = 64 * 1024
_BACKLOG = 128

_MODEL = "/v1/models/{name:[^/:]+}"
_VERSION = r"/versions/{version:[0-9]{1,18}}"

_DEFAULTS = "always_print_fields_with_no_presence"
"""The argument of `json_format.MessageToDict` that writes fields at their default too."""
if _DEFAULTS not in inspect.signature(json_format.MessageToDict).parameters:  # before protobuf 5
    _DEFAULTS = "including_default_value_fields"

_logger = logging.getLogger(__name__)


class RestServer:
    """Answers HTTP requests on 127.0.0.1, from an event loop in a thread of its own.

    The server listens from the beginning: a port that is bound, but not listened on, can be bound by another server
    too. A client that connects before `start` waits.

    Args:
        versions: what is served.
        limits: how much a request may ask for.
        port: 0 for any free one.

    Attributes:
        port: the port that was bound.

    Raises:
        OSError: if the port cannot be had.
    """

    def __init__(self, versions: Versions, limits: RequestLimits, port: int):
        self._api = _Api(versions, limits)
        self._socket = socket.create_server((HOST, port), backlog=_BACKLOG)
        self.port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Answers from now on."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest", daemon=True)
        self._thread.start()
        self._run(self._open())

    def stop(self) -> None:
        """Takes no more connections and lets go of the open ones; requests may finish for `STOP_SECONDS`."""
        if self._thread:
            self._run(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._socket.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        # `_Api.finish` waits for requests; this moment is for those that it gave up.
        self._runner = web.AppRunner(self._api.make_application(), shutdown_timeout=0.1)
        await self._runner.setup()
        assert self._runner.server  # since it was set up
        connect = functools.partial(
            _Connection,
            self._runner.server,
            loop=self._loop,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=_DRAIN_SECONDS,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        self._server = await self._loop.create_server(connect, sock=self._socket, backlog=_BACKLOG)

    async def _close(self) -> None:
        self._server.close()
        await self._api.finish()
        await self._runner.cleanup()


class _Connection(web.RequestHandler):
    """A connection that answers in JSON even what is no HTTP."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers what cannot be parsed, in one line, and closes the connection."""
        _logger.debug("A request cannot be parsed", exc_info=exc)
        response = _make_error(status, f"Malformed request: {(message or '').partition(chr(10))[0]}")
        response.force_close()
        return response


class _Api:
    """The routes, and what is answered on each.

    Args:
        versions: what is served.
        limits: how much a request may ask for.
    """

    def __init__(self, versions: Versions, limits: RequestLimits):
        self._versions = versions
        self._limits = limits
        self._threads = concurrent.futures.ThreadPoolExecutor(THREADS, "rest")
        self._in_flight = 0
        self._last_request = 0.0
        self._stopping = False

    def make_application(self) -> web.Application:
        """Returns the application; it belongs to one event loop."""
        application = web.Application(middlewares=[self._answer], client_max_size=self._limits.request_bytes)
        for model in (_MODEL, _MODEL + _VERSION):
            for method, path, handler in (
                ("GET", model, self._get_status),
                ("GET", f"{model}/metadata", self._get_metadata),
                ("POST", f"{model}:predict", self._predict),
                ("POST", f"{model}:{{method:classify|regress}}", self._refuse_method),
            ):
                application.router.add_route(method, path, handler, expect_handler=self._invite_body)
        return application

    async def finish(self) -> None:
        """Returns when no request is in flight, nor has been for a while, or after `STOP_SECONDS`.

        A busy client is between two requests at any moment: it is answered, and told that its connection closes.
        """
        self._stopping, time = True, asyncio.get_running_loop().time
        self._last_request = began = time()
        while (self._in_flight or time() - self._last_request < _QUIET_SECONDS) and time() - began < STOP_SECONDS:
            await asyncio.sleep(0.02)
        self._threads.shutdown(wait=False, cancel_futures=True)

    @web.middleware
    async def _answer(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answers a request; whatever its handler raises becomes JSON."""
        self._in_flight += 1
        try:
            if request.method not in ("GET", "POST"):
                raise web.HTTPMethodNotAllowed(request.method, ("GET", "POST"))
            response = await handler(request)
        except RefusalError as error:
            response = _make_error(error.reason.http_status, str(error))
        except web.HTTPException as error:
            response = _translate(request, error)
        except Exception:
            _logger.exception("%s %s failed", request.method, request.path)
            response = _make_error(500, "The server failed; its log says why")
        finally:
            self._in_flight -= 1
            self._last_request = asyncio.get_running_loop().time()
        if self._stopping or not request.content.is_eof():  # the rest of a body is not to be taken for a request
            response.force_close()
        return response

    async def _get_status(self, request: web.Request) -> web.Response:
        return _make_json(_as_dict(self._versions.get_status(*_get_model(request))))

    async def _get_metadata(self, request: web.Request) -> web.Response:
        model = self._versions.select(*_get_model(request))
        spec = {"name": self._versions.name, "signature_name": "", "version": str(model.version)}
        return _make_json({"model_spec": spec, "metadata": {"signature_def": _as_dict(model.make_signature_map())}})

    async def _predict(self, request: web.Request) -> web.Response:
        self._check_length(request)
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                body = await request.read()
        except ConnectionError as error:  # nobody is there to read this; it is no failure of the server
            raise web.HTTPBadRequest(text="The connection broke off before the body had arrived") from error
        except TimeoutError as error:
            raise web.HTTPRequestTimeout(text=f"The body did not arrive within {IDLE_SECONDS:g} s") from error
        model = self._versions.select(*_get_model(request))
        try:
            answer = self._threads.submit(json_tensors.predict, model, body, self._limits)
        except RuntimeError as error:  # the threads are shut down
            raise web.HTTPServiceUnavailable(text="The server is being stopped") from error
        return web.Response(body=await asyncio.wrap_future(answer), content_type="application/json")

    async def _refuse_method(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        raise RefusalError(f"The development server answers :predict, not :{method}", Reason.UNSUPPORTED)

    async def _invite_body(self, request: web.Request) -> None:
        """Lets a client that asks first send its body, unless that is going to be refused."""
        with contextlib.suppress(web.HTTPException):
            self._check_length(request)
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # nothing of the answer itself has been sent

    def _check_length(self, request: web.Request) -> None:
        given = request.headers.get("Content-Length")
        if given is None or "Transfer-Encoding" in request.headers:
            raise web.HTTPLengthRequired(text="Expected a Content-Length; a body in chunks is not taken")
        limit, length = self._limits.request_bytes, given.lstrip("0") or "0"  # int() refuses thousands of digits
        if int(length) > limit:
            raise web.HTTPRequestEntityTooLarge(
                limit, int(length), text=f"A request may have at most {limit} bytes. Received: {length}. Send several"
            )


def _translate(request: web.Request, error: web.HTTPException) -> web.Response:
    """Returns what the framework refuses in the words of this server."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return _make_error(405, f"{request.method} is not allowed here. Allowed: {allowed}", Allow=allowed)
    if isinstance(error, web.HTTPNotFound):
        return _make_error(
            400 if request.path.startswith("/v1/") else 404,
            f"Malformed request: {request.method} {request.path}. Expected /v1/models/NAME[/versions/N], followed by "
            ":predict (POST), by /metadata or by nothing (GET)",
        )
    return _make_error(error.status, error.text or error.reason)


def _get_model(request: web.Request) -> tuple[str, int | None]:
    """Returns the name and the version in a path."""
    version = request.match_info.get("version")
    return request.match_info["name"], int(version) if version else None


def _as_dict(content: message.Message) -> dict[str, Any]:
    return json_format.MessageToDict(content, preserving_proto_field_name=True, **{_DEFAULTS: True})


def _make_json(content: dict[str, Any]) -> web.Response:
    return web.json_response(content, dumps=functools.partial(json.dumps, indent=1))


def _make_error(status: int, said: str, **headers: str) -> web.Response:
    return web.json_response({"error": said}, status=status, headers=headers)
