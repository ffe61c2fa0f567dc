"""Latency and throughput of the served model, its size and the time to load it, against the bare arithmetic.

python -m benchmarks.serving

For each size of catalogue a DSPnet with random weights and string ids is exported and loaded in a fresh process. There
the signature and the floor, one matmul and one top_k over a table of the same size, take turns. Then `dspnet serve`
(TensorFlow Serving where it is found, else the development server) is asked over REST and gRPC by 1, 4 and 16 clients
in a process of their own. Every request has its own history of 20 events.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.served_model import raw_id

SCENES = 100
EVENTS = 20
WARM_UP = 5
"""Calls that are not timed: the first ones trace and allocate."""
REST_PORT, GRPC_PORT = 18_501, 18_500
NAME = "random"


def main() -> None:
    """Measures each size of catalogue and prints Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[68_000, 1_000_000])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each row")
    parser.add_argument("--server", default="auto", help="as of `dspnet serve`")
    parser.add_argument("--in-process", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.in_process:
        print(json.dumps(_in_process(args.in_process, args.items[0], args.seconds)))
        return
    for items in args.items:
        with tempfile.TemporaryDirectory() as base:
            _measure(items, os.path.join(base, NAME), args)


def _measure(items: int, base: str, args: argparse.Namespace) -> None:
    folder = os.path.join(base, "1")
    exported = _run("benchmarks.served_model", folder, "--items", str(items), "--scenes", str(SCENES))
    found = json.loads(
        _run("benchmarks.serving", "--in-process", folder, "--items", str(items), "--seconds", str(args.seconds))
    )
    sizes = {path: path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file()}
    graph = sizes[pathlib.Path(folder, "saved_model.pb")]
    mib = 2**20
    print(
        f"\n{items:,} items: export {float(exported):.0f} s, {sum(sizes.values()) / mib:.0f} MiB on disk, of which the "
        f"graph {graph / mib:.1f} MiB; loads in {found['load']:.1f} s, {found['memory'] / mib:.0f} MiB resident.\n"
    )
    print("| | clients | p50, ms | p99, ms | requests/s | p50 / floor |\n|---|---|---|---|---|---|")
    floor = _percentile(found["floor"], 0.5)
    for name in ("floor", "signature"):
        _row(name if name == "floor" else "in process", 1, found[name], sum(found[name]), floor)
    with _Server(base, args.server):
        for protocol in ("REST", "gRPC"):
            for clients in args.clients:
                times, seconds = _load(protocol, clients, items, args.seconds)
                _row(protocol, clients, times, seconds, floor)


def _in_process(folder: str, items: int, seconds: float) -> dict[str, Any]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from serving.saved_model import ask_signature, load_saved_model

    begin = time.perf_counter()
    loaded = load_saved_model(folder)
    load = time.perf_counter() - begin
    with open("/proc/self/statm") as file:
        memory = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    table = tf.Variable(tf.random.normal([items, loaded.item_vectors.shape[1]]))
    query = tf.random.normal([1, table.shape[1]])
    bare = tf.function(lambda: tf.math.top_k(tf.matmul(query, table, transpose_b=True), 100))

    def call(number: int) -> tuple[float, float]:
        """Returns the seconds of the floor and of the signature."""
        inputs = {name: tf.constant(rows) for name, rows in _history(number, items).items()}
        start = time.perf_counter()
        bare()[0].numpy()
        middle = time.perf_counter()
        ask_signature(loaded, "serving_default", inputs)["item_scores"].numpy()
        return middle - start, time.perf_counter() - middle

    for number in range(WARM_UP):
        call(number)
    times, begin = [call(WARM_UP)], time.perf_counter()
    while time.perf_counter() - begin < 2 * seconds:
        times.append(call(WARM_UP + len(times)))
    floor, signature = (list(column) for column in zip(*times, strict=True))
    return {"load": load, "memory": memory, "floor": floor, "signature": signature}


def _history(number: int, items: int) -> dict[str, list[list[str]]]:
    step = 7919 * number
    return {
        "history_item_ids": [[raw_id("item", (step + 104_729 * place) % items) for place in range(EVENTS)]],
        "history_scene_ids": [[raw_id("scene", (step + place) % SCENES) for place in range(EVENTS)]],
    }


class _Server:
    """`dspnet serve` in a process of its own, from the first answer on."""

    def __init__(self, base: str, server: str):
        ports = ["--rest-port", str(REST_PORT), "--grpc-port", str(GRPC_PORT)]
        self._command = ["serve", "--model", base, "--server", server, *ports]

    def __enter__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "cli.main", *self._command], stdout=sys.stderr)
        deadline = time.monotonic() + 120
        while not self._is_up():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self._process.terminate()
                raise RuntimeError(f"dspnet {' '.join(self._command)} did not come up")
            time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _is_up(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", REST_PORT, timeout=5)
            connection.request("GET", f"/v1/models/{NAME}")
            return b"AVAILABLE" in connection.getresponse().read()
        except OSError:
            return False


def _load(protocol: str, clients: int, items: int, seconds: float) -> tuple[list[float], float]:
    """Returns the seconds of each request, and of all of them together."""
    connections = [_rest() if protocol == "REST" else _grpc() for _ in range(clients)]
    for ask in connections:
        ask(_history(0, items))
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        begin = time.perf_counter()
        work = [pool.submit(_client, ask, i, items, begin + seconds) for i, ask in enumerate(connections)]
        times = [value for client in work for value in client.result()]
        return times, time.perf_counter() - begin


def _client(ask: Callable[[dict], None], client: int, items: int, deadline: float) -> list[float]:
    times, number = [], client * 1_000_003
    while time.perf_counter() < deadline:
        number += 1
        history = _history(number, items)
        start = time.perf_counter()
        ask(history)
        times.append(time.perf_counter() - start)
    return times


def _rest() -> Callable[[dict], None]:
    connection = http.client.HTTPConnection("127.0.0.1", REST_PORT, timeout=60)

    def ask(history: dict) -> None:
        connection.request("POST", f"/v1/models/{NAME}:predict", json.dumps({"inputs": history}))
        response = connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"status {response.status}: {body[:500]!r}")

    return ask


def _grpc() -> Callable[[dict], None]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(f"127.0.0.1:{GRPC_PORT}"))

    def ask(history: dict) -> None:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = NAME, "serving_default"
        for name, rows in history.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(rows, tf.string))
        stub.Predict(request, timeout=60)

    return ask


def _row(name: str, clients: int, times: list[float], seconds: float, floor: float) -> None:
    p50, p99 = (_percentile(times, share) * 1000 for share in (0.5, 0.99))
    print(
        f"| {name} | {clients} | {p50:.1f} | {p99:.1f} | {len(times) / seconds:.0f} | {p50 / floor / 1000:.2f} |",
        flush=True,
    )


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def _run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{module} failed: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
