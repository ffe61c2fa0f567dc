import json
import os
import pathlib
import subprocess
import sys
import types

import pytest

from pipeline import kubeflow_v2_runner
from pipeline.config import parse_config
from schemas.errors import UserError

VALUES = {"name": "my_log", "source": {"path": "gs://bucket/log.csv"}, "windows": {"cutoffs": ["2024-08-01"]}}
TARGET = {"image": "example/dspnet:1", "pipeline_root": "gs://bucket/runs", "serving_dir": "gs://bucket/models"}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> types.SimpleNamespace:
    """What the command writes and says."""
    folder = tmp_path_factory.mktemp("kubeflow")
    config, output = folder / "log.yaml", folder / "pipeline.json"
    config.write_text(json.dumps(VALUES))
    options = {"--config": config, "--output": output} | {
        f"--{name.replace('_', '-')}": value for name, value in TARGET.items()
    }
    command = [sys.executable, "-m", "pipeline.kubeflow_v2_runner", *(str(w) for pair in options.items() for w in pair)]
    environment = {**os.environ, "DSPNET_SALT": "a secret of this test"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return types.SimpleNamespace(output=output, done=done)


@pytest.mark.slow
def test_compiles_offline(compiled: types.SimpleNamespace) -> None:
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    text = compiled.output.read_text()
    for path in (os.getcwd(), str(compiled.output.parent), sys.prefix):
        assert path not in text
    assert "a secret of this test" not in text

    spec = pipeline_spec_pb2.PipelineSpec()
    json_format.ParseDict(json.loads(text)["pipelineSpec"], spec)  # strict: an unknown field is an error
    tasks = spec.root.dag.tasks
    ours = {"SequenceExampleGen", "StatisticsGen", "ImportSchemaGen", "StrictExampleValidator", "Catalogue", "Trainer"}
    assert ours | {"RankingEvaluator", "InfraValidator", "Pusher", "Report"} <= set(tasks)
    inputs = tasks["Pusher"].inputs.artifacts
    assert inputs["model_blessing"].task_output_artifact.producer_task == "RankingEvaluator"
    assert inputs["infra_blessing"].task_output_artifact.producer_task == "InfraValidator"
    assert inputs["catalogue"].task_output_artifact.producer_task == "Catalogue"
    assert "components.pusher.executor.Executor" in text
    assert "StrictExampleValidator" in tasks["Trainer"].dependent_tasks
    schema = tasks["ImportSchemaGen"].inputs.parameters["schema_file"].runtime_value.constant.string_value
    assert schema == kubeflow_v2_runner.IMAGE_SCHEMA_FILE
    assert spec.pipeline_info.name == "my-log"
    assert tasks["Report"].inputs.artifacts["evaluation"].task_output_artifact.producer_task == "RankingEvaluator"
    assert "Pusher" not in tasks["Report"].dependent_tasks
    assert "components.Report" in text


@pytest.mark.slow
def test_the_command_says_nothing_of_googles_plans(compiled: types.SimpleNamespace) -> None:
    assert compiled.done.stdout == f"Wrote {compiled.output}\n"
    assert "FutureWarning" not in compiled.done.stderr


def test_artifact_types_can_be_imported_by_name() -> None:
    from tfx.utils import import_utils

    from components import artifacts

    for kind in (artifacts.IdMap, artifacts.RejectedRows, artifacts.Catalogue, artifacts.Report):
        assert import_utils.import_class_by_path(kind.TYPE_NAME) is kind


def test_a_path_of_this_machine_is_refused(tmp_path: pathlib.Path) -> None:
    config = parse_config({**VALUES, "source": {"path": "data/log.csv"}}, "test")
    with pytest.raises(UserError, match="source.path: a cluster .*'data/log.csv'"):
        kubeflow_v2_runner.compile_pipeline(config, output=str(tmp_path / "p.json"), **TARGET)
    config = parse_config({**VALUES, "report": {"items": {"path": "data/items.csv"}}}, "test")
    with pytest.raises(UserError, match="report.items.path: a cluster .*'data/items.csv'"):
        kubeflow_v2_runner.compile_pipeline(config, output=str(tmp_path / "p.json"), **TARGET)
