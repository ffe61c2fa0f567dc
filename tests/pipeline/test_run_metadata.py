import pathlib

import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline import run_metadata
from pipeline.run_metadata import Artifact, RunRecord, read_run
from tests.pipeline.test_run_result import PipelineRun


def test_artifact_types_have_the_names_that_tfx_gives_them() -> None:
    from tfx.types import standard_artifacts

    from components import artifacts

    assert run_metadata.CATALOGUE_TYPE == artifacts.Catalogue.TYPE_NAME
    assert run_metadata.REPORT_TYPE == artifacts.Report.TYPE_NAME
    assert run_metadata.EXAMPLES_TYPE == standard_artifacts.Examples.TYPE_NAME
    assert run_metadata.EVALUATION_TYPE == standard_artifacts.ModelEvaluation.TYPE_NAME
    assert run_metadata.MODEL_BLESSING_TYPE == standard_artifacts.ModelBlessing.TYPE_NAME
    assert run_metadata.INFRA_BLESSING_TYPE == standard_artifacts.InfraBlessing.TYPE_NAME
    assert run_metadata.PUSHED_MODEL_TYPE == standard_artifacts.PushedModel.TYPE_NAME


def test_what_steps_put_out(tmp_path: pathlib.Path) -> None:
    run = PipelineRun(tmp_path)
    run.put("Examples", sequences_train=3, note="first")
    run.put("Examples", sequences_train=4)
    run.put("Model", event=metadata_store_pb2.Event.INPUT)
    record = read_run(run.store, "now")
    examples = [
        Artifact("Examples", str(tmp_path), properties)
        for properties in ({"sequences_train": 3, "note": "first"}, {"sequences_train": 4})
    ]
    assert record == RunRecord("now", True, tuple(examples))
    assert record.find("Examples") == examples[1] and record.find("Model") is None
    with pytest.raises(LookupError, match="'now' should have put out one Examples; it has 2"):
        record.get_only("Examples")


def test_what_a_failed_step_put_out_does_not_count(tmp_path: pathlib.Path) -> None:
    run = PipelineRun(tmp_path)
    run.put("Examples")
    run.put("Model", state=metadata_store_pb2.Execution.FAILED)
    record = read_run(run.store, "now")
    assert not record.completed and record.find("Model") is None and record.get_only("Examples")


def test_a_run_that_put_nothing_out() -> None:
    run = PipelineRun(pathlib.Path("nowhere"))
    assert read_run(run.store, "now") == RunRecord("now", True, ())


def test_metadata_are_read_without_tfx() -> None:
    import subprocess
    import sys

    code = "import sys, pipeline.run_metadata; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(done.stdout.split()) & {"tfx", "tensorflow", "apache_beam"}
