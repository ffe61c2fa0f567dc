"""The border between Report and the artifacts of the steps before it."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import standard_artifacts

from components import artifacts
from components.report import executor
from components.report.component import Report
from components.report.config import ReportConfig
from schemas.catalogue import ID_MAP_COLUMNS
from schemas.identity import fingerprints
from tests import served_model
from tests.components.report.report_json import make_report_json
from tests.sequence_data import Sequence, planted, write_catalogues, write_examples

TRAIN = planted(60, seed=0)
# The first test user's item and scene are in no train sequence.
TEST = [Sequence([("item1", "scene1"), ("unheard", "unseen")], [("item1", "scene1")]), *planted(11, seed=1)]
EVALUATION = make_report_json(points=1)["evaluation"] | {"verdict": {"blessed": False, "reasons": ["bad"]}}
TRAINING = {"epochs": [{"epoch": 1, "loss": 0.5}], "best_epoch": 1, "monitor": None, "parameters": 30}


def _statistics(data: list[Sequence]) -> bytes:
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=len(data))
    for name, part in (("history_item_ids", "history"), ("future_item_ids", "future")):
        feature = dataset.features.add()
        feature.path.step.append(name)
        feature.num_stats.common_stats.tot_num_values = sum(len(getattr(sequence, part)) for sequence in data)
    return statistics.SerializeToString()


def _id_map(folder, items: list[str], scenes: list[str]) -> None:
    folder.mkdir()
    for kind, ids in (("items", items), ("scenes", scenes)):
        table = pa.table([pa.array(fingerprints(ids)), pa.array(ids)], schema=ID_MAP_COLUMNS)
        pq.write_table(table, folder / f"{kind}-00000.parquet")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The artifacts of a run whose val split is empty, and a function that reports on them."""
    folder = tmp_path_factory.mktemp("report")
    for split, data in (("train", TRAIN), ("val", []), ("test", TEST)):
        write_examples(folder / "examples" / f"Split-{split}" / "data.gz", data)
        (folder / "statistics" / f"Split-{split}").mkdir(parents=True)
        (folder / "statistics" / f"Split-{split}" / "FeatureStats.pb").write_bytes(_statistics(data))
    _id_map(folder / "id_map", [*(f"item{n}" for n in range(12)), "unheard"], ["scene0", "scene1", "scene2", "unseen"])
    write_catalogues(folder / "catalogue", TRAIN)
    served_model.export(served_model.build(TRAIN), folder / "model" / "Format-Serving")
    for name, content in (("model_run/training.json", TRAINING), ("evaluation/evaluation.json", EVALUATION)):
        (folder / name).parent.mkdir()
        (folder / name).write_text(json.dumps(content))
    users = [f"{number:032x}" for number in range(len(TEST))]
    groups = ["low"] * 4 + ["high"] * 8  # nobody is in between
    pq.write_table(pa.table({"user_id": users, "group": groups}), folder / "evaluation" / "sequences.parquet")
    (folder / "names.csv").write_text("item_id,name\nitem1,Milk\nunheard,Rum\n")

    def artifact(kind, name):
        result = kind()
        result.uri = str(folder / name)
        if name in ("examples", "statistics"):
            result.split_names = '["train", "val", "test"]'
        return result

    examples = artifact(standard_artifacts.Examples, "examples")
    for name, number in {"events_in": 9, "events_kept": 7, "events_rejected": 2, "rejected_bad_time": 2}.items():
        examples.set_int_custom_property(name, number)
    inputs = {
        "examples": [examples],
        "statistics": [artifact(standard_artifacts.ExampleStatistics, "statistics")],
        "id_map": [artifact(artifacts.IdMap, "id_map")],
        "catalogue": [artifact(artifacts.Catalogue, "catalogue")],
        "model": [artifact(standard_artifacts.Model, "model")],
        "model_run": [artifact(standard_artifacts.ModelRun, "model_run")],
        "evaluation": [artifact(standard_artifacts.ModelEvaluation, "evaluation")],
    }

    def report(out: str, **items: str) -> tuple[str, str]:
        settings = ReportConfig.model_validate({"items": items}).model_dump_json()
        properties = {"name": "planted", "settings": settings}
        properties |= {"config": json.dumps({"name": "planted"}), "source_digests": json.dumps({"Trainer": "abc"})}
        executor.Executor().Do(inputs, {"report": [artifact(artifacts.Report, out)]}, properties)
        return tuple((folder / out / name).read_text() for name in ("report.json", "report.html"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor, "render_report", lambda content: f"a page about {content.name}")
        yield folder, report


@pytest.fixture(scope="module")
def document(run):
    folder, report = run
    text, page = report("out", path=str(folder / "names.csv"))
    assert page == "a page about planted"
    return json.loads(text)


def test_all_parts_are_there(document) -> None:
    parts = ["name", "data", "training", "evaluation", "users", "examples", "origin"]
    assert list(document) == parts
    assert (document["training"], document["evaluation"], document["name"]) == (TRAINING, EVALUATION, "planted")
    assert document["origin"]["source_digests"] == {"Trainer": "abc"}
    assert document["origin"]["config_text"] == "name: planted\n"


def test_the_data_by_hand(document) -> None:
    found = document["data"]
    rows = {row["split"]: row for row in found["table3"]}
    splits = {"train": TRAIN, "val": [], "test": TEST}
    events = {split: sum(len(one.history) + len(one.future) for one in data) for split, data in splits.items()}
    assert {split: rows[split]["events"] for split in events} == events
    assert (rows["all"]["sequences"], rows["all"]["events"]) == (72, sum(events.values()))
    assert rows["val"]["mean_history"] is None
    assert (found["items"], found["scenes"], found["sampled_sequences"]) == (12, 3, 60)
    assert found["density"] == sum(events.values()) / (72 * 12)
    assert sum(found["lengths"]["sequences"]) == found["lengths"]["sampled"] == 60
    # Planted: scene s is followed by scene s + 1.
    switches = found["switches"]
    following = {
        before: dict(zip(switches["scenes"], row, strict=True))
        for before, row in zip(switches["scenes"], switches["share"], strict=True)
    }
    assert all(following[f"scene{n}"][f"scene{(n + 1) % 3}"] == 1 for n in range(3)) and switches["switching"] == 1
    balance = found["balance"]
    assert (balance["events_in"], balance["kept"], balance["reasons"]) == (9, 7, {"bad_time": 2})


def test_users_are_hashes_of_both_groups(document) -> None:
    assert [point["group"] for point in document["users"]["points"]] == ["low"] * 4 + ["high"] * 8
    users = [example["user"] for example in document["examples"]]
    assert len(set(users)) == 10 and all(re.fullmatch("[0-9a-f]{32}", user) for user in users)
    assert [example["group"] for example in document["examples"]][:4] == ["low", "high", "low", "high"]


def test_ids_outside_the_catalogue_and_names(document) -> None:
    (first,) = [example for example in document["examples"] if example["user"] == f"{0:032x}"]
    assert first["history"] == [
        {"item": "item1", "name": "Milk", "scene": "scene1"},
        {"item": "unheard", "name": "Rum", "scene": "unseen"},
    ]
    assert len({row["item"] for row in first["recommended"]}) == 10
    assert all(row["name"] == {"item1": "Milk"}.get(row["item"]) for row in first["recommended"])
    hit = {row["item"] for row in first["recommended"] if row["hit"]}
    assert hit == {"item1"} & {row["item"] for row in first["recommended"]}
    assert [row["hit"] for row in first["truth"]] == [bool(hit)]


def test_the_same_run_has_the_same_report(run, document) -> None:
    folder, report = run
    assert json.loads(report("again", path=str(folder / "names.csv"))[0]) == document


def test_a_table_of_names_that_is_gone_costs_the_names_alone(run, caplog) -> None:
    """Whether it is there is looked at before the run; by now the model has been trained."""
    examples = json.loads(run[1]("missing", path=str(run[0] / "gone.csv"))[0])["examples"]
    assert examples and {one["name"] for example in examples for one in example["recommended"]} == {None}
    assert "gone.csv cannot be read" in caplog.text


def test_a_training_that_kept_nothing(run) -> None:
    folder, report = run
    kept = (folder / "model_run" / "training.json").read_text()
    (folder / "model_run" / "training.json").unlink()
    try:
        assert json.loads(report("untold")[0])["training"] == {
            "epochs": [],
            "best_epoch": None,
            "monitor": None,
            "parameters": None,
        }
    finally:
        (folder / "model_run" / "training.json").write_text(kept)


def test_nan_is_refused(run) -> None:
    folder, report = run
    path = folder / "evaluation" / "evaluation.json"
    kept = path.read_text()
    name = "next_item/recall@10"
    metrics = {name: {"value": float("nan"), "low": 0.0, "high": 0.0, "sequences": 2}}
    path.write_text(json.dumps(EVALUATION | {"models": {"DSPnet": {"metrics": metrics, "unknown_share": {}}}}))
    try:
        with pytest.raises(ValueError, match="not JSON compliant"):
            report("nan")
    finally:
        path.write_text(kept)


def test_component_keeps_the_configuration_in_its_order() -> None:
    from tfx.types import channel_utils

    kinds = {
        "examples": standard_artifacts.Examples,
        "statistics": standard_artifacts.ExampleStatistics,
        "id_map": artifacts.IdMap,
        "catalogue": artifacts.Catalogue,
        "model": standard_artifacts.Model,
        "model_run": standard_artifacts.ModelRun,
        "evaluation": standard_artifacts.ModelEvaluation,
    }
    component = Report(
        **{name: channel_utils.as_channel([kind()]) for name, kind in kinds.items()},
        name="log",
        settings=ReportConfig().model_dump_json(),
        config={"name": "log", "demo": True},
        source_digests={"Trainer": "t", "Catalogue": "c"},
    )
    assert component.exec_properties["config"] == '{"name": "log", "demo": true}'
    assert component.outputs["report"].type is artifacts.Report
