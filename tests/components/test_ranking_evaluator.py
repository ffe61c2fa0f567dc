import collections
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.ranking_evaluator.executor import REFERENCES, Executor
from components.ranking_evaluator.verdict import judge, list_watched
from model.config import EvaluationConfig, ModelConfig
from model.export.saved_model import export
from model.export.serving_module import ServingModule
from model.networks.base import build_network
from schemas.evaluation import Difference, Metric
from schemas.served_model import EXACT
from tests.sequence_data import catalogues, planted, write_catalogues, write_examples

METRIC = "next_item/recall@1"


def _metrics(value):
    return {METRIC: Metric(value, value, value, 10)}


def _config(**options):
    return EvaluationConfig(**{"k": (1,), "thresholds": {}, "max_drop": {}, "not_below": (), **options})


def _differences(value, p_value, metric=METRIC, title="popularity"):
    return {title: {metric: Difference(value, value, value, p_value)}}


@pytest.mark.parametrize(("value", "blessed"), [(0.5, True), (0.3, True), (0.29, False), (float("nan"), False)])
def test_thresholds(value, blessed):
    verdict = judge(_config(thresholds={METRIC: 0.3}), _metrics(value), None)
    assert verdict.blessed is blessed
    assert METRIC in verdict.reasons[0]


@pytest.mark.parametrize(("value", "blessed"), [(0.5, True), (0.38, True), (0.37, False), (float("nan"), False)])
def test_drop_below_the_last_blessed_model(value, blessed):
    verdict = judge(_config(max_drop={METRIC: 0.02}), _metrics(value), _metrics(0.4))
    assert verdict.blessed is blessed
    assert "0.4000" in verdict.reasons[0]


def test_broken_rules_come_first():
    verdict = judge(_config(thresholds={METRIC: 0.1}, max_drop={METRIC: 0.0}), _metrics(0.2), _metrics(0.3))
    assert "more than" in verdict.reasons[0] and "at least" in verdict.reasons[1]


@pytest.mark.parametrize(
    ("difference", "p_value", "blessed", "relation"),
    [
        (-0.1, 0.01, False, "is significantly below the 0.3000 of popularity (p 0.010)"),
        (-0.1, 0.05, True, "is not significantly below the 0.3000 of popularity (p 0.050)"),
        (-0.1, None, True, "is not significantly below the 0.3000 of popularity"),
        (0.1, 0.01, True, "is not below the 0.1000 of popularity"),
        (0.0, 1.0, True, "is not below the 0.2000 of popularity"),
    ],
)
def test_significantly_below_popularity_is_refused(difference, p_value, blessed, relation):
    config = _config(not_below=("popularity",))
    verdict = judge(config, _metrics(0.2), None, differences=_differences(difference, p_value))
    assert verdict.blessed is blessed
    assert verdict.reasons[0] == f"{METRIC} 0.2000 {relation}"


def test_popularity_is_a_rule_by_default_and_the_own_most_frequent_items_on_demand():
    assert EvaluationConfig().not_below == ("popularity",)
    worse = _differences(-0.1, 0.01, title="own most frequent") | _differences(0.0, 1.0)
    default = judge(_config(not_below=EvaluationConfig().not_below), _metrics(0.2), None, differences=worse)
    asked = judge(_config(not_below=("own_frequency",)), _metrics(0.2), None, differences=worse)
    assert default.blessed and not asked.blessed and "of own most frequent" in asked.reasons[0]
    assert judge(_config(), _metrics(0.2), None, differences=worse).blessed
    with pytest.raises(ValueError, match="not_below"):
        EvaluationConfig(not_below=("dspnet",))


def test_what_the_thresholds_name_is_watched():
    """Else Recall of the next item; lists, of which more is neither better nor worse, are not compared."""
    assert list_watched(_config()) == ("next_item/recall@1",)
    assert list_watched(EvaluationConfig()) == ("next_item/recall@10",)
    assert list_watched(EvaluationConfig(thresholds={"items/coverage@5": 0.1})) == ("next_item/recall@10",)
    named = EvaluationConfig(
        thresholds={"period_items/ndcg@5": 0.1, "items/coverage@5": 0.1, "next_item/mrr/cold": 0.0}
    )
    assert list_watched(named) == ("period_items/ndcg@5", "next_item/mrr/cold")
    period = "period_items/recall@1"
    config = _config(not_below=("popularity",), thresholds={period: 0.0})
    metrics = _metrics(0.2) | {period: Metric(0.2, 0.2, 0.2, 10)}
    assert judge(config, metrics, None, differences=_differences(-0.1, 0.01) | {}).blessed is False  # not measured
    both = {"popularity": _differences(-0.1, 0.01)["popularity"] | _differences(0.0, 1.0, period)["popularity"]}
    assert judge(config, metrics, None, differences=both).blessed


def test_the_model_itself_is_not_below_itself():
    config = _config(not_below=("popularity",))
    assert judge(config, _metrics(0.2), None, differences=_differences(-0.1, 0.01, title="own most frequent")).blessed


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
    return _exported(network, items, scenes, folder, identifier)


def _exported(network, items, scenes, folder, identifier):
    model = _artifact(standard_artifacts.Model, folder, identifier)
    export(ServingModule(network, items, scenes, max_history=20), f"{folder}/Format-Serving", "planted", EXACT)
    return model


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluator")
    train = planted(60, seed=0)
    examples = _artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = '["train", "val", "test"]'
    write_examples(folder / "examples" / "Split-train" / "data.gz", train)
    write_examples(folder / "examples" / "Split-test" / "data.gz", planted(30, seed=1))
    write_catalogues(folder / "catalogue", train)
    candidate = _model(folder / "model", train, 7, 0.0)
    old = _artifact(standard_artifacts.Model, folder / "old", 9)
    tf.saved_model.save(tf.Module(), f"{folder}/old/Format-Serving")
    other = _model(folder / "other", train[:20], 8, 1.0)

    def run(name, config, baseline=None, title="DSPnet", target="period"):
        model = candidate
        if title in REFERENCES:
            found = catalogues(train)
            model = _exported(REFERENCES[title](*found), *found, folder / name / "model", 7)
        output = {
            "evaluation": [_artifact(standard_artifacts.ModelEvaluation, folder / name / "evaluation")],
            "blessing": [_artifact(standard_artifacts.ModelBlessing, folder / name / "blessing")],
        }
        inputs = {
            "examples": [examples],
            "catalogue": [_artifact(standard_artifacts.Examples, folder / "catalogue")],
            "model": [model],
            "baseline_model": {None: [], "other": [other], "itself": [candidate], "old": [old]}[baseline],
        }
        settings = {"name": "planted", "candidate": title, "target": target, "settings": config.model_dump_json()}
        Executor().Do(inputs, output, settings)
        document = json.loads((folder / name / "evaluation" / "evaluation.json").read_text())
        return document, (folder / name / "evaluation" / "evaluation.txt").read_text(), output["blessing"][0]

    return run


def test_a_blessing_without_rules_says_so():
    verdict = judge(_config(thresholds={}, max_drop={}), _metrics(0.2), _metrics(0.3))
    assert verdict.blessed and "ask for nothing" in verdict.reasons[0]


def test_blesses_and_writes_table_and_json(evaluate):
    document, table, blessing = evaluate("good", _config(k=(1, 5)))
    assert list(document["models"]) == ["DSPnet", "popularity", "own most frequent"]
    assert document["name"] == "planted" and document["sequences"] == 30 and document["k"] == [1, 5]
    assert document["verdict"]["blessed"] is True
    for model in document["models"].values():
        for task in ("next_item", "period_items", "next_scene"):
            for metric in ("recall@1", "ndcg@1", "recall@5", "ndcg@5"):
                assert f"{model['metrics'][f'{task}/{metric}']['value']:.4f}" in table
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
    assert "last blessed model" in table
    for metric, difference in document["differences"]["last blessed model"].items():
        values = [document["models"][name]["metrics"][metric]["value"] for name in ("DSPnet", "last blessed model")]
        assert difference["value"] == pytest.approx(values[0] - values[1], abs=1e-12)
    assert blessing.get_int_custom_property("baseline_model_id") == 8


def test_a_model_is_not_compared_with_itself(evaluate):
    document, _, _ = evaluate("itself", _config(), "itself")
    assert "last blessed model" not in document["models"]


def test_a_candidate_is_called_by_its_method(evaluate):
    document, table, _ = evaluate("titled", _config(thresholds={METRIC: 0.0}), title="BERT4Rec")
    assert list(document["models"]) == ["BERT4Rec", "popularity", "own most frequent"]
    assert list(document["differences"]) == ["popularity", "own most frequent"]
    assert [line.split()[0] for line in table.splitlines()[3:5]] == ["BERT4Rec", "95%"] and "DSPnet" not in table
    assert document["verdict"]["blessed"] is True


def test_a_candidate_that_is_a_reference_is_listed_once(evaluate):
    one, table, _ = evaluate("popular", _config(), title="popularity")
    other, _, _ = evaluate("own", _config(), title="own most frequent")
    assert list(one["models"]) == ["popularity", "own most frequent"]
    assert list(other["models"]) == ["own most frequent", "popularity"]
    assert list(one["differences"]) == ["own most frequent"]
    assert [line.startswith("popularity") for line in table.splitlines()].count(True) == 1
    # As a candidate, exported and loaded, it gets the numbers that it gets as a reference.
    assert one["models"] == other["models"]


def test_a_first_model_that_is_worse_than_popularity_is_refused(evaluate):
    """The counting candidate repeats what the user did, which in the planted walks is never what comes next."""
    document, table, blessing = evaluate(
        "worse", _config(k=(1, 3), not_below=("popularity",)), title="own most frequent"
    )
    name = "next_item/recall@3"
    own, popular = (
        document["models"][model]["metrics"][name]["value"] for model in ("own most frequent", "popularity")
    )
    assert own < popular and document["differences"]["popularity"][name]["p_value"] < 0.05
    (line,) = [line for line in table.splitlines() if line.startswith("REFUSED")]
    assert f"{name} {own:.4f} is significantly below the {popular:.4f} of popularity (p " in line
    assert tf.io.gfile.listdir(blessing.uri) == ["NOT_BLESSED"]


def test_references_count_what_the_training_target_counts(evaluate):
    """With the target `next` popularity is that of next items, and the fill of the user's own items is."""
    train = planted(60, seed=0)
    items, _ = catalogues(train)
    counts = collections.Counter(sequence.future[0][0] for sequence in train)
    one, _, _ = evaluate("next", _config(k=(1, 3)), target="next")
    other, _, _ = evaluate("period", _config(k=(1, 3)))
    test = planted(30, seed=1)
    for title in REFERENCES:
        assert one["models"][title] != other["models"][title]
    # Of equal scores the right item comes last.
    ranks = [1 + sum(counts[raw] >= counts[s.future[0][0]] for raw in items.ids) - 1 for s in test]
    expected = np.mean([rank <= 3 for rank in ranks])
    assert one["models"]["popularity"]["metrics"]["next_item/recall@3"]["value"] == pytest.approx(expected, abs=1e-6)


def test_a_slice_may_be_named_in_a_rule(evaluate):
    name = f"{METRIC}/group=low"
    document, _, _ = evaluate("slice", _config(thresholds={name: 1.1}))
    assert document["verdict"]["reasons"][0].startswith(f"{name} ")
    assert document["slices"]["group=low"]["sequences"] == document["models"]["DSPnet"]["metrics"][name]["sequences"]


def test_a_rule_about_what_was_not_measured_is_broken(evaluate):
    document, _, _ = evaluate("nowhere", _config(thresholds={f"{METRIC}/scene=nowhere": 0.0}))
    assert document["verdict"]["blessed"] is False
    assert "could not be measured" in document["verdict"]["reasons"][0]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("next_thing/recall@1", "no such task"),
        ("next_item/recall@7", "not measured. Choose from: next_item/recall@1"),
        (f"{METRIC}/group=middle", "no such slice"),
        ("next_scene/recall@1/cold", "no such slice"),
        ("period_items/mrr/popularity=1", "no such slice"),
        ("items/coverage@1/group=low", "not measured in slices"),
        (f"{METRIC}/", "no such slice"),
        (f"{METRIC}/scene=", "no such slice"),
    ],
)
def test_names_of_metrics_are_checked(name, complaint):
    with pytest.raises(ValueError, match=complaint):
        _config(thresholds={name: 0.1})


def test_rules_follow_the_largest_k():
    assert EvaluationConfig(k=(20, 5)).max_drop == {"next_item/ndcg@20": 0.005}
    assert EvaluationConfig().max_drop == {"next_item/ndcg@10": 0.005}


def test_a_blessed_model_that_cannot_be_ranked_is_told_of(evaluate):
    document, _, blessing = evaluate("old", _config(max_drop={METRIC: 0.0}), "old")
    assert any("NOT compared with the last blessed model" in reason for reason in document["verdict"]["reasons"])
    assert not blessing.has_custom_property("baseline_model_id")


def test_writes_each_sequence_so_that_means_come_out(evaluate, tmp_path_factory):
    document, _, _ = evaluate("sequences", _config(k=(1, 3)))
    folder = next(tmp_path_factory.getbasetemp().glob("evaluator*/sequences/evaluation"))
    table = pq.read_table(folder / "sequences.parquet")
    assert table.num_rows == 30 and len(set(table["user_id"].to_pylist())) == 30
    assert set(table["group"].to_pylist()) <= {"low", "medium", "high"}
    metrics = document["models"]["DSPnet"]["metrics"]
    for name in table.schema.names[3:]:
        column = table[name]
        assert len(column) - column.null_count == metrics[name]["sequences"]
        assert np.mean(column.drop_null().to_numpy()) == pytest.approx(metrics[name]["value"], abs=1e-6)
    whole = {name for name in metrics if name.count("/") == 1 and "coverage" not in name and "bias" not in name}
    assert whole == set(table.schema.names[3:])
