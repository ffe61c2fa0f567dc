import dataclasses

import numpy as np
import pytest

from experiments.benchmark.significance import average_over_seeds
from experiments.benchmark.store import read_measured_sequences
from model.evaluation.pairing import MeasuredSequences, UnequalTestSetsError
from schemas.errors import UserError
from tests.experiments.benchmark.made_up import METRICS, result, values

R = "next_item/recall@10"


def measured(users: list[bytes], sequences: list[int], **metrics: list[float]) -> MeasuredSequences:
    columns = {name: np.array(column, np.float32) for name, column in metrics.items()}
    return MeasuredSequences(np.array(users), np.array(sequences), np.array(["low"] * len(users)), columns)


def test_each_sequence_has_the_mean_of_its_values_whatever_the_order():
    first = measured([b"b", b"a", b"a"], [5, 9, 3], r=[1, 0.5, 0])
    second = measured([b"a", b"a", b"b"], [3, 9, 5], r=[1, 0.25, 0])
    mean = average_over_seeds([first, second])
    assert mean.users.tolist() == [b"a", b"a", b"b"] and mean.sequences.tolist() == [3, 9, 5]
    assert mean.metrics["r"].tolist() == [0.5, 0.375, 0.5]
    alone = average_over_seeds([first])
    assert alone.metrics["r"].tolist() == [0, 0.5, 1]


def test_what_any_seed_has_not_measured_has_no_mean():
    first = measured([b"a", b"b"], [1, 2], r=[1, np.nan], n=[1, 1])
    second = measured([b"a", b"b"], [1, 2], r=[0, 1])
    mean = average_over_seeds([first, second])
    assert list(mean.metrics) == ["r"]
    np.testing.assert_array_equal(mean.metrics["r"], [0.5, np.nan])


@pytest.mark.parametrize("other", [([b"a", b"c"], [1, 2]), ([b"a", b"b"], [1, 3]), ([b"a"], [1])])
def test_other_users_or_futures_are_refused(other):
    users, sequences = other
    with pytest.raises(UnequalTestSetsError):
        average_over_seeds([measured([b"a", b"b"], [1, 2], r=[0, 1]), measured(users, sequences, r=[0] * len(users))])


def test_a_run_is_read_in_the_metrics_that_are_asked_for(tmp_path):
    of_sequence = values(0.4)
    one = result(measured=of_sequence, folder=tmp_path)
    found = read_measured_sequences(str(tmp_path), one, [R, "unheard/of@1"])
    assert list(found.metrics) == [R]
    np.testing.assert_array_equal(found.metrics[R], of_sequence[R])
    assert set(read_measured_sequences(str(tmp_path), one, METRICS).metrics) == set(METRICS)
    with pytest.raises(UserError, match=r"result\.json beside it is about 119: .* start the benchmark again"):
        read_measured_sequences(str(tmp_path), dataclasses.replace(one, sequences=119), METRICS)
