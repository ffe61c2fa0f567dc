import json

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.ranking_evaluator.executor import Executor
from components.ranking_evaluator.verdict import judge
from model.config import EvaluationConfig, ModelConfig
from model.export import EXACT, export
from model.serving import ServingModule
from model.trainer import build_network
from tests.sequence_data import catalogues, planted, write_catalogues, write_examples

METRIC = "next_item/recall@1"


def _config(**options):
    return EvaluationConfig(**{"k": (1,), "thresholds": {}, "max_drop": {}, **options})


@pytest.mark.parametrize(("value", "blessed"), [(0.5, True), (0.3, True), (0.29, False), (float("nan"), False)])
def test_thresholds(value, blessed):
    verdict = judge(_config(thresholds={METRIC: 0.3}), {METRIC: value}, None)
    assert verdict.blessed is blessed
    assert METRIC in verdict.reasons[0]


@pytest.mark.parametrize(("value", "blessed"), [(0.5, True), (0.38, True), (0.37, False), (float("nan"), False)])
def test_drop_below_the_last_blessed_model(value, blessed):
    verdict = judge(_config(max_drop={METRIC: 0.02}), {METRIC: value}, {METRIC: 0.4})
    assert verdict.blessed is blessed
    assert "0.4000" in verdict.reasons[0]


def test_broken_rules_come_first():
    verdict = judge(_config(thresholds={METRIC: 0.1}, max_drop={METRIC: 0.0}), {METRIC: 0.2}, {METRIC: 0.3})
    assert "more than" in verdict.reasons[0] and "at least" in verdict.reasons[1]


def _artifact(cls, folder, identifier=0):
    folder.mkdir(parents=True, exist_ok=True)
    artifact = cls()
    artifact.uri, artifact.id = str(folder), identifier
    return artifact


def _model(folder, train, identifier, prior):
    items, scenes = catalogues(train)
    network = build_network(ModelConfig(item_dim=4, scene_dim=4, popularity_prior=True), items, scenes)
    network(tf.zeros([1, 1], tf.int32), tf.zeros([1, 1], tf.int32))
    network.item_bias.assign_add(prior * np.ones(len(items)))
    model = _artifact(standard_artifacts.Model, folder, identifier)
    export(ServingModule(network, items, scenes, max_history=20), f"{folder}/Format-Serving", "planted", EXACT)
    return model


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluator")
    train = planted(60, seed=0)
    examples = _artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = '["train", "val", "test"]'
    write_examples(folder / "examples" / "Split-test" / "data.gz", planted(30, seed=1))
    write_catalogues(folder / "catalogue", train)
    candidate = _model(folder / "model", train, 7, 0.0)
    other = _model(folder / "other", train[:20], 8, 1.0)

    def run(name, config, baseline=None):
        output = {
            "evaluation": [_artifact(standard_artifacts.ModelEvaluation, folder / name / "evaluation")],
            "blessing": [_artifact(standard_artifacts.ModelBlessing, folder / name / "blessing")],
        }
        inputs = {
            "examples": [examples],
            "catalogue": [_artifact(standard_artifacts.Examples, folder / "catalogue")],
            "model": [candidate],
            "baseline_model": {None: [], "other": [other], "itself": [candidate]}[baseline],
        }
        Executor().Do(inputs, output, {"settings": config.model_dump_json()})
        document = json.loads((folder / name / "evaluation" / "evaluation.json").read_text())
        return document, (folder / name / "evaluation" / "evaluation.txt").read_text(), output["blessing"][0]

    return run


def test_a_blessing_without_rules_says_so():
    verdict = judge(_config(thresholds={}, max_drop={}), {METRIC: 0.2}, {METRIC: 0.3})
    assert verdict.blessed and "ask for nothing" in verdict.reasons[0]


def test_blesses_and_writes_table_and_json(evaluate):
    document, table, blessing = evaluate("good", _config(k=(1, 5)))
    assert list(document["models"]) == ["DSPnet", "popularity", "own most frequent"]
    assert document["models"]["DSPnet"]["sequences"] == 30
    assert document["verdict"]["blessed"] is True
    for values in document["models"].values():
        for value in values["metrics"].values():
            assert f"{value:.4f}" in table
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert tf.io.gfile.listdir(blessing.uri) == ["BLESSED"]


def test_refuses_with_a_reason(evaluate):
    document, table, blessing = evaluate("bad", _config(thresholds={METRIC: 0.999}))
    assert document["verdict"]["blessed"] is False
    assert "REFUSED: next_item/recall@1" in table and "below the threshold 0.9990" in table
    assert blessing.get_int_custom_property("blessed") == 0
    assert tf.io.gfile.listdir(blessing.uri) == ["NOT_BLESSED"]


def test_compares_with_the_last_blessed_model_on_the_same_sequences(evaluate):
    document, table, blessing = evaluate("other_run", _config(max_drop={METRIC: 1.0}), "other")
    assert document["models"]["last blessed model"]["sequences"] == 30
    assert "last blessed model" in table
    assert blessing.get_int_custom_property("baseline_model_id") == 8


def test_a_model_is_not_compared_with_itself(evaluate):
    document, _, _ = evaluate("itself", _config(), "itself")
    assert "last blessed model" not in document["models"]
