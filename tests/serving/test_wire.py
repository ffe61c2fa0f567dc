"""The protocols of TensorFlow Serving over real sockets, on whatever server is here.

The development server always; TensorFlow Serving itself when $TF_MODEL_SERVER is its path; and a running endpoint when
$DSPNET_TEST_ENDPOINT is HOST:REST_PORT:GRPC_PORT:FOLDER, where it serves the model `echo` from FOLDER and these tests
write versions.
"""

import base64
import itertools
import pathlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import tensorflow as tf

from schemas.sequences import HISTORY_ITEM_IDS, HISTORY_SCENE_IDS
from tests.serving.echo import DEADLINE, NAME, Server, arrays, copy_slowly, eventually, histories, predict, save_echo
from tests.serving.wire_servers import SERVERS, running

ROW = {HISTORY_ITEM_IDS: ["milk", "brød"], HISTORY_SCENE_IDS: ["cart", "search"]}
LONG = {HISTORY_ITEM_IDS: ["a", "b", "c"], HISTORY_SCENE_IDS: ["s", "s", "s"]}


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, echo_versions: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with running(request.param, echo_versions, tmp_path_factory.mktemp("served") / NAME) as started:
        yield started


def _expected(version: int, items: list[str], scenes: list[str]) -> dict[str, list]:
    return {
        "item_ids": items[::-1],
        "item_scores": [float(version)] * len(items),
        "scene_ids": scenes[::-1],
        "scene_scores": [float(version)] * len(scenes),
    }


def _rest_error(answer: tuple[int, Any], status: int | tuple[int, ...], word: str) -> None:
    received, body = answer
    assert received in (status if isinstance(status, tuple) else (status,)), body
    assert list(body) == ["error"] and word.lower() in body["error"].lower(), body
    assert "Traceback" not in body["error"]


def test_rows(server: Server) -> None:
    (version,) = server.available()
    status, body = server.post({"instances": [ROW, ROW]})
    assert status == 200, body
    assert body == {"predictions": [_expected(version, *ROW.values())] * 2}


def test_columns(server: Server) -> None:
    (version,) = server.available()
    status, body = server.post(
        {"signature_name": "serving_default", "inputs": {name: [ids] for name, ids in ROW.items()}}
    )
    assert status == 200, body
    assert body == {"outputs": {name: [values] for name, values in _expected(version, *ROW.values()).items()}}


def test_a_version_may_be_named(server: Server) -> None:
    (version,) = server.available()
    assert server.post({"instances": [ROW]}, f"/versions/{version}")[0] == 200
    _rest_error(server.post({"instances": [ROW]}, "/versions/99"), 404, "found")


def test_empty_history(server: Server) -> None:
    status, body = server.post({"instances": [{HISTORY_ITEM_IDS: [], HISTORY_SCENE_IDS: []}]})
    assert status == 200, body
    assert body["predictions"][0]["item_ids"] == []


def test_numbers_keep_their_digits(server: Server) -> None:
    row = {"x": [0.1, 0.1], "n": 2**53 + 1}
    status, body = server.post({"signature_name": "numbers", "instances": [row, {"x": [0.2, 0], "n": 1}]})
    assert status == 200, body
    assert body["predictions"][0]["n"] == 2**53 + 1 and body["predictions"][0]["even"] is False
    assert body["predictions"][1]["ratio"] == 0.2  # not 0.20000000298


def test_one_input_needs_no_name_and_bytes_are_base64(server: Server) -> None:
    raw = bytes(range(256))
    encoded = {"b64": base64.b64encode(raw).decode()}
    expected = {"predictions": [encoded, {"b64": base64.b64encode(b"text").decode()}]}
    assert server.post({"signature_name": "raw", "instances": [encoded, "text"]}) == (200, expected)
    assert server.post({"signature_name": "raw", "instances": [{"raw": encoded}, {"raw": "text"}]}) == (200, expected)
    assert server.post({"signature_name": "raw", "inputs": [encoded]}) == (200, {"outputs": [encoded]})
    assert server.post({"signature_name": "raw", "inputs": {"raw": [encoded]}}) == (200, {"outputs": [encoded]})


def _example(**features: list[bytes]) -> bytes:
    example = tf.train.Example()
    for name, values in features.items():
        example.features.feature[name].bytes_list.value.extend(values)
    return example.SerializeToString()


def test_examples(server: Server) -> None:
    example = _example(history_item_ids=[b"a", b"b"], history_scene_ids=[b"s", b"t"])
    encoded = {"b64": base64.b64encode(example).decode()}
    for instance in (encoded, {"examples": encoded}):
        status, body = server.post({"signature_name": "serving_examples", "instances": [instance]})
        assert status == 200, body
        assert body["predictions"][0]["item_ids"] == ["b", "a"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "parse"),
        (b'{"instances": [', "parse"),
        (b"[" * 5000, ""),
        ([1], "object"),
        ({"signature_name": "nope", "instances": [ROW]}, "not found"),
        ({"signature_name": 1, "instances": [ROW]}, "signature_name"),
        ({}, "instances"),
        ({"instances": [ROW], "inputs": ROW}, "instances"),
        ({"instances": []}, "instances"),
        ({"instances": ROW}, "instances"),
        ({"instances": ["milk"]}, "list of objects"),
        ({"instances": [ROW, "milk"]}, "object"),
        ({"instances": [{HISTORY_ITEM_IDS: ["milk"]}]}, "keys"),
        ({"instances": [{**ROW, "other": ["x"]}]}, "other"),
        ({"instances": [ROW, LONG]}, HISTORY_ITEM_IDS),
        ({"instances": [{**ROW, HISTORY_ITEM_IDS: ["a", ["b"]]}]}, HISTORY_ITEM_IDS),
        ({"instances": [{**ROW, HISTORY_ITEM_IDS: [3, 4]}]}, "string"),
        ({"instances": [{**ROW, HISTORY_ITEM_IDS: [None, "a"]}]}, "string"),
        ({"inputs": {HISTORY_ITEM_IDS: [["a"]]}}, HISTORY_SCENE_IDS),
        ({"inputs": [["a"]]}, "inputs"),
        ({"inputs": {HISTORY_ITEM_IDS: [["a"], ["b", "c"]], HISTORY_SCENE_IDS: [["s"], ["t"]]}}, "list"),
        ({"inputs": {HISTORY_ITEM_IDS: [["a"], ["b"]], HISTORY_SCENE_IDS: [["s"]]}}, "rows"),
        ({"signature_name": "raw", "instances": [{"b64": "not base64!"}]}, "decode"),
        ({"signature_name": "raw", "instances": ["text", {"raw": "text"}]}, "object"),
        ({"signature_name": "serving_examples", "instances": ["no example"]}, "pars"),
        ({"signature_name": "numbers", "inputs": {"x": [1.0, 2.0], "n": [1]}}, ""),
        ({"signature_name": "numbers", "inputs": {"x": [[1, 2, 3]], "n": [1]}}, ""),
        ({"signature_name": "numbers", "inputs": {"x": [[1, "2"]], "n": [1]}}, "float"),
        ({"signature_name": "numbers", "inputs": {"x": [[1, 1e39]], "n": [1]}}, "float"),
        ({"signature_name": "numbers", "inputs": {"x": [[1, 2]], "n": [1.5]}}, "int64"),
        ({"signature_name": "numbers", "inputs": {"x": [[1, 2]], "n": [True]}}, "int64"),
        ({"signature_name": "numbers", "inputs": {"x": [[1, 2]], "n": [2**63]}}, "int64"),
    ],
)
def test_bad_rest_requests(server: Server, body: Any, word: str) -> None:
    _rest_error(server.post(body), 400, word)
    assert server.post({"instances": [ROW]})[0] == 200


@pytest.mark.parametrize("path", ["", "/versions/1", "/metadata", ":predict"])
def test_unknown_model(server: Server, path: str) -> None:
    method, body = ("POST", {"instances": [ROW]}) if path == ":predict" else ("GET", None)
    _rest_error(server.http(method, f"/v1/models/other{path}", body), 404, "")


def test_malformed_requests(server: Server) -> None:
    _rest_error(server.http("GET", f"/v1/models/{NAME}:predict"), (400, 405), "")
    _rest_error(server.http("POST", f"/v1/models/{NAME}", {}), (400, 405), "")
    _rest_error(server.http("POST", f"/v1/models/{NAME}:guess", {}), 400, "malformed")
    _rest_error(server.http("GET", f"/v1/models/{NAME}/versions/99"), 404, "")


def test_status(server: Server) -> None:
    (version,) = server.available()
    for path in ("", f"/versions/{version}"):
        status, body = server.http("GET", f"/v1/models/{NAME}{path}")
        assert status == 200, body
        assert body["model_version_status"][0] == {
            "version": str(version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }


def test_metadata(server: Server) -> None:
    status, body = server.http("GET", f"/v1/models/{NAME}/metadata")
    assert status == 200 and body["model_spec"]["name"] == NAME, body
    signatures = body["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "serving_examples", "numbers", "raw"} <= set(signatures)
    given = signatures["numbers"]["inputs"]["x"]
    assert given["dtype"] == "DT_FLOAT" and [dim["size"] for dim in given["tensor_shape"]["dim"]] == ["-1", "2"]


def test_concurrent_clients_get_their_own_answers(server: Server) -> None:
    def client(number: int) -> None:
        with server.channel() as channel:
            for call in range(10):
                ids = [f"{number}-{call}-{place}" for place in range(1 + number % 3)]
                if number % 2:
                    row = {HISTORY_ITEM_IDS: ids, HISTORY_SCENE_IDS: ids}
                    status, body = server.post({"instances": [row]})
                    assert status == 200 and body["predictions"][0]["item_ids"] == ids[::-1], body
                else:
                    response = server.stub(channel).Predict(predict(**histories(*ids)), timeout=DEADLINE)
                    assert arrays(response)["item_ids"].tolist() == [[item.encode() for item in ids[::-1]]]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(client, range(16)))


def test_a_new_version_takes_over_under_load(server: Server, tmp_path: pathlib.Path) -> None:
    (old,) = server.available()
    new = old + 1
    source = save_echo(tmp_path, new)
    answers: list[list[int]] = [[] for _ in range(4)]
    stopping = threading.Event()

    def client(number: int) -> None:
        with server.channel() as channel:
            while not stopping.is_set():
                if number % 2:
                    status, body = server.post({"instances": [ROW]})
                    assert status == 200, body
                    answers[number].append(int(body["predictions"][0]["item_scores"][0]))
                else:
                    response = server.stub(channel).Predict(predict(**histories("milk")), timeout=DEADLINE)
                    answers[number].append(int(arrays(response)["item_scores"][0, 0]))

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, number) for number in range(4)]
        try:
            eventually(lambda: all(answers), "each client has an answer")
            copy_slowly(source, server.base / str(new))
            eventually(
                lambda: any(future.done() for future in clients) or all(given[-1] == new for given in answers),
                "the new version answers",
            )
        finally:
            stopping.set()
        for future in clients:
            future.result()
    for given in answers:
        assert [version for version, _ in itertools.groupby(given)] == [old, new]
    assert eventually(lambda: server.available() == [new], "the old version is gone")
    _rest_error(server.post({"instances": [ROW]}, f"/versions/{old}"), 404, "found")
