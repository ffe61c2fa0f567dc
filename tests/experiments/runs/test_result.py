import pytest

from experiments.runs.result import describe, read_json, why_again, write_json
from tests.experiments.runs.cells import make_cell

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
    return why_again(result, make_cell(), "k1", "s1", now)


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
    ("method", "objective", "told"),
    [("dspnet", "bce", "bce"), ("bert4rec", "bce", "softmax"), ("msdp", "bce", "softmax")],
)
def test_the_objective_is_what_is_trained_with(method, objective, told):
    described = describe(make_cell(method, objective=objective), "k", "s")
    assert described["objective"] == told and described["config"]["training"]["objective"] == objective
    assert (described["method"], described["target"], described["seed"]) == (method, "next", 7)
    assert (described["sampling"], described["tuned"]) == ("none", {"training.learning_rate": 0.01})
