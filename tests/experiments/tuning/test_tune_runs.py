"""Searches whose trials are really trained, in processes of their own: killed, resumed, out of memory."""

import json
import pathlib
import re
import signal
import subprocess
import sys
import time
import types

import pytest

from tests.experiments.benchmark import tiny

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[3]
EPOCHS = 10
OPTIONS = ("--trials", "2", "--memory-gib", "8", "--set", f"training.epochs={EPOCHS}")
OPTIONS += ("--set", f"training.patience={EPOCHS}")


def _start(folder: pathlib.Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.experiments.tuning.tiny", str(folder), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _ended(process: subprocess.Popen) -> types.SimpleNamespace:
    said, _ = process.communicate(timeout=300)
    return types.SimpleNamespace(code=process.returncode, said=said)


def _two_epochs(process: subprocess.Popen, searches: pathlib.Path) -> list[dict[str, float]]:
    """Waits for a training to have saved two epochs; returns what they measured."""
    while process.poll() is None:
        for path in searches.glob("*/trials/trial1/checkpoints/*/training.json"):
            epochs = json.loads(path.read_text())["epochs"]
            if len(epochs) > 2:  # the rest of what is saved of an epoch is written after this file
                return epochs[:2]
        time.sleep(0.02)
    raise AssertionError(process.communicate()[0])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> types.SimpleNamespace:
    folder = tmp_path_factory.mktemp("tuning")
    tiny.prepare(folder)
    seen = types.SimpleNamespace(searches=folder / "runs" / "planted" / "tuning")
    process = _start(folder, *OPTIONS)
    try:
        seen.epochs = _two_epochs(process, seen.searches)
    finally:
        process.kill()
    seen.killed = _ended(process)
    seen.resumed = _ended(_start(folder, *OPTIONS))
    seen.greedy = _ended(_start(folder, "--trials", "1", "--memory-gib", "0.2"))
    return seen


def _trials(runs: types.SimpleNamespace) -> dict:
    (best,) = runs.searches.glob("*/best.yaml")
    return json.loads((best.parent / "trials.json").read_text())


def test_a_killed_search_goes_on_within_the_trial(runs: types.SimpleNamespace) -> None:
    assert runs.killed.code == -signal.SIGKILL and "Trial" not in runs.killed.said
    assert runs.resumed.code == 0, runs.resumed.said
    assert "0 of 2 trials were done before; trial 1, which was interrupted, goes on." in runs.resumed.said
    first, second = _trials(runs)["trials"]
    monitored = [epoch["val_ndcg@10"] for epoch in runs.epochs]
    assert first["epochs"][:2] == pytest.approx(monitored) and len(first["epochs"]) == EPOCHS
    assert first["status"] == second["status"] == "finished"
    assert first["values"]["training.learning_rate"] == 0.01 != second["values"]["training.learning_rate"]


def test_what_was_found_is_told_and_kept(runs: types.SimpleNamespace) -> None:
    found = _trials(runs)
    assert found["trials"][0]["validation"] > 0.8, "the pattern is easy"
    assert f"Best of 2 trials: {found['best']}, NDCG@10 " in runs.resumed.said


def test_a_trial_out_of_memory_says_so_and_what_to_do(runs: types.SimpleNamespace) -> None:
    assert runs.greedy.code == 1
    assert "A new search: data, configuration or code are not what they were in" in runs.greedy.said
    assert re.search(r"Trial 1/1: .*learning_rate=0\.01.*: out of memory after", runs.greedy.said)
    assert "tune failed: none of 1 trials could be trained:" in runs.greedy.said
    assert "Raise --memory-gib" in runs.greedy.said and "Traceback" not in runs.greedy.said
