"""The client against a server that says what the test tells it to."""

import dataclasses
import http.server
import json
import socket
import threading
import time

import pytest

from serving import client
from serving.client import EndpointError
from serving.recommendations import Question, Recommendations

QUESTION = Question(["milk", "brød"], ["cart", "søg"])
OUTPUTS = {
    "item_ids": [["bread", "牛乳", ""]],
    "item_scores": [[1.5, 1, -3.4028235e38]],
    "scene_ids": [["cart"]],
    "scene_scores": [[0.5]],
}


class Stub(http.server.ThreadingHTTPServer):
    """Answers every request alike, and remembers them.

    Attributes:
        status: of the answer.
        body: of the answer.
        seconds: to wait before the answer.
        asked: (path, body) of each request.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body, self.seconds, self.asked = 200, json.dumps({"outputs": OUTPUTS}).encode(), 0.0, []
        self.url = f"http://127.0.0.1:{self.server_port}/v1/models/journey"

    def handle_error(self, *_):
        """Is silent: some clients here go away before they are answered."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        server.asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        time.sleep(server.seconds)
        if server.status:
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def stub():
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_asks_in_columns_and_reads_the_answer(stub):
    answer = client.recommend(stub.url, QUESTION, top=10)
    assert answer == Recommendations(items=[("bread", 1.5), ("牛乳", 1.0)], scenes=[("cart", 0.5)])
    inputs = {"history_item_ids": [["milk", "brød"]], "history_scene_ids": [["cart", "søg"]]}
    assert stub.asked == [
        ("/v1/models/journey:predict", {"signature_name": "serving_default", "inputs": inputs}),
    ]
    assert client.recommend(stub.url, QUESTION, top=1).items == [("bread", 1.5)]


def test_reads_the_items_of_the_period_where_they_are_asked_for(stub):
    period = {"period_item_ids": [["tea", "bread"]], "period_item_scores": [[2.5, 0.25]]}
    stub.body = json.dumps({"outputs": {**OUTPUTS, **period}}).encode()
    wanted = dataclasses.replace(QUESTION, period=True)
    answer = client.recommend(stub.url, wanted, top=10)
    assert answer.period_items == [("tea", 2.5), ("bread", 0.25)] and answer.items[0] == ("bread", 1.5)
    assert client.recommend(stub.url, QUESTION, top=10).period_items is None
    assert stub.asked[0] == stub.asked[1], "the same signature answers both"
    stub.body = json.dumps({"outputs": OUTPUTS}).encode()
    with pytest.raises(EndpointError, match="period_item_ids: expected one row. Received: None"):
        client.recommend(stub.url, wanted, top=10)


@pytest.mark.parametrize(("exclude", "sent"), [([], [[""]]), (["tea", "x"], [["tea", "x"]])])
def test_asks_a_version_for_what_is_unseen(stub, exclude, sent):
    question = Question(["milk"], ["cart"], unseen=True, exclude=exclude)
    client.recommend(f"{stub.url}/versions/7/", question, top=10)
    ((path, body),) = stub.asked
    assert path == "/v1/models/journey/versions/7:predict"
    assert body["signature_name"] == "recommend_unseen" and body["inputs"]["exclude_item_ids"] == sent


def test_asks_for_a_ranking_of_some_items(stub):
    answer = client.recommend(stub.url, Question(["milk"], ["cart"], only=["牛乳", "x", "bread"]), top=10)
    ((_, body),) = stub.asked
    assert body["signature_name"] == "rank_allowed" and body["inputs"]["allow_item_ids"] == [["牛乳", "x", "bread"]]
    assert answer.notes[0].startswith("1 of 3 items cannot be ranked") and answer.notes[0].endswith("'x'")
    assert "exclude_item_ids" not in body["inputs"]


def test_a_proxy_is_not_asked_for_this_machine(stub, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert client.recommend(stub.url, QUESTION, top=1).scenes == [("cart", 0.5)]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8501",
        "ftp://host/v1/models/x",
        "http:///v1/models/x",
        "http://host/",
        "http://host/v1/models",
        "http://host/v1/models/",
        "http://host/v1/models/x/y",
        "http://host/v1/models/x y",
        "http://host/v1/models/x?a=b",
        "http://host:port/v1/models/x",
        "http://user@host/v1/models/x",
        "http://[::1/v1/models/x",
        "http://host/v1/models/x:classify",
    ],
)
def test_what_is_no_address(url):
    with pytest.raises(EndpointError, match="--endpoint: expected the REST address of a model, as in http://") as error:
        client.recommend(url, QUESTION, top=1)
    assert repr(url) in str(error.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h/v1/models/x", "http://h/v1/models/x"),
        ("https://h:1/behind/v1/models/x/versions/3:predict", "https://h:1/behind/v1/models/x/versions/3"),
        ("http://[::1]:8501/v1/models/a-b_c.d/labels/stable/", "http://[::1]:8501/v1/models/a-b_c.d/labels/stable"),
    ],
)
def test_addresses(url, address):
    assert client.check_address(url) == address


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1/models/x"
    with pytest.raises(EndpointError, match=r"no server can be reached at http://.*dspnet serve --model FOLDER"):
        client.recommend(url, QUESTION, top=1)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b"])
def test_no_such_host(host):
    with pytest.raises(EndpointError, match="no server can be reached"):
        client.recommend(f"http://{host}/v1/models/x", QUESTION, top=1)


def test_the_connection_breaks(stub):
    stub.status = 0
    with pytest.raises(EndpointError, match="no server can be reached"):
        client.recommend(stub.url, QUESTION, top=1)


def test_what_answers_is_no_http():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"\x00\x1b[31m\x04 no HTTP\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(EndpointError, match="is not HTTP, or broke off .BadStatusLine.*REST port") as error:
            client.recommend(f"http://127.0.0.1:{server.getsockname()[1]}/v1/models/x", QUESTION, top=1)
        thread.join()
    assert str(error.value).isprintable()


def test_no_answer_in_time(stub):
    stub.seconds = 0.5
    with pytest.raises(EndpointError, match=r"did not answer within 0\.1 s"):
        client.recommend(stub.url, QUESTION, top=1, timeout=0.1)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b'{"error": "Servable not found"}', r"no such model, or no such version.*404: Servable not found"),
        (404, b"<html>", r"no such model, or no such version.*404: Not Found"),
        (
            400,
            b'{"error": "Serving signature name \\n not found"}',
            "refused to answer .400.: Serving signature name not",
        ),
        (400, b'{"error": "\\u001b[31mred\\u001b[0m"}', r"refused to answer .400.: \[31mred \[0m"),
        (503, b"", "refused to answer .503.: Service Unavailable"),
        (400, b"[" * 100_000, "refused to answer .400.: Bad Request"),
        (500, b"[1]", "refused to answer .500.: Internal Server Error"),
    ],
)
def test_what_the_server_refuses(stub, status, body, said):
    stub.status, stub.body = status, body
    with pytest.raises(EndpointError, match=said) as error:
        client.recommend(stub.url, QUESTION, top=1)
    assert stub.url in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("<html>", "Expecting value"),
        ("[" * 100_000, "recursion"),
        ({"predictions": []}, "'outputs'"),
        ({"outputs": [[1.0]]}, "list"),
        ([], "list"),
        ({"outputs": {**OUTPUTS, "scene_ids": None}}, "scene_ids: expected one row. Received: None"),
        ({"outputs": {**OUTPUTS, "item_ids": [["a", "b", "c"]] * 2}}, "item_ids: expected one row"),
        ({"outputs": {**OUTPUTS, "item_ids": [["a", "b", 3]]}}, "item_ids: expected ids. Received: 3"),
        ({"outputs": {**OUTPUTS, "item_ids": [["a"]]}}, "item_ids: expected as many as item_scores, 3. Received: 1"),
        ({"outputs": {**OUTPUTS, "scene_scores": [[None]]}}, "scene_scores: expected numbers. Received: None"),
        ({"outputs": {**OUTPUTS, "scene_scores": [[float("nan")]]}}, "scene_scores: expected numbers"),
        ({"outputs": {**OUTPUTS, "scene_scores": [[10**400]]}}, "scene_scores: expected numbers"),
    ],
)
def test_an_answer_of_something_else(stub, answer, said):
    stub.body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
    with pytest.raises(EndpointError, match="answered, but not with recommendations.*Is it a model of this") as error:
        client.recommend(stub.url, QUESTION, top=1)
    assert said in str(error.value)
