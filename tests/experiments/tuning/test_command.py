"""`dspnet tune` as it is typed; its trials train nothing."""

import functools
import json
import pathlib
import re
import sys
from collections.abc import Callable

import pytest
import yaml

from cli import main
from experiments.tuning import command
from experiments.tuning.search import search
from tests.experiments.tuning.searches import DATA, FakeExecutor, config

Tune = Callable[..., int]


@pytest.fixture
def tune(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Tune:
    """Runs the command with some trials that end otherwise, and counts how often data were prepared."""

    def run(*arguments: str, executor: FakeExecutor | None = None) -> int:
        monkeypatch.setattr(command, "search", functools.partial(search, execute_run=executor or FakeExecutor()))
        return main.main(["tune", "--config", str(tmp_path / "config.yaml"), *arguments])

    def prepare(config: object) -> object:
        run.prepared += 1
        return DATA

    run.prepared = 0
    monkeypatch.setattr(command, "prepare_dataset", prepare)
    written = config(workdir=str(tmp_path / "runs"), training={"objective": "softmax", "epochs": 3})
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(written.model_dump(mode="json", exclude_defaults=True)))
    return run


def test_a_person_sees_the_space_each_trial_and_what_to_do(
    tune: Tune, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    assert tune("--trials", "4", "--memory-gib", "1.5") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Searching DSPnet: 4 trials by NDCG@10 on the val split, 1.50 GiB for each"
    assert lines[1] == "  training.learning_rate from 0.0003 to 0.003 (log); 0.001 as configured"
    assert lines[2] == "  training.event_mask one of 0.0, 0.2, 0.5, 0.7; 0.5 as configured"
    assert re.findall(r"^(Trial \d+/4): ", "\n".join(lines), re.M) == [f"Trial {number}/4" for number in range(1, 5)]
    assert not [line for line in lines if "\r" in line or "\x1b" in line], "the live line is for terminals"
    (folder,) = (tmp_path / "runs" / "log" / "tuning").iterdir()
    assert lines[-1] == f"Best values: {folder}/best.yaml, all trials: {folder}/trials.json"
    best = yaml.safe_load((folder / "best.yaml").read_text())
    flags = next(line for line in lines if line.startswith("Or for a run: "))
    assert f"--set training.learning_rate={best['training']['learning_rate']}" in flags
    assert json.loads((folder / "trials.json").read_text())["budget"] == 4


def test_the_budget_is_that_of_the_configuration(tune: Tune, capsys: pytest.CaptureFixture) -> None:
    assert tune("--set", "tuning.trials=2", "--set", "model.name=msdp") == 0
    out = capsys.readouterr().out
    assert out.startswith("Searching MSDP: 2 trials") and "Best of 2 trials" in out


def test_a_live_line_shows_where_a_trial_is_on_a_terminal(
    tune: Tune, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert tune("--trials", "1") == 0
    out = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    assert "Trial 1: in training epoch 1 … " in out and "Trial 1: NDCG@10 0." in out
    (line,) = [line for line in out.splitlines() if "Trial 1/1: " in line]
    assert line.split("\r")[-1].startswith("Trial 1/1: "), "the live line is gone before another is written"


def test_nothing_trained_is_a_failure(tune: Tune, capsys: pytest.CaptureFixture) -> None:
    short = dict.fromkeys((1, 2), ("out_of_memory", "It took 9 GiB."))
    assert tune("--trials", "2", executor=FakeExecutor(outcomes=short)) == 1
    said = capsys.readouterr()
    assert said.out.count("out of memory after") == 2
    assert "tune failed: none of 2 trials could be trained:\n  It took 9 GiB." in said.err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--trials", "0"], "--trials: must be at least 1. Received: 0"),
        (["--memory-gib", "0"], "--memory-gib: must be greater than 0. Received: 0.0"),
        (["--set", "model.name=recent_popularity"], "model.name: recent_popularity counts and learns nothing"),
        (["--set", "model.name=sasrec", "--set", "tuning.space={}"], "there is nothing to search for sasrec"),
        (["--set", "tuning.space.training.rate={low: 1, high: 2}"], "tuning.space.training.rate: unknown key"),
        (["--set", "workdir=gs://bucket/runs"], "needs a folder"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_data_are_prepared(
    tune: Tune, arguments: list[str], shown: str, capsys: pytest.CaptureFixture
) -> None:
    assert tune(*arguments) == 2
    assert shown in capsys.readouterr().err and not tune.prepared
