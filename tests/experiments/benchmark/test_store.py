import dataclasses
import os
import pathlib

import numpy as np
import pytest

from experiments.benchmark.plan import BenchmarkSpec, plan_runs
from experiments.benchmark.store import add_keys, find_other_results, locate_run, read_measured_sequences
from experiments.runs.result import FAILED, FINISHED, RunResult, write_result
from experiments.runs.run import compute_run_key
from schemas.errors import UserError
from tests.experiments.benchmark.made_up import METRICS, result, values
from tests.experiments.runs.planted import make_config, make_data

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


def test_results_of_earlier_calls_are_found_where_they_are_of_the_same_data_code_and_settings(
    tmp_path: pathlib.Path,
) -> None:
    data = make_data(tmp_path)

    def finish(method: str, seed: int, code: str = "c0de", status=FINISHED, data=data, **training) -> str:
        config = make_config(seed=seed, **training)
        (run,) = add_keys(plan_runs(config, BenchmarkSpec((method,), (seed,), ("next",), False)), data)
        done = RunResult.unmeasured(run, compute_run_key(run, data.digest), code, status)
        folder = pathlib.Path(locate_run(str(tmp_path), run.name))
        folder.mkdir(parents=True)
        write_result(str(folder), done)
        return run.name

    now = add_keys(plan_runs(make_config(), BenchmarkSpec(("sasrec",), (7, 8), ("next",), False)), data)
    finish("sasrec", 7)  # one of now
    other_seed, other_method = finish("sasrec", 9), finish("msdp", 7)
    finish("sasrec", 9, epochs=1)  # other settings than those of its row now
    finish("sasrec", 8, epochs=1)
    finish("bert4rec", 7, code="other")
    finish("contrarec", 7, status=FAILED)
    finish("scene_ctc", 7, data=dataclasses.replace(data, digest="e" * 64))
    found = find_other_results(str(tmp_path), now, data, "c0de")
    assert {one.name for one in found} == {other_seed, other_method}


def test_of_a_row_that_is_not_run_now_only_the_latest_settings_are_found(tmp_path: pathlib.Path) -> None:
    data = make_data(tmp_path)
    names = []
    for place, (seed, epochs) in enumerate([(7, 3), (8, 3), (8, 5), (9, 5)]):
        config = make_config(seed=seed, epochs=epochs)
        (run,) = add_keys(plan_runs(config, BenchmarkSpec(("msdp",), (seed,), ("next",), False)), data)
        folder = pathlib.Path(locate_run(str(tmp_path), run.name))
        folder.mkdir(parents=True)
        write_result(str(folder), RunResult.unmeasured(run, compute_run_key(run, data.digest), "c0de", FINISHED))
        os.utime(folder / "result.json", (place, place))
        names.append(run.name)
    assert {one.name for one in find_other_results(str(tmp_path), [], data, "c0de")} == set(names[2:])
