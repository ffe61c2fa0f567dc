import dataclasses
import io
import re

import pytest

from experiments.benchmark.plan import BenchmarkSpec, plan_runs
from experiments.benchmark.progress import RunProgress, describe_outcome, describe_runs, estimate_seconds_left
from experiments.runs.result import RunCost, RunResult
from reporting.console import Screen
from tests.experiments.runs.planted import make_config


class Terminal(io.StringIO):
    def isatty(self):
        return True


def _runs(*methods, seeds=(7,), targets=("next",)):
    return plan_runs(make_config(), BenchmarkSpec(methods, seeds, targets, False))


def _result(seconds, status="finished", training=0.0, evaluation=0.0):
    cost = RunCost(wall_seconds=seconds, training_seconds=training, evaluation_seconds=evaluation)
    measured = {"next_item/recall@10": 0.25} if status == "finished" else None
    (run,) = _runs("sasrec")
    result = RunResult.unmeasured(run, "key", "digest", status, "It failed.")
    return dataclasses.replace(result, cost=cost, metrics=measured)


def test_targets_are_told_when_there_are_several():
    assert describe_runs(_runs("sasrec", "popularity")) == ["[1/2] SASRec, seed 7 … ", "[2/2] popularity … "]
    assert describe_runs(_runs("sasrec", "popularity", targets=("next", "prefix"))) == [
        "[1/4] SASRec, next, seed 7 … ",
        "[2/4] SASRec, prefix, seed 7 … ",
        "[3/4] popularity, next … ",
        "[4/4] popularity, prefix … ",
    ]


@pytest.mark.parametrize(
    ("result", "kept", "left", "text"),
    [
        (_result(65), False, 3700.0, "next R@10 .2500, 1 min 05 s; about 1 h 02 min left"),
        (_result(65), False, None, "next R@10 .2500, 1 min 05 s"),
        (_result(65), True, 3700.0, "next R@10 .2500, kept"),
        (_result(5, "out_of_memory"), False, 30.0, "out of memory, 5.0 s; about 1 min left\n  It failed."),
        (_result(5, "failed"), False, None, "FAILED, 5.0 s\n  It failed."),
    ],
)
def test_what_became_of_a_run(result, kept, left, text):
    assert describe_outcome(_runs("sasrec")[0], result, kept, left) == text


def test_time_left_is_that_of_the_same_at_other_seeds_or_of_its_kind():
    sasrec, msdp, popularity, *later = _runs("sasrec", "msdp", "popularity", seeds=(7, 8))
    assert [run.label for run in later] == ["SASRec", "MSDP"]
    assert estimate_seconds_left([msdp, *later], [(sasrec, _result(10))]) == 30
    assert estimate_seconds_left(later, [(sasrec, _result(10)), (msdp, _result(40)), (popularity, _result(1))]) == 50
    assert estimate_seconds_left([popularity], [(sasrec, _result(10))]) == 10, "at most"
    assert estimate_seconds_left([sasrec], [(popularity, _result(1))]) is None
    assert estimate_seconds_left([], [(sasrec, _result(10))]) is None


def test_all_of_the_time_of_a_resumed_run_counts():
    first, second = _runs("sasrec", seeds=(7, 8))
    assert estimate_seconds_left([second], [(first, _result(10, training=300.0, evaluation=5.0))]) == 305


def _told(stream):
    progress = RunProgress(Screen(stream), _runs("sasrec", "popularity"))
    progress.start(0)
    progress.show_stage("in training epoch 3")
    progress.show_epoch({"epoch": 3, "seconds": 65.0, "val_ndcg@10": 0.31})
    progress.show_stage("in the evaluation")
    progress.finish("done")
    progress.start(1)
    progress.show_stage("while it counted")
    progress.finish("done")
    return stream.getvalue()


def test_a_file_gets_whole_lines():
    assert _told(io.StringIO()) == "[1/2] SASRec, seed 7 … done\n[2/2] popularity … done\n"


def test_a_terminal_sees_where_a_run_is(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    epoch = "epoch 3, validation N@10 .3100, 1 min 05 s; "
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", _told(Terminal()))
    for text in ("", "in training epoch 3", f"{epoch}in training epoch 3", f"{epoch}in the evaluation"):
        assert f"[1/2] SASRec, seed 7 … {text}" in shown
    assert "[2/2] popularity … while it counted " in shown
    lines = [line.split("\r")[-1] for line in shown.splitlines() if line.endswith("done")]
    assert [line for line in lines if line.startswith("[")] == [
        "[1/2] SASRec, seed 7 … done",
        "[2/2] popularity … done",
    ]
