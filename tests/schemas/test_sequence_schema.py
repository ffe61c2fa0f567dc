"""The curated TFMD schema, against TFDV's verdict on small batches."""

import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas import identity, sequences

LISTS = (*sequences.HISTORY_FEATURES, *sequences.FUTURE_FEATURES)
NUMBERS = (*LISTS, sequences.CUTOFF)
IDS = tuple(name for name in LISTS if name.endswith("_ids"))
TIMESTAMPS = tuple(name for name in LISTS if name.endswith("_timestamps"))


@pytest.fixture(scope="module")
def schema():
    with open(sequences.SCHEMA_FILE, encoding="utf-8") as file:
        return text_format.Parse(file.read(), schema_pb2.Schema())


def _anomalies(schema, **changes):
    columns = {sequences.USER_ID: [[b"\xff\x00" * 8], [b"\x01" * 16], [b"c" * 16]]}
    columns |= {name: [[identity.FINGERPRINT_BUCKETS - 1, 0], [5], [7, 7, 7]] for name in IDS}
    columns |= {name: [[1483228800, 1483228801], [0], [1, 2, 4102444800]] for name in TIMESTAMPS}
    columns[sequences.CUTOFF] = [[1483228802], [1], [5]]
    columns = {name: values for name, values in (columns | changes).items() if values is not None}
    batch = pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})
    anomalies = tfdv.validate_statistics(stats_impl.generate_statistics_in_memory(batch), schema)
    return {feature: info.short_description for feature, info in anomalies.anomaly_info.items()}


def test_names_the_features_of_the_contract(schema):
    assert tuple(feature.name for feature in schema.feature) == sequences.EXAMPLE_FEATURES


def test_good_examples_have_no_anomalies(schema):
    assert _anomalies(schema) == {}


@pytest.mark.parametrize("feature", sequences.EXAMPLE_FEATURES)
def test_a_missing_feature_is_flagged(schema, feature):
    assert set(_anomalies(schema, **{feature: None})) == {feature}
    assert set(_anomalies(schema, **{feature: [None, [5], [5]]})) >= {feature}


@pytest.mark.parametrize("feature", sequences.EXAMPLE_FEATURES)
def test_a_wrong_type_is_flagged(schema, feature):
    assert set(_anomalies(schema, **{feature: [[0.5], [0.5], [0.5]]})) == {feature}


@pytest.mark.parametrize("feature", NUMBERS)
def test_a_negative_number_is_flagged(schema, feature):
    assert _anomalies(schema, **{feature: [[5], [-1], [5]]}) == {feature: "Out-of-range values"}


@pytest.mark.parametrize("feature", NUMBERS)
def test_an_empty_list_is_flagged(schema, feature):
    assert set(_anomalies(schema, **{feature: [[5], [], [5]]})) == {feature}


@pytest.mark.parametrize("feature", (*TIMESTAMPS, sequences.CUTOFF))
def test_milliseconds_are_flagged(schema, feature):
    assert _anomalies(schema, **{feature: [[1483228800_000], [5], [5]]}) == {feature: "Out-of-range values"}


def test_two_users_in_one_example_and_unknown_features_are_flagged(schema):
    assert set(_anomalies(schema, user_id=[[b"a", b"b"], [b"a", b"b"], [b"a", b"b"]])) == {sequences.USER_ID}
    assert set(_anomalies(schema, cutoff=[[1, 2], [1, 2], [1, 2]])) == {sequences.CUTOFF}
    assert set(_anomalies(schema, raw_user=[[b"a"], [b"b"], [b"c"]])) == {"raw_user"}
