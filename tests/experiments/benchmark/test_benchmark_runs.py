"""Benchmarks whose runs are really trained and measured, in processes of their own: killed, resumed, out of memory."""

import json
import pathlib
import signal
import subprocess
import time
import types
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.experiments.benchmark import tiny
from tests.experiments.runs.planted import TEST

pytestmark = pytest.mark.slow

EPOCHS = 12
WHOLE = ("--methods", "popularity,sasrec", "--no-ablations", "--memory-gib", "8")
WHOLE += ("--set", f"training.epochs={EPOCHS}", "--set", f"training.patience={EPOCHS}")
GREEDY = (
    "--methods",
    "carca,bert4rec",
    "--no-ablations",
    "--memory-gib",
    "1",
    "--set",
    "model.item_dim=3072",
    "--set",
    "name=greedy",
)


def _ended(process: subprocess.Popen) -> types.SimpleNamespace:
    said, _ = process.communicate(timeout=300)
    return types.SimpleNamespace(code=process.returncode, said=said)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> types.SimpleNamespace:
    """One benchmark is killed in a training and run once more, while another runs beside it."""
    folder = tmp_path_factory.mktemp("benchmark")
    tiny.prepare(folder)
    seen = types.SimpleNamespace(folder=folder / "runs" / "planted" / "benchmark")
    greedy = tiny.start(folder, *GREEDY)
    killed = tiny.start(folder, *WHOLE)
    try:
        seen.epochs = _wait(killed, lambda: _two_epochs(seen.folder))
    finally:
        killed.kill()
    seen.killed = _ended(killed)
    seen.before = _times(seen.folder)
    seen.resumed = _ended(tiny.start(folder, *WHOLE))
    seen.finished = _times(seen.folder)
    seen.greedy = _ended(greedy)
    return seen


def _wait(process: subprocess.Popen, look: Callable[[], Any]) -> Any:
    """Waits until a process has left something."""
    while process.poll() is None:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(process.communicate()[0])


def _two_epochs(folder: pathlib.Path) -> list[dict[str, float]]:
    """Returns what the first two epochs of a training measured, once they are saved; nothing before."""
    for path in folder.glob("cells/sasrec-*/checkpoints/*/training.json"):
        epochs = json.loads(path.read_text())["epochs"]
        if len(epochs) > 2:  # the rest of what is saved of an epoch is written after this file
            return epochs[:2]
    return []


def _times(folder: pathlib.Path) -> dict[str, int]:
    """When results were written, by the method."""
    return {path.parent.name.partition("-")[0]: path.stat().st_mtime_ns for path in folder.glob("cells/*/result.json")}


def _result(folder: pathlib.Path, method: str) -> dict:
    (path,) = folder.glob(f"cells/{method}-*/result.json")
    return json.loads(path.read_text())


def test_a_killed_benchmark_goes_on_where_it_was(runs: types.SimpleNamespace) -> None:
    assert runs.killed.code == -signal.SIGKILL and set(runs.before) == {"popularity"}
    assert runs.resumed.code == 0, runs.resumed.said
    assert "Kept: 1 of 2 runs" in runs.resumed.said and "[1/2] popularity … next R@10" in runs.resumed.said
    assert "Table 1: Next item" in runs.resumed.said
    assert runs.finished["popularity"] == runs.before["popularity"], "a finished run is not repeated"
    training = _result(runs.folder, "sasrec")["training"]
    assert training["epochs"][:2] == runs.epochs, "the clock, too, is that of the process that was killed"
    assert [epoch["epoch"] for epoch in training["epochs"]] == list(range(1, EPOCHS + 1))


def test_what_was_measured(runs: types.SimpleNamespace) -> None:
    results = [_result(runs.folder, method) for method in ("sasrec", "popularity")]
    trained, counted = results
    assert trained["metrics"]["next_item/recall@5"] > 0.9 > counted["metrics"]["next_item/recall@5"]
    assert len({result["digest"] for result in results}) == 1
    for result in results:
        (path,) = runs.folder.glob(f"cells/{result['name']}/sequences.parquet")
        measured = pq.read_table(path).to_pydict()
        assert len(measured["user_id"]) == result["sequences"] == TEST
        mean = sum(measured["next_item/recall@10"]) / TEST
        assert result["metrics"]["next_item/recall@10"] == pytest.approx(mean, abs=1e-6)
        assert not (path.parent / "model").exists() and not (path.parent / "checkpoints").exists()
    cost = trained["cost"]
    assert cost["epochs"] == EPOCHS and cost["parameters"] > 0 and cost["sequences_per_second"] > 0
    assert 2**33 > cost["peak_memory_bytes"] >= cost["training_peak_memory_bytes"] > 2**28
    assert counted["cost"]["epochs"] is counted["cost"]["best_epoch"] is None


def test_methods_out_of_memory_say_so_and_what_to_do(runs: types.SimpleNamespace) -> None:
    assert runs.greedy.code == 0, runs.greedy.said
    folder = runs.folder.parents[1] / "greedy" / "benchmark"
    for method, title, advice in (
        ("carca", "CARCA", "lower training.candidates.number."),
        ("bert4rec", "BERT4Rec", "compare with a sample of the items (training.candidates.sampling)."),
    ):
        result = _result(folder, method)
        assert result["status"] == "out_of_memory" and result["metrics"] is None
        assert "the first epoch, more than the 1.00 GiB it was given. Raise --memory-gib, lower" in result["reason"]
        assert result["reason"].endswith(advice) and result["reason"] in runs.greedy.said
        assert f"{title}, seed 7 … out of memory, " in runs.greedy.said
        assert result["cost"]["peak_memory_bytes"] > 2**30
    assert "Out of memory: BERT4Rec (seed 7): It took " in (folder / "benchmark.md").read_text()
