import dataclasses
import pathlib

import numpy as np
import pytest

from experiments.benchmark.store import read_measured_sequences
from schemas.errors import UserError
from tests.experiments.benchmark.made_up import METRICS, result, values

R = "next_item/recall@10"


def test_a_run_is_read_in_the_metrics_that_are_asked_for(tmp_path: pathlib.Path) -> None:
    of_sequence = values(0.4)
    one = result(measured=of_sequence, folder=tmp_path)
    found = read_measured_sequences(str(tmp_path), one, [R, "unheard/of@1"])
    assert list(found.metrics) == [R]
    np.testing.assert_array_equal(found.metrics[R], of_sequence[R])
    assert set(read_measured_sequences(str(tmp_path), one, METRICS).metrics) == set(METRICS)
    with pytest.raises(UserError, match=r"result\.json beside it is about 119: .* start the benchmark again"):
        read_measured_sequences(str(tmp_path), dataclasses.replace(one, sequences=119), METRICS)
