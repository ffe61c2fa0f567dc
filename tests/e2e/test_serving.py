"""The pushed model behind `dspnet serve`, and what clients and batch jobs get from it."""

import base64
import contextlib
import hashlib
import hmac
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request

import pyarrow.parquet as pq
import pytest

from schemas.identity import DEMO_SALT
from tests.e2e.conftest import DAY, PUSHED, environment, run_dspnet

pytestmark = pytest.mark.slow

HISTORY = "item3:scene1,item4:scene2"


@pytest.fixture(scope="module")
def endpoint(left):
    """`dspnet serve` over what the run pushed; yields the model's address and that of gRPC."""
    command = [sys.executable, "-m", "cli.main", "serve", "--model", PUSHED, "--server", "development"]
    command += ["--rest-port", "0", "--grpc-port", "0"]
    with subprocess.Popen(command, cwd=left, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        said = []
        with contextlib.suppress(StopIteration):
            while not said or not said[-1].startswith("Ctrl-C"):
                said.append(next(process.stdout))
        text = "".join(said)
        assert "Development server" in text, text
        yield re.search(r"^REST +(\S+)", text, re.MULTILINE)[1], re.search(r"^gRPC +(\S+)", text, re.MULTILINE)[1]
        process.terminate()
        assert process.wait(30) == 0


def post(endpoint, **body):
    request = urllib.request.Request(f"{endpoint[0]}:predict", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def test_every_signature_answers_over_rest(endpoint):
    history = {"history_item_ids": ["item3", "item4"], "history_scene_ids": ["scene1", "scene2"]}
    (plain,) = post(endpoint, instances=[history])["predictions"]
    assert plain["item_ids"][0] == "item5" and plain["scene_ids"][0] == "scene0"
    example = b"".join(_example(history))
    by_example = post(
        endpoint, signature_name="serving_examples", instances=[{"b64": base64.b64encode(example).decode()}]
    )
    assert by_example["predictions"] == [plain]
    (unseen,) = post(
        endpoint, signature_name="recommend_unseen", instances=[{**history, "exclude_item_ids": ["item5", ""]}]
    )["predictions"]
    assert not set(unseen["item_ids"]) & {"item3", "item4", "item5"} and unseen["item_ids"][-3:] == [""] * 3
    listed = ["item8", "item3", "other", "item5"]
    (allowed,) = post(endpoint, signature_name="rank_allowed", instances=[{**history, "allow_item_ids": listed}])[
        "predictions"
    ]
    # Nothing comes again in this log.
    assert allowed["item_ids"] == ["item5", "item8", "", ""] and allowed["scene_ids"] == plain["scene_ids"]
    (user,) = post(endpoint, signature_name="embed_users", instances=[history])["predictions"]
    assert {name: len(vector) for name, vector in user.items()} == {
        "z_item": 16, "z_scene": 8, "o_item": 16, "o_scene": 8
    }  # fmt: skip


def _example(features):
    import tensorflow as tf

    example = tf.train.Example()
    for name, values in features.items():
        example.features.feature[name].bytes_list.value.extend(value.encode() for value in values)
    yield example.SerializeToString()


@pytest.mark.parametrize(
    ("items", "scenes"),
    [
        (["never seen"], ["nowhere"]),
        ([], []),
        (["item1"] * 1000, ["scene1"] * 1000),
        (["item1", "item2"], ["scene1"]),
        ([{"b64": base64.b64encode(b"\xff\x00\xfe").decode()}], [{"b64": "gA=="}]),
    ],
)
def test_whatever_is_asked_has_an_answer(endpoint, items, scenes):
    row = post(endpoint, inputs={"history_item_ids": [items or [""]], "history_scene_ids": [scenes or [""]]})["outputs"]
    # The log has no repeats, so the history is not recommended, and leaves as many places empty.
    left = sorted({f"item{i}" for i in range(12)} - {item for item in items if isinstance(item, str)})
    assert sorted(filter(None, row["item_ids"][0])) == left and len(row["item_ids"][0]) == 12
    assert all(isinstance(score, float) for score in row["item_scores"][0] + row["scene_scores"][0])


def test_rows_that_do_not_match_are_refused(endpoint):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        post(endpoint, inputs={"history_item_ids": [["item1"], ["item2"]], "history_scene_ids": [["scene1"]]})
    assert refusal.value.code == 400
    assert "same number of rows" in json.loads(refusal.value.read())["error"]


def test_grpc_answers_as_rest_does(endpoint):
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "planted"
    request.inputs["history_item_ids"].CopyFrom(tf.make_tensor_proto([["item3", "item4"]]))
    request.inputs["history_scene_ids"].CopyFrom(tf.make_tensor_proto([["scene1", "scene2"]]))
    with grpc.insecure_channel(endpoint[1]) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    rest = post(
        endpoint, inputs={"history_item_ids": [["item3", "item4"]], "history_scene_ids": [["scene1", "scene2"]]}
    )
    for name, values in rest["outputs"].items():
        (found,) = tf.make_ndarray(answer.outputs[name]).tolist()
        if name.endswith("_ids"):
            assert [value.decode() for value in found] == values[0]
        else:
            assert found == pytest.approx(values[0])


def test_the_client_prints_the_same_of_model_and_endpoint(endpoint, left):
    asked = ["--history", HISTORY, "--top", "3", "--exclude", "item5"]
    by_model = run_dspnet("recommend", "--model", PUSHED, *asked, cwd=left)
    by_endpoint = run_dspnet("recommend", "--endpoint", endpoint[0], *asked, cwd=left)
    assert by_model.returncode == by_endpoint.returncode == 0, by_model.stderr + by_endpoint.stderr
    assert by_model.stdout == by_endpoint.stdout
    assert "item5" not in by_model.stdout and len(by_model.stdout.splitlines()) == 5


def test_a_whole_log_gets_recommendations(everybody, folder):
    """Everybody walks on by one: the next item of each user is known."""
    rows = pq.read_table(everybody).to_pylist()
    by_user = {row["user_id"]: row for row in rows}
    lines = [line.split(",") for line in (folder / "log.csv").read_text().splitlines()[1:]]
    last = {user: item for user, item, scene, time in lines if scene and int(time) < 10 * DAY}
    assert len(rows) == len(by_user) == len(last)
    right = 0
    for user, item in last.items():
        hashed = hmac.new(DEMO_SALT.encode(), user.encode(), hashlib.sha256).hexdigest()[:32]
        following = f"item{(int(item.removeprefix('item')) + 1) % 12}"
        right += by_user[hashed]["item_ids"][0] == following
    assert right > 0.9 * len(last)
