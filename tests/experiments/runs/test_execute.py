"""What becomes of a run, whatever its process does; the processes here train nothing."""

import dataclasses
import json
import os
import signal
import time

import pytest

from experiments.runs import execute as module
from experiments.runs.execute import execute_run
from experiments.runs.result import FAILED, FINISHED, OUT_OF_MEMORY, STOPPED, RunCost, RunResult
from experiments.runs.run import EpochMessage, ErrorMessage, StageMessage, compute_run_key
from pipeline.cache_keys import compute_source_digests
from schemas.training import TrainingHistory
from tests.experiments.runs.planted import make_data, make_run

MIB = 2**20
COST = (
    "training_seconds",
    "epochs",
    "best_epoch",
    "sequences_per_second",
    "peak_memory_bytes",
    "training_peak_memory_bytes",
    "parameters",
    "evaluation_seconds",
    "wall_seconds",
)
EPOCHS = ({"epoch": 1, "seconds": 0.1}, {"epoch": 2, "seconds": 0.1})
KEPT = ("model", "checkpoints", "trained.json")


def _train(link, spec):
    """Two epochs, if that is wanted, and what a training leaves behind."""
    for folder in ("model", "checkpoints", "training"):
        os.makedirs(os.path.join(spec.folder, folder), exist_ok=True)
    open(os.path.join(spec.folder, "trained.json"), "w").close()
    for epoch in (1, 2):
        link.send(StageMessage(f"in training epoch {epoch}"))
        link.send(EpochMessage({"epoch": epoch, "seconds": 0.1}))
        if not link.recv():
            link.send(RunResult.unmeasured(spec.run, spec.key, spec.source_digest, STOPPED))
            return
    result = RunResult.unmeasured(spec.run, spec.key, spec.source_digest, FINISHED)
    cost = RunCost(training_seconds=0.2, peak_memory_bytes=10**12, epochs=2)
    metrics = {"next_item/recall@10": 0.5} if spec.evaluate else None
    link.send(dataclasses.replace(result, metrics=metrics, cost=cost, training=TrainingHistory(EPOCHS)))


def _fail(link, spec):
    link.send(StageMessage("in training epoch 1"))
    link.send(ErrorMessage("no data", out_of_memory=False))


def _get_no_memory(link, spec):
    link.send(StageMessage("in the evaluation"))
    link.send(ErrorMessage("OOM when allocating tensor with shape[9,9]\nand more", out_of_memory=True))


def _take_memory(link, spec):
    link.send(StageMessage("in training epoch 1"))
    taken = bytearray(b"1") * (400 * MIB)
    time.sleep(60)
    del taken


def _be_killed(link, spec):
    link.send(StageMessage("in the export of the model"))
    os.kill(os.getpid(), signal.SIGKILL)


def _run(monkeypatch, folder, work, memory_limit=None, killed=lambda: 0, **options):
    monkeypatch.setattr(module, "work", work)
    monkeypatch.setattr(module, "count_memory_kills", killed)
    result = execute_run(make_run(), make_data(folder), str(folder / "run"), memory_limit=memory_limit, **options)
    path = folder / "run" / "result.json"
    assert path.exists() == (result.status != STOPPED)
    assert not path.exists() or json.loads(path.read_text()) == result.to_json()
    return result


@pytest.mark.parametrize("keep_model", [False, True])
def test_finished(monkeypatch, tmp_path, keep_model):
    epochs, stages = [], []

    def on_epoch(entry):
        epochs.append(entry)
        return True

    options = {"on_epoch": on_epoch, "on_stage": stages.append, "keep_model": keep_model}
    result = _run(monkeypatch, tmp_path, _train, memory_limit=10**12, **options)
    assert (result.status, result.reason) == (FINISHED, "")
    assert epochs == [*EPOCHS]
    assert stages == ["in training epoch 1", "in training epoch 2"]
    assert (result.method, result.status, result.seed) == ("sasrec", FINISHED, 7)
    assert result.key == compute_run_key(make_run(), make_data(tmp_path).digest)
    assert result.source_digest == compute_source_digests()["Trainer"]
    assert (result.metrics, result.training) == ({"next_item/recall@10": 0.5}, TrainingHistory(EPOCHS))
    assert result.machine["cores"] and result.machine["processor"]
    assert tuple(result.to_json()["cost"]) == COST and result.cost.wall_seconds > 0
    assert result.cost.peak_memory_bytes == 10**12, "the process knows better than who looks now and then"
    there = [name for name in KEPT if (tmp_path / "run" / name).exists()]
    assert there == (["model"] if keep_model else [])


def test_without_evaluation_there_are_no_metrics(monkeypatch, tmp_path):
    result = _run(monkeypatch, tmp_path, _train, evaluate=False)
    assert result.status == FINISHED and result.metrics is None


def test_stopped(monkeypatch, tmp_path):
    result = _run(monkeypatch, tmp_path, _train, on_epoch=lambda entry: False, keep_model=True)
    assert (result.status, result.metrics, result.training, result.cost) == (STOPPED, None, None, RunCost())
    assert not [name for name in KEPT if (tmp_path / "run" / name).exists()]


@pytest.mark.parametrize(
    ("work", "killed", "status", "reason"),
    [
        (_fail, 0, FAILED, "It failed in training epoch 1: no data (full log: "),
        (_get_no_memory, 0, OUT_OF_MEMORY, "could not get the memory it asked for in the evaluation, when it had "),
        (_be_killed, 0, FAILED, "It ended unexpectedly in the export of the model, with SIGKILL"),
        (_be_killed, 1, OUT_OF_MEMORY, "The kernel killed it in the export of the model"),
    ],
)
def test_not_finished(monkeypatch, tmp_path, work, killed, status, reason):
    counts = iter([3, 3 + killed])
    result = _run(monkeypatch, tmp_path, work, killed=lambda: next(counts))
    assert result.status == status and reason in result.reason
    assert result.metrics is result.digest is result.training is None and tuple(result.to_json()["cost"]) == COST


def test_more_memory_than_it_may_take(monkeypatch, tmp_path):
    start = time.monotonic()
    result = _run(monkeypatch, tmp_path, _take_memory, memory_limit=300 * MIB)
    assert time.monotonic() - start < 30, "it is killed at once"
    assert result.status == OUT_OF_MEMORY
    assert "in training epoch 1, more than the 0.29 GiB it was given. Raise --memory-gib" in result.reason
    assert result.memory_limit == 300 * MIB < result.cost.peak_memory_bytes


@pytest.mark.parametrize("dies", ["write", "remove"])
def test_a_run_killed_at_its_end_has_its_training_or_its_result(monkeypatch, tmp_path, dies):
    """What says that the model is whole is there no longer than the model."""

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((module, "write_result") if dies == "write" else (module.shutil, "rmtree")), die)
        with pytest.raises(KeyboardInterrupt):
            _run(monkeypatch, tmp_path, _train)
    there = [name for name in (*KEPT, "result.json") if (tmp_path / "run" / name).exists()]
    assert there == ([*KEPT] if dies == "write" else ["model", "checkpoints", "result.json"])


def test_an_old_result_is_gone_before_a_run_is_repeated(monkeypatch, tmp_path):
    _run(monkeypatch, tmp_path, _train)
    with pytest.raises(KeyboardInterrupt):
        _run(monkeypatch, tmp_path, _train, on_epoch=lambda entry: (_ for _ in ()).throw(KeyboardInterrupt))
    assert not (tmp_path / "run" / "result.json").exists()
    assert (tmp_path / "run" / "checkpoints").exists(), "it goes on from there"
