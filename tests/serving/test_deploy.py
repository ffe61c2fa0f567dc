import pathlib
import re
import shlex

import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

import serving
from serving.model_server import GRPC_PORT, IMAGE, REST_PORT, make_docker_command, make_model_server_command

DEPLOY = pathlib.Path(serving.__file__).parent / "deploy"
NAME = "complete_journey"


def test_model_config() -> None:
    config = text_format.Parse((DEPLOY / "model.config").read_text(), model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == (NAME, f"/models/{NAME}", "tensorflow")


def test_kubernetes() -> None:
    deployment, service = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == IMAGE
    command = make_model_server_command(container["command"][0], NAME, f"/models/{NAME}", REST_PORT, GRPC_PORT)
    assert container["command"] + container["args"] == command
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "rest": REST_PORT,
        "grpc": GRPC_PORT,
    }
    assert {port["targetPort"]: port["port"] for port in service["spec"]["ports"]} == {
        "rest": REST_PORT,
        "grpc": GRPC_PORT,
    }
    labels = pod["metadata"]["labels"]
    assert labels == deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    (mount,), (volume,) = container["volumeMounts"], pod["spec"]["volumes"]
    assert mount["name"] == volume["name"] and mount["readOnly"]


def test_kserve() -> None:
    model = yaml.safe_load((DEPLOY / "kserve.yaml").read_text())["spec"]["predictor"]["model"]
    assert model["modelFormat"]["name"] == "tensorflow" and model["protocolVersion"] == "v1"
    assert model["runtimeVersion"] == IMAGE.partition(":")[2]
    assert model["storageUri"].endswith(f"/{NAME}")


def test_the_docker_line_is_the_one_that_serve_runs() -> None:
    readme = (DEPLOY / "README.md").read_text()
    (line,) = re.findall(r"^docker run.*?^```", readme, re.DOTALL | re.MULTILINE)
    base = f"$PWD/runs/{NAME}/serving_model/{NAME}"
    expected = make_docker_command("docker", NAME, f"/{base}", REST_PORT, GRPC_PORT)
    assert shlex.split(line.removesuffix("```").replace("\\\n", " ").replace("$PWD", "/$PWD")) == expected


def test_what_the_page_points_to_is_there() -> None:
    readme = (DEPLOY / "README.md").read_text()
    names = re.findall(r"\]\(([\w.]+)\)", readme)
    assert sorted(names) == ["kserve.yaml", "kubernetes.yaml", "model.config"]
    assert all((DEPLOY / name).is_file() for name in names)
