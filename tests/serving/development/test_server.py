"""What the development server does beyond, or other than, TensorFlow Serving."""

import contextlib
import gzip
import http.client
import json
import logging
import pathlib
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, predict_pb2

from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS
from serving.development import rest
from serving.development.model import Signature
from serving.development.refusals import RequestLimits
from serving.development.server import DevelopmentServer
from serving.development.versions import Versions
from serving.ports import PortError, find_free_port
from tests.serving.echo import DEADLINE, NAME, Server, eventually, histories, predict

LIMITS = RequestLimits(request_bytes=20_000, rows=8)
ROW = {HISTORY_ITEM_IDS: ["milk"], HISTORY_SCENE_IDS: ["cart"]}
PATH = f"/v1/models/{NAME}:predict"


@pytest.fixture(scope="module")
def server(echo_versions: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("served") / NAME
    shutil.copytree(echo_versions / "1", base / "1")
    with DevelopmentServer(Versions(NAME, str(base)), 0, 0, LIMITS) as development:
        development.start()
        yield Server(base, development.rest_port, development.grpc_port)


@contextlib.contextmanager
def _connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(server.host, server.rest_port, timeout=DEADLINE)
    try:
        yield connection
    finally:
        connection.close()


def _error(response: http.client.HTTPResponse) -> str:
    return json.loads(response.read())["error"]


@pytest.mark.parametrize("expect", [{}, {"Expect": "100-continue"}])
def test_a_large_body_is_refused_and_the_client_hears_why(server: Server, expect: dict[str, str]) -> None:
    with _connection(server) as connection:
        connection.request("POST", PATH, b" " * 5_000_000, expect)
        response = connection.getresponse()
        assert response.status == 413 and response.getheader("Connection") == "close"
        error = _error(response)
        assert "20000 bytes" in error and "5000000" in error


def test_the_largest_body_is_taken(server: Server) -> None:
    body = json.dumps({"instances": [ROW]}).encode()
    assert server.post(body.ljust(LIMITS.request_bytes))[0] == 200
    assert server.post(body.ljust(LIMITS.request_bytes + 1))[0] == 413


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 411),
        ("Transfer-Encoding: chunked\r\n", 411),
        ("Content-Length: -1\r\n", 400),
        ("Content-Length: x\r\n", 400),
        (f"Content-Length: {'0' * 25}99999999999\r\n", 413),
        (f"Content-Length: {'0' * 5_000}{'9' * 5_000}\r\n", 400),  # more than any number of bytes
        (f"Content-Length: {'0' * 5_000}\r\n", 400),  # an empty body is no JSON
    ],
)
def test_a_body_needs_its_length(server: Server, header: str, status: int) -> None:
    answer = _say(server, f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{header}\r\n")
    assert re.match(rf"HTTP/1\.[01] {status} ", answer) and '{"error": "' in answer


def test_zeros_before_a_length_change_nothing(server: Server) -> None:
    with _connection(server) as connection:
        body = json.dumps({"instances": [ROW]})
        connection.request("POST", PATH, body, {"Content-Length": f"{len(body):05000}"})
        assert connection.getresponse().status == 200


def test_what_is_no_http_gets_json_too(server: Server) -> None:
    assert '{"error": "' in _say(server, "this is not http\r\n\r\n")


def test_a_client_that_leaves_early_harms_nobody(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_connection((server.host, server.rest_port), DEADLINE) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(65536) == b""
    assert server.post({"instances": [ROW]})[0] == 200
    assert not caplog.records


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_expectation_that_nobody_knows_is_passed_over(server: Server, method: str) -> None:
    path, body = (PATH, json.dumps({"instances": [ROW]})) if method == "POST" else (PATH.partition(":")[0], "")
    with _connection(server) as connection:
        connection.request(method, path, body, {"Expect": "the-unexpected"})
        assert connection.getresponse().status == 200


def test_a_version_has_digits_of_ascii(server: Server) -> None:
    assert server.http("GET", f"{PATH.partition(':')[0]}/versions/%D9%A1")[0] == 400


def _say(server: Server, request: str) -> str:
    with socket.create_connection((server.host, server.rest_port), DEADLINE) as connection:
        connection.sendall(request.encode())
        answer = connection.recv(65536)
        while answer and not answer.endswith(b"}"):
            answer += connection.recv(65536)
        return answer.decode()


def test_a_body_that_comes_too_slowly(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "IDLE_SECONDS", 0.1)
    answer = _say(server, f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    assert answer.startswith("HTTP/1.1 408 ") and "within 0.1 s" in answer and "Connection: close" in answer


def test_a_connection_that_says_nothing_is_closed(echo_versions: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "IDLE_SECONDS", 0.2)
    with DevelopmentServer(Versions(NAME, str(echo_versions)), 0, 0) as development:
        development.start()
        for said in (b"", b"POST "):
            with socket.create_connection(("127.0.0.1", development.rest_port), DEADLINE) as connection:
                connection.sendall(said)
                assert connection.recv(1) == b""


def test_a_compressed_body_is_not_unfolded(server: Server) -> None:
    with _connection(server) as connection:
        connection.request("POST", PATH, gzip.compress(b" " * 10_000_000), {"Content-Encoding": "gzip"})
        response = connection.getresponse()
        assert response.status == 400 and "JSON Parse error" in _error(response)


def test_requests_that_are_sent_at_once_are_answered_in_their_order(server: Server) -> None:
    row = json.dumps({"instances": [ROW]})
    requests = [
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(row)}\r\n\r\n{row}",
        "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET {PATH.partition(':')[0]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]
    with socket.create_connection((server.host, server.rest_port), DEADLINE) as connection:
        connection.sendall("".join(requests).encode())
        answers = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert re.findall(r"HTTP/1\.1 (\d+) ", answers) == ["200", "404", "200"]


def test_slow_calls_do_not_keep_the_status_waiting(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    released, answer = threading.Event(), Signature.run

    def slow(*arguments: object) -> object:
        assert released.wait(DEADLINE)
        return answer(*arguments)

    monkeypatch.setattr(Signature, "run", slow)
    with ThreadPoolExecutor(rest.THREADS + 1) as pool:
        calls = [pool.submit(server.post, {"instances": [ROW]}) for _ in range(rest.THREADS + 1)]
        try:
            assert server.http("GET", PATH.partition(":")[0])[0] == 200
            assert not any(call.done() for call in calls)
        finally:
            released.set()
        assert [call.result()[0] for call in calls] == [200] * len(calls)


def test_a_connection_is_kept_and_answers_leave_in_one_piece(server: Server) -> None:
    body = json.dumps({"instances": [ROW]})
    request = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with socket.create_connection((server.host, server.rest_port), DEADLINE) as connection:
        for _ in range(3):
            connection.sendall(request)
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"}]}")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods(server: Server, method: str) -> None:
    with _connection(server) as connection:
        connection.request(method, PATH, b"{}" if method == "PUT" else None)
        response = connection.getresponse()
        assert response.status == 405 and response.getheader("Allow") == "GET, POST"
        assert bool(response.read()) == (method != "HEAD")
        connection.request("POST", PATH, json.dumps({"instances": [ROW]}))  # reconnects if it was closed
        assert connection.getresponse().status == 200


def test_other_paths_and_calls(server: Server) -> None:
    assert server.http("GET", "/")[0] == 404
    assert server.http("POST", f"/v1/models/{NAME}:classify", {})[0] == 501
    assert server.http("GET", "/v1/models/%65cho?x=1")[0] == 200
    assert server.post(b'{"instances": "\xff"}')[0] == 400
    assert "[0-9]" not in server.post({"instances": [{**ROW, HISTORY_ITEM_IDS: ["\ud800"]}]})[1]["error"]


def test_too_many_rows(server: Server) -> None:
    assert server.post({"instances": [ROW] * 8})[0] == 200
    columns = {name: [ids] * 9 for name, ids in ROW.items()}
    for body in ({"instances": [ROW] * 9}, {"inputs": columns}):
        status, answer = server.post(body)
        assert status == 400 and "at most 8 rows" in answer["error"] and "Received: 9" in answer["error"]
    with server.channel() as channel, pytest.raises(grpc.RpcError, match="at most 8 rows") as caught:
        server.stub(channel).Predict(predict(**{name: tf.constant(ids) for name, ids in columns.items()}))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_errors_of_the_graph_are_one_line_for_people(server: Server) -> None:
    _, answer = server.post({"inputs": {HISTORY_ITEM_IDS: [["a"], ["b"]], HISTORY_SCENE_IDS: [["s"]]}})
    assert answer["error"].startswith("assertion failed: [All inputs must have the same number of rows.]")
    assert "\n" not in answer["error"] and "node" not in answer["error"] and "Op:" not in answer["error"]


@pytest.mark.parametrize("layout", ["instances", "inputs"])
def test_json_never_holds_a_nan(server: Server, layout: str) -> None:
    values = [{"x": [0, 0], "n": 0}] if layout == "instances" else {"x": [[0, 0]], "n": [0]}
    status, answer = server.post({"signature_name": "numbers", layout: values})
    assert status == 500 and "'ratio'" in answer["error"] and "not finite" in answer["error"]


def test_large_grpc_messages(server: Server) -> None:
    with server.channel() as channel:
        with pytest.raises(grpc.RpcError, match="larger than max") as caught:
            server.stub(channel).Predict(predict("raw", raw=tf.constant(["x" * 30_000])))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        # A tensor that says in a few bytes that it has a trillion elements.
        request = predict("raw", raw=tf.constant(["x"]))
        request.inputs["raw"].tensor_shape.dim[0].size = 10**12
        with pytest.raises(grpc.RpcError, match="at most 20000 elements") as caught:
            server.stub(channel).Predict(request)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_other_grpc_calls(server: Server) -> None:
    request = predict(**histories("milk"))
    request.model_spec.version_label = "stable"
    with server.channel() as channel:
        with pytest.raises(grpc.RpcError, match="label: stable") as caught:
            server.stub(channel).Predict(request)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as caught:
            server.stub(channel).Classify(classification_pb2.ClassificationRequest())
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError, match="Missing ModelSpec"):
            server.stub(channel).Predict(predict_pb2.PredictRequest())


def test_what_nobody_foresaw_is_logged_and_not_told(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(Signature, "run", fail)
    with caplog.at_level(logging.ERROR), server.channel() as channel:
        status, answer = server.post({"instances": [ROW]})
        with pytest.raises(grpc.RpcError) as caught:
            server.stub(channel).Predict(predict(**histories("milk")))
    assert (status, caught.value.code()) == (500, grpc.StatusCode.INTERNAL)
    assert "secret" not in answer["error"] + caught.value.details()
    assert caplog.text.count("RuntimeError: a secret of the house") == 2


def test_only_this_machine_can_connect(server: Server) -> None:
    with open("/proc/net/tcp") as tcp, open("/proc/net/tcp6") as tcp6:
        listening = [fields[1] for line in [*tcp, *tcp6] if (fields := line.split())[3] == "0A"]
    loopback = "0100007F", "0000000000000000FFFF00000100007F"  # gRPC writes it as IPv6
    for port in (server.rest_port, server.grpc_port):
        assert [address.split(":")[0] in loopback for address in listening if address.endswith(f":{port:04X}")] == [
            True
        ]


def test_a_request_in_flight_is_answered_before_the_server_stops(
    echo_versions: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, released, answer = threading.Event(), threading.Event(), Signature.run

    def slow(*arguments: object) -> object:
        began.set()
        assert released.wait(DEADLINE)
        return answer(*arguments)

    development = DevelopmentServer(Versions(NAME, str(echo_versions)), 0, 0)
    development.start()
    monkeypatch.setattr(Signature, "run", slow)
    server = Server(echo_versions, development.rest_port, development.grpc_port)
    with ThreadPoolExecutor(3) as pool, server.channel() as channel:
        rest = pool.submit(server.post, {"instances": [ROW]})
        assert began.wait(DEADLINE)
        began.clear()
        call = pool.submit(server.stub(channel).Predict, predict(**histories("milk")))
        assert began.wait(DEADLINE)
        stopped = pool.submit(development.stop)
        eventually(lambda: not _accepts(server), "new connections are refused")
        released.set()
        stopped.result()
        assert rest.result()[0] == 200 and call.result().outputs


def test_kept_connections_are_let_go_when_the_server_stops(
    echo_versions: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, released, answer = threading.Event(), threading.Event(), Signature.run

    def slow(*arguments: object) -> object:
        began.set()
        assert released.wait(DEADLINE)
        return answer(*arguments)

    development = DevelopmentServer(Versions(NAME, str(echo_versions)), 0, 0)
    development.start()
    server = Server(echo_versions, development.rest_port, development.grpc_port)
    with ThreadPoolExecutor(2) as pool, contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(_connection(server)) for _ in range(3))
        assert _ask(first) == _ask(second) == _ask(third, "GET") == (200, None)
        monkeypatch.setattr(Signature, "run", slow)
        in_flight = pool.submit(_ask, first)
        assert began.wait(DEADLINE)
        monkeypatch.undo()
        stopped = pool.submit(development.stop)
        eventually(lambda: not _accepts(server), "new connections are refused")
        assert _ask(second) == _ask(third, "GET") == (200, "close")
        released.set()
        assert in_flight.result() == (200, "close")
        stopped.result()


def test_a_stop_waits_for_a_client_between_two_requests(
    echo_versions: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "_QUIET_SECONDS", 1.0)
    development = DevelopmentServer(Versions(NAME, str(echo_versions)), 0, 0)
    development.start()
    server = Server(echo_versions, development.rest_port, development.grpc_port)
    with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(_connection(server)) for _ in range(5)]
        assert [_ask(client) for client in clients] == [(200, None)] * 5
        stopped = pool.submit(development.stop)
        eventually(lambda: not _accepts(server), "new connections are refused")
        for client in clients:
            time.sleep(0.02)  # far less than the quiet that is waited for
            assert _ask(client) == (200, "close")
        stopped.result()


@pytest.mark.parametrize("quiet", [0.0, 60.0])
def test_a_stop_does_not_wait_for_ever(
    echo_versions: pathlib.Path, monkeypatch: pytest.MonkeyPatch, quiet: float
) -> None:
    began, released = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        began.set()
        assert released.wait(DEADLINE)

    monkeypatch.setattr(rest, "_QUIET_SECONDS", quiet)
    monkeypatch.setattr(rest, "STOP_SECONDS", 0.05)
    server = rest.RestServer(_versions(echo_versions), LIMITS, 0)
    server.start()
    monkeypatch.setattr(Signature, "run", hang)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(Server(echo_versions, server.port, 0).post, {"instances": [ROW]})
        assert began.wait(DEADLINE)
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 30
        released.set()
        with pytest.raises(http.client.RemoteDisconnected):
            call.result()


def test_a_call_after_the_last_moment_is_no_failure(
    echo_versions: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    with DevelopmentServer(Versions(NAME, str(echo_versions)), 0, 0) as development:
        development.start()
        development._rest._api._threads.shutdown()
        status, answer = Server(echo_versions, development.rest_port, 0).post({"instances": [ROW]})
        assert (status, answer) == (503, {"error": "The server is being stopped"}) and not caplog.records


def _ask(connection: http.client.HTTPConnection, method: str = "POST") -> tuple[int, str | None]:
    path, body = (PATH, json.dumps({"instances": [ROW]})) if method == "POST" else (PATH.partition(":")[0], None)
    connection.request(method, path, body)
    response = connection.getresponse()
    response.read()
    return response.status, response.getheader("Connection")


def _versions(base: pathlib.Path) -> Versions:
    versions = Versions(NAME, str(base))
    versions.poll()
    return versions


def _accepts(server: Server) -> bool:
    try:
        socket.create_connection((server.host, server.rest_port), DEADLINE).close()
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("flag", ["--rest-port", "--grpc-port"])
def test_port_in_use(server: Server, flag: str) -> None:
    ports = (server.rest_port, 0) if flag == "--rest-port" else (0, server.grpc_port)
    with pytest.raises(PortError, match=f"{flag}: 127.0.0.1:{max(ports)} cannot be had"):
        DevelopmentServer(Versions(NAME, str(server.base)), *ports)


@pytest.mark.parametrize("flag", ["--rest-port", "--grpc-port"])
def test_port_of_a_server_that_is_still_loading(echo_versions: pathlib.Path, flag: str) -> None:
    versions = Versions(NAME, str(echo_versions))
    with DevelopmentServer(versions, 0, 0) as loading:
        ports = (loading.rest_port, 0) if flag == "--rest-port" else (0, loading.grpc_port)
        with pytest.raises(PortError, match=f"{flag}: 127.0.0.1:{max(ports)} cannot be had"):
            DevelopmentServer(Versions(NAME, str(echo_versions)), *ports)


def test_one_port_for_both(echo_versions: pathlib.Path) -> None:
    port = find_free_port("--rest-port", 0)
    with pytest.raises(PortError, match=f"--grpc-port: 127.0.0.1:{port} cannot be had"):
        DevelopmentServer(Versions(NAME, str(echo_versions)), port, port)


def test_a_client_that_comes_early_is_answered_once_the_model_is_loaded(echo_versions: pathlib.Path) -> None:
    with DevelopmentServer(Versions(NAME, str(echo_versions)), 0, 0) as development:
        server = Server(echo_versions, development.rest_port, development.grpc_port)
        with _connection(server) as connection:
            connection.request("POST", PATH, json.dumps({"instances": [ROW]}))
            development.start()
            assert connection.getresponse().status == 200
