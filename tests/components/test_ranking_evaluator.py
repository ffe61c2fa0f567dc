import collections
import dataclasses
import json
import pathlib

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.ranking_evaluator.executor import REFERENCES, Executor
from components.ranking_evaluator.verdict import judge, list_watched
from model.baselines import popularity
from model.baselines.statistical_network import StatisticalNetworks
from model.config import EvaluationConfig
from model.data.sequences import TrainSequences
from model.export.serving_module import ServingModule
from schemas.evaluation import Difference, Metric
from tests import served_model
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


def test_a_blessing_without_rules_says_so():
    verdict = judge(_config(thresholds={}, max_drop={}), _metrics(0.2), _metrics(0.3))
    assert verdict.blessed and "ask for nothing" in verdict.reasons[0]


TRAIN, TEST = planted(60, seed=0), planted(30, seed=1)


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What one run of the component wrote."""

    folder: pathlib.Path
    blessing: standard_artifacts.ModelBlessing

    @property
    def document(self):
        return json.loads((self.folder / "evaluation.json").read_text())

    @property
    def table(self):
        return (self.folder / "evaluation.txt").read_text()

    @property
    def sequences(self):
        return pq.read_table(self.folder / "sequences.parquet")


def _artifact(cls, folder, identifier=0):
    folder.mkdir(parents=True, exist_ok=True)
    artifact = cls()
    artifact.uri, artifact.id = str(folder), identifier
    return artifact


def _exported(served, folder, identifier):
    served_model.export(served, folder / "Format-Serving")
    return _artifact(standard_artifacts.Model, folder, identifier)


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory):
    """Runs the component: each run loads and traces its models anew, so several tests read what one wrote."""
    folder = tmp_path_factory.mktemp("evaluator")
    examples = _artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = '["train", "val", "test"]'
    train = TrainSequences([write_examples(folder / "examples" / "Split-train" / "data.gz", TRAIN)], *catalogues(TRAIN))
    write_examples(folder / "examples" / "Split-test" / "data.gz", TEST)
    write_catalogues(folder / "catalogue", TRAIN)
    served = served_model.build(TRAIN)
    candidate = _exported(served, folder / "model", 7)

    def count(title):
        """Exports a reference, as the trainer does with a method that counts."""
        items, scenes = catalogues(TRAIN)
        networks = {
            question: REFERENCES[title](*popularity.recount_futures(train, items, scenes, question))
            for question in ("next", "period")
        }
        module = ServingModule(StatisticalNetworks(networks), items, scenes, max_history=20)
        return _exported(dataclasses.replace(served, module=module), folder / f"counted {title}", 7)

    def run(name, config, baseline=None, title="DSPnet"):
        output = {
            "evaluation": [_artifact(standard_artifacts.ModelEvaluation, folder / name / "evaluation")],
            "blessing": [_artifact(standard_artifacts.ModelBlessing, folder / name / "blessing")],
        }
        inputs = {
            "examples": [examples],
            "catalogue": [_artifact(standard_artifacts.Examples, folder / "catalogue")],
            "model": [count(title) if title in REFERENCES else candidate],
            "baseline_model": [],
        }
        if baseline == "itself":
            inputs["baseline_model"] = [candidate]
        elif baseline == "other":
            inputs["baseline_model"] = [_exported(served_model.build(TRAIN[:20], seed=1), folder / "other", 8)]
        elif baseline == "old":
            inputs["baseline_model"] = [_artifact(standard_artifacts.Model, folder / "old", 9)]
            tf.saved_model.save(tf.Module(), f"{folder}/old/Format-Serving")
        settings = {"name": "planted", "candidate": title, "settings": config.model_dump_json()}
        Executor().Do(inputs, output, settings)
        return Evaluated(folder / name / "evaluation", output["blessing"][0])

    return run


SLICED, NOWHERE = f"{METRIC}/group=low", f"{METRIC}/scene=nowhere"


@pytest.fixture(scope="module")
def refused(evaluate):
    """A candidate that breaks every rule, and is the last blessed model itself."""
    config = _config(k=(1, 3), thresholds={METRIC: 0.999, SLICED: 1.1, NOWHERE: 0.0}, max_drop={METRIC: 0.0})
    return evaluate("refused", config, "itself")


@pytest.fixture(scope="module")
def compared(evaluate):
    """A candidate of another method, measured beside another model that was blessed."""
    return evaluate("compared", _config(thresholds={METRIC: 0.0}, max_drop={METRIC: 1.0}), "other", "BERT4Rec")


@pytest.fixture(scope="module")
def popular(evaluate):
    """A candidate that is a reference, after a blessed model that cannot be ranked."""
    return evaluate("popular", _config(k=(1, 3), max_drop={METRIC: 0.0}), "old", "popularity")


@pytest.fixture(scope="module")
def counted(evaluate):
    """The other reference as a candidate."""
    return evaluate("own", _config(k=(1, 3), not_below=("popularity",)), title="own most frequent")


def test_refuses_with_reasons_and_writes_table_and_json(refused):
    document, table, blessing = refused.document, refused.table, refused.blessing
    assert list(document["models"]) == ["DSPnet", "popularity", "own most frequent"]
    assert document["name"] == "planted" and document["sequences"] == 30 and document["k"] == [1, 3]
    for model in document["models"].values():
        for task in ("next_item", "period_items", "next_scene"):
            for metric in ("recall@1", "ndcg@1", "recall@3", "ndcg@3"):
                assert f"{model['metrics'][f'{task}/{metric}']['value']:.4f}" in table
    assert document["verdict"]["blessed"] is False
    assert "REFUSED: next_item/recall@1" in table and "below the threshold 0.9990" in table
    assert blessing.get_int_custom_property("blessed") == 0
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert tf.io.gfile.listdir(blessing.uri) == ["NOT_BLESSED"]


def test_a_model_is_not_compared_with_itself(refused):
    assert "last blessed model" not in refused.document["models"]
    assert not refused.blessing.has_custom_property("baseline_model_id")


def test_a_slice_may_be_named_in_a_rule(refused):
    document = refused.document
    assert any(reason.startswith(f"{SLICED} ") for reason in document["verdict"]["reasons"])
    measured = document["models"]["DSPnet"]["metrics"][SLICED]
    assert 0 < document["slices"]["group=low"]["sequences"] == measured["sequences"]


def test_a_rule_about_what_was_not_measured_is_broken(refused):
    (reason,) = [reason for reason in refused.document["verdict"]["reasons"] if reason.startswith(NOWHERE)]
    assert "could not be measured" in reason


def test_writes_each_sequence_so_that_means_come_out(refused):
    table = refused.sequences
    assert table.num_rows == 30 and len(set(table["user_id"].to_pylist())) == 30
    assert set(table["group"].to_pylist()) <= {"low", "medium", "high"}
    metrics = refused.document["models"]["DSPnet"]["metrics"]
    for name in table.schema.names[3:]:
        column = table[name]
        assert len(column) - column.null_count == metrics[name]["sequences"]
        assert np.mean(column.drop_null().to_numpy()) == pytest.approx(metrics[name]["value"], abs=1e-6)
    whole = {name for name in metrics if name.count("/") == 1 and "coverage" not in name and "bias" not in name}
    assert whole == set(table.schema.names[3:])


def test_blesses_and_compares_with_the_last_blessed_model_on_the_same_sequences(compared):
    document, blessing = compared.document, compared.blessing
    assert document["verdict"]["blessed"] is True and "last blessed model" in compared.table
    for metric, difference in document["differences"]["last blessed model"].items():
        values = [document["models"][name]["metrics"][metric]["value"] for name in ("BERT4Rec", "last blessed model")]
        assert difference["value"] == pytest.approx(values[0] - values[1], abs=1e-12)
    assert any(difference["value"] for difference in document["differences"]["last blessed model"].values())
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert blessing.get_int_custom_property("baseline_model_id") == 8
    assert tf.io.gfile.listdir(blessing.uri) == ["BLESSED"]


def test_a_candidate_is_called_by_its_method(compared):
    document, table = compared.document, compared.table
    others = ["last blessed model", "popularity", "own most frequent"]
    assert list(document["models"]) == ["BERT4Rec", *others]
    assert list(document["differences"]) == others
    assert [line.split()[0] for line in table.splitlines()[3:5]] == ["BERT4Rec", "95%"] and "DSPnet" not in table


def test_a_candidate_that_is_a_reference_is_listed_once(popular, counted):
    one, other = popular.document, counted.document
    assert list(one["models"]) == ["popularity", "own most frequent"]
    assert list(other["models"]) == ["own most frequent", "popularity"]
    assert list(one["differences"]) == ["own most frequent"]
    assert [line.startswith("popularity") for line in popular.table.splitlines()].count(True) == 1
    # As a candidate, exported and loaded, it gets the numbers that it gets as a reference.
    assert one["models"] == other["models"]


def test_a_first_model_that_is_worse_than_popularity_is_refused(counted):
    """The counting candidate repeats what the user did, which in the planted walks is never what comes next."""
    document = counted.document
    name = "next_item/recall@3"
    own, popular = (
        document["models"][model]["metrics"][name]["value"] for model in ("own most frequent", "popularity")
    )
    assert own < popular and document["differences"]["popularity"][name]["p_value"] < 0.05
    (line,) = [line for line in counted.table.splitlines() if line.startswith("REFUSED")]
    assert f"{name} {own:.4f} is significantly below the {popular:.4f} of popularity (p " in line
    assert tf.io.gfile.listdir(counted.blessing.uri) == ["NOT_BLESSED"]


def test_references_count_what_each_question_asks_for(refused):
    """The next items are ranked by how often they come next, those of the period by all of the futures."""
    items, _ = catalogues(TRAIN)
    of_next = collections.Counter(sequence.future[0][0] for sequence in TRAIN)
    of_period = collections.Counter(item for sequence in TRAIN for item, _ in sequence.future)
    found = refused.document["models"]["popularity"]["metrics"]

    def recall(counts, targets):
        # Of equal scores the right items come last; of a period they follow one another.
        shares = []
        for wanted in targets:
            ahead = [sum(counts[raw] >= counts[one] for raw in items.ids if raw not in wanted) for one in wanted]
            places = sorted((place, counts[one]) for place, one in zip(ahead, wanted, strict=True))
            shares.append(np.mean([place + number + 1 <= 3 for number, (place, _) in enumerate(places)]))
        return np.mean(shares)

    next_items = [[sequence.future[0][0]] for sequence in TEST]
    periods = [sorted({item for item, _ in sequence.future}) for sequence in TEST]
    expected = {"next_item": recall(of_next, next_items), "period_items": recall(of_period, periods)}
    for task, value in expected.items():
        assert found[f"{task}/recall@3"]["value"] == pytest.approx(value, abs=1e-6)
    # Counted the other way both would be others.
    assert recall(of_period, next_items) != pytest.approx(expected["next_item"], abs=1e-3)
    assert recall(of_next, periods) != pytest.approx(expected["period_items"], abs=1e-3)


def test_a_blessed_model_that_cannot_be_ranked_is_told_of(popular):
    reasons = popular.document["verdict"]["reasons"]
    assert any("NOT compared with the last blessed model" in reason for reason in reasons)
    assert not popular.blessing.has_custom_property("baseline_model_id")


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
