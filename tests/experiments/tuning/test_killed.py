"""A search whose process is killed, at a known place or at any."""

import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tests.experiments.tuning.searches import EPOCHS, FakeExecutor, run, story

ROOT = pathlib.Path(__file__).parents[3]


def started(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.experiments.tuning.searches", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen) -> None:
    process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL
    process.communicate()


@pytest.mark.parametrize(("number", "epoch"), [(1, 1), (3, 4), (8, 3)])
def test_goes_on_within_the_trial_that_was_killed(number: int, epoch: int, tmp_path: pathlib.Path) -> None:
    process = started(tmp_path / "killed", 9, number, epoch)
    out, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL and out.count("\n") == number - 1 and not err
    executor, lines = FakeExecutor(), []
    result = run(tmp_path / "killed", 9, executor, say=lines.append)
    assert lines[0].startswith(f"{number - 1} of 9 trials were done before")
    assert lines[0].endswith(f"; trial {number}, which was interrupted, goes on.")
    assert executor.epochs[0] == (number, epoch)
    assert story(result) == story(run(tmp_path / "whole", 9))
    assert [trial.number for trial in result.trials] == list(range(1, 10))


def test_an_interrupted_trial_goes_on_too(tmp_path: pathlib.Path) -> None:
    def stop(number: int, epoch: int) -> None:
        if (number, epoch) == (2, 3):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "interrupted", 3, FakeExecutor(stop=stop))
    executor = FakeExecutor()
    result = run(tmp_path / "interrupted", 3, executor)
    assert executor.epochs == [(2, epoch) for epoch in range(3, EPOCHS + 1)] + [
        (3, epoch) for epoch in range(1, EPOCHS + 1)
    ]
    assert story(result) == story(run(tmp_path / "whole", 3))


@pytest.mark.slow
def test_survives_kills_at_any_time(tmp_path: pathlib.Path) -> None:
    # Nothing is trained, so nearly all of the time is spent on writing the study: at first on making it.
    process = started(tmp_path / "killed", 40)
    while not list(tmp_path.glob("killed/*/study.db")) and process.poll() is None:
        time.sleep(0.001)
    kill(process)
    for delay in (0.0, 0.037, 0.11, 0.23):
        process = started(tmp_path / "killed", 40)
        assert process.stdout.readline()
        time.sleep(delay)
        kill(process)
    lines: list[str] = []
    result = run(tmp_path / "killed", 40, say=lines.append)
    assert "trials were done before" in lines[0]
    assert story(result) == story(run(tmp_path / "whole", 40))
