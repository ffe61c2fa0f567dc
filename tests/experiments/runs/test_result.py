import dataclasses
import json

import pytest

from experiments.runs.result import RunCost, RunResult, explain_rerun, read_json, read_result, write_json, write_result
from schemas.evaluation import Slice
from schemas.training import TrainingHistory
from tests.experiments.runs.planted import make_run

GIB = 2**30


def _again(now=None, batch_size=256, peak=9 * GIB, **content):
    result = {
        "key": "k1",
        "source_digest": "s1",
        "memory_limit": 8 * GIB,
        "status": "finished",
        "cost": {"peak_memory_bytes": peak},
        "config": {"evaluation": {"batch_size": batch_size}},
        **content,
    }
    return explain_rerun(RunResult.from_json(result), make_run(), "k1", "s1", now)


@pytest.mark.parametrize("memory_limit", [None, GIB, 16 * GIB])
def test_finished_stands_and_failed_does_not(memory_limit):
    assert _again(memory_limit) is None
    assert _again(memory_limit, status="failed") == _again(status="failed", source_digest="s2") == "they failed"


def test_of_other_settings_data_or_code_it_does_not_stand():
    assert _again(key="k2") == "their settings or data have changed"
    assert _again(source_digest="s2") == "the code that trains them has changed"


@pytest.mark.parametrize(
    ("before", "now", "stands"),
    [
        (8 * GIB, 8 * GIB, True),
        (8 * GIB, 4 * GIB, True),
        (8 * GIB, 8 * GIB + 1, False),
        (8 * GIB, None, False),
    ],
)
def test_out_of_memory_stands_until_there_is_more(before, now, stands):
    reason = _again(now, status="out_of_memory", memory_limit=before)
    assert reason == (None if stands else "they may take more memory now")


@pytest.mark.parametrize(("limit", "peak"), [(None, 99 * GIB), (8 * GIB, 7 * GIB)])
def test_one_that_the_machine_had_no_memory_for_does_not_stand(limit, peak):
    """Killed by the kernel, or refused by an accelerator: that may have more room now, and nobody told it to stop."""
    reason = _again(8 * GIB, status="out_of_memory", memory_limit=limit, peak=peak)
    assert reason == "the machine had no memory left for them"


def test_out_of_memory_does_not_stand_with_smaller_batches():
    assert _again(8 * GIB, status="out_of_memory", batch_size=512) == "their settings or data have changed"
    assert _again(8 * GIB, batch_size=512) is None, "a finished one has the same numbers"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = str(tmp_path / "a.json")
    write_json(path, {"a": [1, None]})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": [1, None]}
    assert read_json(str(tmp_path / "b.json")) is None


@pytest.mark.parametrize(
    ("method", "objective", "expected"),
    [("dspnet", "bce", "bce"), ("bert4rec", "bce", "softmax"), ("msdp", "bce", "softmax")],
)
def test_the_objective_is_what_is_trained_with(method, objective, expected):
    result = RunResult.unmeasured(make_run(method, objective=objective), "k", "s", "stopped")
    assert result.objective == expected and result.config["training"]["objective"] == objective
    assert (result.method, result.target, result.seed) == (method, "next", 7)
    assert (result.sampling, result.tuned) == ("none", {"training.learning_rate": 0.01})


def _finished():
    result = RunResult.unmeasured(make_run(), "k", "s", "finished")
    return dataclasses.replace(
        result,
        machine={"cores": 2},
        sequences=60,
        digest="9f3c",
        slices={"group=low": Slice("short histories", 20)},
        metrics={"next_item/recall@10": 0.5},
        cost=RunCost(training_seconds=3.0, epochs=2, wall_seconds=4.0),
        training=TrainingHistory(({"epoch": 1, "seconds": 1.5, "loss": 0.5},), 1, "val_loss", 9),
    )


@pytest.mark.parametrize("result", [_finished(), RunResult.unmeasured(make_run(), "k", "s", "failed", "It failed.")])
def test_a_result_is_read_as_it_was_written(tmp_path, result):
    assert read_result(str(tmp_path)) is None
    write_result(str(tmp_path), result)
    assert read_result(str(tmp_path)) == result


def test_the_keys_of_a_result_in_json(tmp_path):
    content = json.loads(json.dumps(_finished().to_json()))
    assert " ".join(content) == (
        "name label role method seed target objective sampling key tuned config source_digest status reason "
        "memory_limit machine sequences digest slices metrics cost training"
    )
    assert content["slices"] == {"group=low": {"title": "short histories", "sequences": 20}}
    assert content["training"]["epochs"] == [{"epoch": 1, "seconds": 1.5, "loss": 0.5}]
    assert content["cost"]["epochs"] == 2 and content["cost"]["parameters"] is None


def test_a_result_of_older_code_is_read():
    """It had no monitor, and what counts had no history."""
    content = {**_finished().to_json(), "training": {}, "unknown": 1}
    del content["tuned"], content["cost"]["wall_seconds"]
    result = RunResult.from_json(content)
    assert (result.training, result.tuned, result.cost.wall_seconds) == (None, {}, None)
    assert result.metrics == {"next_item/recall@10": 0.5}


def test_a_result_is_relabelled_as_its_run_is_called_now():
    run = dataclasses.replace(make_run(), name="other", label="Other", tuned={})
    older = dataclasses.replace(_finished(), objective="", sampling="")
    result = older.relabel(run)
    assert (result.objective, result.sampling) == ("softmax", "none"), "what older code did not write"
    assert (result.name, result.label, result.tuned) == ("other", "Other", {})
    assert (result.metrics, result.key, result.cost) == (_finished().metrics, "k", _finished().cost)
