import pathlib

import pyarrow as pa
import pytest
from tensorflow_data_validation.statistics import stats_impl
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.types import artifact_utils, channel, standard_artifacts, standard_component_specs
from tfx.utils import io_utils

from components.strict_example_validator.component import StrictExampleValidator
from components.strict_example_validator.executor import Executor
from schemas import sequences

GOOD = {
    sequences.USER_ID: [[b"somebody"]] * 2,
    **{name: [[5, 6], [7]] for name in (*sequences.HISTORY_FEATURES, *sequences.FUTURE_FEATURES)},
    sequences.CUTOFF: [[7], [8]],
}
EMPTY = {name: [] for name in GOOD}


def _run(folder: pathlib.Path, batches: dict[str, dict[str, list]]):
    schema = standard_artifacts.Schema()
    schema.uri = str(folder / "schema")
    io_utils.copy_file(sequences.SCHEMA_FILE, str(folder / "schema" / "schema.pbtxt"))

    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(folder / "statistics")
    statistics.split_names = artifact_utils.encode_split_names(list(batches))
    for split, columns in batches.items():
        batch = pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})
        # An empty split has statistics without features, as StatisticsGen writes them.
        batch = batch if batch.num_rows else pa.RecordBatch.from_arrays([], [])
        path = folder / "statistics" / f"Split-{split}" / stats_artifact_utils.BINARY_PB_BASENAME
        path.parent.mkdir(parents=True)
        path.write_bytes(stats_impl.generate_statistics_in_memory(batch).SerializeToString())

    anomalies = standard_artifacts.ExampleAnomalies()
    anomalies.uri = str(folder / "anomalies")
    inputs = {
        standard_component_specs.STATISTICS_KEY: [statistics],
        standard_component_specs.SCHEMA_KEY: [schema],
    }
    outputs = {standard_component_specs.ANOMALIES_KEY: [anomalies]}
    result = Executor().Do(inputs, outputs, {standard_component_specs.EXCLUDE_SPLITS_KEY: "[]"})
    return anomalies, result


def test_good_examples_pass(tmp_path):
    anomalies, result = _run(tmp_path, dict.fromkeys(sequences.SPLITS, GOOD))
    assert anomalies.get_json_value_custom_property("blessed") == dict.fromkeys(sequences.SPLITS, 1)
    assert standard_component_specs.ANOMALIES_KEY in result.output_artifacts


def test_an_anomaly_stops_the_run_and_is_named(tmp_path):
    negative = {**GOOD, sequences.FUTURE_ITEM_IDS: [[5, -6], [7]]}
    missing = {name: values for name, values in GOOD.items() if name != sequences.HISTORY_SCENE_IDS}
    with pytest.raises(ValueError) as error:
        _run(tmp_path, {"train": GOOD, "val": negative, "test": missing})

    lines = str(error.value).splitlines()
    assert len(lines) == 4
    assert "sequence_examples.pbtxt" in lines[0]
    assert lines[1].startswith("  split val, feature future_item_ids: Out-of-range values.") and "-6" in lines[1]
    assert lines[2].startswith("  split test, feature history_scene_ids: Column dropped.")
    assert "SequenceExampleGen" in lines[3]


def test_empty_validation_and_test_splits_pass(tmp_path):
    _run(tmp_path, {"train": GOOD, "val": EMPTY, "test": EMPTY})


def test_an_empty_train_split_stops_the_run(tmp_path):
    with pytest.raises(ValueError, match="split train: no examples at all"):
        _run(tmp_path, {"train": EMPTY, "val": GOOD})


def test_the_component_is_an_example_validator_with_our_executor():
    component = StrictExampleValidator(
        statistics=channel.Channel(standard_artifacts.ExampleStatistics),
        schema=channel.Channel(standard_artifacts.Schema),
    )
    assert component.id == "StrictExampleValidator"
    assert component.executor_spec.executor_class is Executor
