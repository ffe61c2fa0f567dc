import ast
import json
import pathlib
import sys

import pytest

from pipeline.config import parse_config
from reporting.console import Screen
from schemas.errors import UserError

CONFIG = parse_config(
    {"name": "my_log", "source": {"path": "gs://bucket/log.csv"}, "windows": {"cutoffs": ["2024-08-01"]}}, "test"
)


def compiled(**arguments):
    from tfx.dsl.compiler import compiler

    from pipeline.pipeline import create_pipeline

    definition = create_pipeline(CONFIG, pipeline_root="/artifacts", serving_dir="/serving", **arguments)
    nodes = [node.pipeline_node for node in compiler.Compiler().compile(definition).nodes]
    return definition, {node.node_info.id: node for node in nodes}


def parameter(node, name: str) -> str:
    return node.parameters.parameters[name].field_value.string_value


@pytest.fixture(scope="module")
def nodes():
    return compiled(
        source_digests={"Trainer": "t1", "Catalogue": "c1"},
        input_fingerprint="f1",
        salt_fingerprint="s1",
        names_fingerprint="n1",
    )[1]


def test_the_model_is_named_not_imported(nodes) -> None:
    # The tfx command imports this file when it is too late to choose Keras 2.
    source = pathlib.Path(__file__).parents[2] / "pipeline" / "pipeline.py"
    imported = {node.module for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name and name.partition(".")[0] == "model"]
    assert parameter(nodes["Trainer"], "run_fn") == "model.trainer.run_fn"


def test_steps_and_their_order(nodes) -> None:
    assert set(nodes) == {
        "SequenceExampleGen",
        "StatisticsGen",
        "ImportSchemaGen",
        "StrictExampleValidator",
        "Catalogue",
        "Trainer",
        "latest_blessed_model",
        "RankingEvaluator",
        "InfraValidator",
        "Pusher",
        "Report",
    }
    upstream = {name: set(node.upstream_nodes) for name, node in nodes.items()}
    assert {"StrictExampleValidator", "Catalogue", "SequenceExampleGen"} == upstream["Trainer"]
    assert {"StrictExampleValidator", "SequenceExampleGen"} == upstream["Catalogue"]
    assert {"Trainer", "Catalogue", "SequenceExampleGen", "latest_blessed_model"} == upstream["RankingEvaluator"]
    assert {"Trainer", "Catalogue", "SequenceExampleGen"} == upstream["InfraValidator"]
    assert {"Trainer", "Catalogue", "RankingEvaluator", "InfraValidator"} == upstream["Pusher"]
    reported = {"SequenceExampleGen", "StatisticsGen", "Catalogue", "Trainer", "RankingEvaluator"}
    assert reported == upstream["Report"]  # whether or not Pusher pushes


def test_evaluator_gets_the_baseline(nodes) -> None:
    channel = nodes["RankingEvaluator"].inputs.inputs["baseline_model"].channels[0]
    assert (channel.producer_node_query.id, channel.output_key) == ("latest_blessed_model", "model")


@pytest.mark.parametrize(("name", "by"), [("model", "RankingEvaluator"), ("infra", "InfraValidator")])
def test_pusher_waits_for_both_blessings(nodes, name, by) -> None:
    channel = nodes["Pusher"].inputs.inputs[f"{name}_blessing"].channels[0]
    assert channel.producer_node_query.id == by
    assert "/serving" in parameter(nodes["Pusher"], "push_destination")


def test_trainer_is_told_all(nodes) -> None:
    custom = json.loads(parameter(nodes["Trainer"], "custom_config"))
    assert custom["checkpoint_dir"] == "/artifacts/checkpoints"
    assert (custom["source_digest"], custom["name"]) == ("t1", "my_log")
    assert custom["model"] == CONFIG.model.model_dump(mode="json")
    assert custom["training"] == CONFIG.training.model_dump(mode="json")


def test_ingest_is_told_all(nodes) -> None:
    settings = json.loads(parameter(nodes["SequenceExampleGen"], "settings"))
    assert (settings["source"]["path"], settings["partitions"]) == ("gs://bucket/log.csv", CONFIG.beam.partitions)
    assert parameter(nodes["SequenceExampleGen"], "input_fingerprint") == "f1"
    assert parameter(nodes["SequenceExampleGen"], "salt_fingerprint") == "s1"


def test_a_salt_that_cannot_be_used_is_found_before_the_first_step(monkeypatch, tmp_path) -> None:
    from pipeline import local_steps

    started = []
    monkeypatch.setattr(local_steps.StepRunner, "run", lambda self, definition: started.append(definition))
    for salt, message in (("", "DSPNET_SALT is missing or empty"), ("short", "DSPNET_SALT has 5 characters")):
        monkeypatch.setenv("DSPNET_SALT", salt)
        with pytest.raises(UserError, match=message):
            local_steps.run_steps(CONFIG, str(tmp_path), Screen(sys.stdout), str(tmp_path / "run.log"))
    assert not started


def test_report_is_told_all(nodes) -> None:
    assert json.loads(parameter(nodes["Report"], "config")) == CONFIG.model_dump(mode="json")
    assert json.loads(parameter(nodes["Report"], "settings")) == CONFIG.report.model_dump(mode="json")
    assert json.loads(parameter(nodes["Report"], "source_digests")) == {"Trainer": "t1", "Catalogue": "c1"}
    assert [parameter(nodes["Report"], name) for name in ("name", "names_fingerprint")] == ["my_log", "n1"]


def test_only_pusher_and_report_depend_on_the_names_of_items(nodes) -> None:
    items = json.loads(parameter(nodes["Pusher"], "items"))
    assert items == CONFIG.report.items.model_dump() and parameter(nodes["Pusher"], "names_fingerprint") == "n1"
    told = {name for name, node in nodes.items() if "names_fingerprint" in node.parameters.parameters}
    assert told == {"Pusher", "Report"}


def test_code_digest_is_part_of_the_cache_key_of_each_of_our_steps() -> None:
    from pipeline.cache_keys import SOURCES

    definition, nodes = compiled(source_digests={name: f"digest of {name}" for name in SOURCES})
    specs = {component.id: component.executor_spec for component in definition.components if component.id in SOURCES}
    for name, spec in specs.items():
        key = f"{spec.extra_flags} {dict(nodes[name].parameters.parameters)}"
        assert f"digest of {name}" in key
    again, _ = compiled()
    assert not any(component.executor_spec.extra_flags for component in again.components if component.id == "Catalogue")
