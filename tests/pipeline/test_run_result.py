import json
import os
import pathlib
import shlex

import ml_metadata as mlmd
import numpy as np
import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.run_metadata import read_run
from pipeline.run_result import PipelineResult, find_program, read_result, write_example_history, write_summary
from schemas.catalogue import Catalogue, write_catalogue
from serving.history import parse_history


def write_catalogues(folder: pathlib.Path, items: list[str], scenes: list[str]) -> None:
    for name, ids in (("items", items), ("scenes", scenes)):
        count = np.ones(len(ids), np.int64)
        catalogue = Catalogue(np.arange(len(ids)), np.array(ids, object), count, count)
        write_catalogue(catalogue, str(folder / f"{name}.parquet"))


EVALUATION = {
    "models": {"DSPnet": {"sequences": 3, "metrics": {"next_item/recall@10": {"value": 0.5, "low": 0.4}}}},
    "verdict": {"blessed": True, "reasons": ["good"]},
}


class PipelineRun:
    """A run in an ML Metadata store in memory."""

    def __init__(self, folder: pathlib.Path, run_id: str = "now"):
        config = metadata_store_pb2.ConnectionConfig()
        config.fake_database.SetInParent()
        self.store = mlmd.MetadataStore(config)
        self.folder = folder
        context_type = self.store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
        self.context = self.store.put_contexts([metadata_store_pb2.Context(type_id=context_type, name=run_id)])[0]
        self.execution_type = self.store.put_execution_type(metadata_store_pb2.ExecutionType(name="step"))

    def put(
        self,
        kind: str,
        event: int = metadata_store_pb2.Event.OUTPUT,
        state: int = metadata_store_pb2.Execution.COMPLETE,
        **properties: int | str,
    ) -> None:
        type_id = self.store.put_artifact_type(metadata_store_pb2.ArtifactType(name=kind))
        artifact = metadata_store_pb2.Artifact(type_id=type_id, uri=str(self.folder))
        for name, value in properties.items():
            setattr(artifact.custom_properties[name], "int_value" if isinstance(value, int) else "string_value", value)
        artifact_id = self.store.put_artifacts([artifact])[0]
        execution = metadata_store_pb2.Execution(type_id=self.execution_type, last_known_state=state)
        execution = self.store.put_executions([execution])[0]
        link = metadata_store_pb2.Association(execution_id=execution, context_id=self.context)
        self.store.put_attributions_and_associations([], [link])
        self.store.put_events([metadata_store_pb2.Event(artifact_id=artifact_id, execution_id=execution, type=event)])


@pytest.fixture
def run(tmp_path: pathlib.Path) -> PipelineRun:
    from components import artifacts

    (tmp_path / "evaluation.json").write_text(json.dumps(EVALUATION))
    (tmp_path / "evaluation.txt").write_text("a table\n")
    write_catalogues(tmp_path, ["milk,2%", "milk", "a:b", "bread"], ["x:y", "cart"])
    run = PipelineRun(tmp_path)
    run.put("ModelEvaluation")
    run.put(artifacts.Catalogue.TYPE_NAME)
    run.put(artifacts.Report.TYPE_NAME)
    return run


def bless(run: PipelineRun, model: int = 1, infra: int = 1) -> None:
    run.put("ModelBlessing", blessed=model)
    run.put("InfraBlessing", blessed=infra, reason="it answers nonsense" if not infra else "loaded in 0.9 s")


def test_blessed_and_pushed(run: PipelineRun, tmp_path: pathlib.Path) -> None:
    bless(run)
    run.put("ModelBlessing", event=metadata_store_pb2.Event.INTERNAL_OUTPUT, blessed=0)  # the resolver's
    run.put("PushedModel", pushed=1, pushed_destination=str(tmp_path))
    result = read_result(read_run(run.store, "now"))
    assert result.metrics == {"DSPnet": {"next_item/recall@10": 0.5}}
    assert (result.table, result.blessed, result.reasons, result.model) == ("a table", True, ("good",), str(tmp_path))
    assert (result.infra_blessed, result.infra_reason) == (True, "loaded in 0.9 s")
    *_, command, serve, empty, report = write_summary(result, "dspnet").splitlines()
    assert (empty, report) == ("", f"Report: {tmp_path / 'report.html'}")
    command, serve = shlex.split(command), shlex.split(serve)
    assert serve == ["dspnet", "serve", "--model", os.path.dirname(result.model)]
    assert command[:2] == ["dspnet", "recommend"] and command[-1] == "10"
    assert parse_history(command[command.index("--history") + 1]) == (["milk", "a:b"], ["cart", "cart"])


def test_pushed_folder_was_removed_since(run: PipelineRun, tmp_path: pathlib.Path) -> None:
    bless(run)
    run.put("PushedModel", pushed=1, pushed_destination=str(tmp_path / "gone"))
    assert read_result(read_run(run.store, "now")).model == str(tmp_path)


BY_EVALUATOR = "The model was refused by RankingEvaluator, so it was not pushed:\n  good"
BY_INFRA_VALIDATOR = "The model was refused by InfraValidator, so it was not pushed: it answers nonsense"


@pytest.mark.parametrize(
    ("model", "infra", "said"),
    [
        (0, 1, BY_EVALUATOR),
        (1, 0, BY_INFRA_VALIDATOR),
        (0, 0, f"{BY_EVALUATOR}\n{BY_INFRA_VALIDATOR}"),
        (1, 1, "The model was blessed, but not pushed."),
    ],
)
def test_not_pushed(run: PipelineRun, tmp_path: pathlib.Path, model: int, infra: int, said: str) -> None:
    bless(run, model, infra)
    run.put("PushedModel", pushed=0)
    result = read_result(read_run(run.store, "now"))
    assert result.model is None
    assert write_summary(result, "dspnet") == f"\na table\n\n{said}\n\nReport: {tmp_path / 'report.html'}"


def test_a_run_without_its_results_is_named(run: PipelineRun) -> None:
    with pytest.raises(LookupError, match="'now' should have put out one ModelBlessing; it has 0"):
        read_result(read_run(run.store, "now"))
    run.put("ModelBlessing", blessed=1)
    with pytest.raises(LookupError, match="one InfraBlessing; it has 0"):
        read_result(read_run(run.store, "now"))
    with pytest.raises(LookupError, match="no run 'then'"):
        read_run(run.store, "then")


def test_shell_characters_are_quoted() -> None:
    result = PipelineResult("now", "", {}, True, (), True, "", "models/my log/1", "it's:a b", "report.html")
    command, serve = map(shlex.split, write_summary(result, "dspnet").splitlines()[-4:-2])
    assert "models/my log/1" in command and "it's:a b" in command
    assert serve == ["dspnet", "serve", "--model", "models/my log"]


def test_one_item_is_enough(tmp_path: pathlib.Path) -> None:
    write_catalogues(tmp_path, ["milk"], ["cart", "search"])
    assert write_example_history(str(tmp_path)) == "milk:cart"


def test_program(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    python = str(tmp_path / ".venv" / "bin" / "python")
    assert find_program([str(tmp_path / ".venv" / "bin")], python) == "dspnet"
    assert find_program(["/bin"], python) == ".venv/bin/dspnet"
