"""What a run hands to the trainer, and what it takes back; nothing is trained here."""

import dataclasses
import json
import multiprocessing
import pathlib

import pytest

from experiments.runs.result import RunCost
from experiments.runs.run import EpochMessage, RunSpec, StageMessage
from experiments.runs.worker import Reporter, StoppedError, train
from model import trainer
from model.training.schedule import Schedule
from schemas.training import TrainingHistory
from tests.experiments.runs.planted import make_data, make_run

EPOCHS = [{"epoch": 1, "passes": 0.5, "seconds": 2.0}, {"epoch": 2, "passes": 1.0, "seconds": 1.0}]
"""Two halves of a pass over the train split."""


@pytest.fixture
def link():
    link, other = multiprocessing.Pipe()
    yield link
    link.close()
    other.close()


@pytest.fixture
def runs(monkeypatch):
    """The arguments of the runs of a trainer that writes what a trainer writes."""
    seen = []

    def run_fn(arguments, make_callbacks):
        seen.append((arguments, make_callbacks(Schedule(30, 2))))
        pathlib.Path(arguments.serving_model_dir).mkdir(parents=True)
        pathlib.Path(arguments.custom_config["checkpoint_dir"]).mkdir(exist_ok=True)
        folder = pathlib.Path(arguments.model_run_dir)
        folder.mkdir(exist_ok=True)
        trained = arguments.custom_config["model"]["name"] == "sasrec"
        content = {"epochs": EPOCHS * trained, "best_epoch": 1 if trained else None, "parameters": 9 * trained}
        (folder / "training.json").write_text(json.dumps(content))

    monkeypatch.setattr(trainer, "run_fn", run_fn)
    return seen


def _spec(folder, run=None, source_digest="s1", **data):
    made = dataclasses.replace(make_data(folder), **data)
    return RunSpec(run or make_run(), made, str(folder), source_digest, evaluate=True)


def test_the_trainer_is_told_all_it_needs(runs, link, tmp_path):
    spec = _spec(tmp_path)
    train(spec, link)
    ((arguments, callbacks),) = runs
    assert arguments.train_files == [str(tmp_path / "examples" / "Split-train" / "*.gz")]
    assert arguments.eval_files == [str(tmp_path / "examples" / "Split-val" / "*.gz")]
    settings = arguments.custom_config
    assert settings["training"] == spec.run.config.training.model_dump(mode="json")
    assert (settings["model"]["name"], settings["max_history"], settings["source_digest"]) == ("sasrec", 6, "s1")
    assert (settings["catalogue_uri"], settings["sequences"]) == (spec.data.catalogue_uri, spec.data.sequences)
    assert [type(callback) for callback in callbacks] == [Reporter]


def test_what_a_training_costs(runs, link, tmp_path):
    trained = train(_spec(tmp_path), link)
    cost = trained.cost
    assert (cost.training_seconds, cost.epochs, cost.best_epoch, cost.parameters) == (3.0, 2, 1, 9)
    assert cost.sequences_per_second == 150 / 1.0, "the first epoch also builds the graph"
    assert cost.training_peak_memory_bytes > 0
    assert isinstance(cost, RunCost) and cost.evaluation_seconds is cost.wall_seconds is trained.metrics is None
    assert trained.training == TrainingHistory(tuple(EPOCHS), 1, None, 9)


def test_what_is_counted_has_no_epochs(runs, link, tmp_path):
    cost = train(_spec(tmp_path, make_run("popularity")), link).cost
    assert cost.epochs is cost.sequences_per_second is None and 0 <= cost.training_seconds < 60


def test_what_is_trained_is_not_trained_again(runs, link, tmp_path):
    first = train(_spec(tmp_path), link)
    assert train(_spec(tmp_path), link) == first and len(runs) == 1
    assert not (tmp_path / "checkpoints").exists()
    renamed = dataclasses.replace(make_run(), label="Another")
    assert train(_spec(tmp_path, renamed), link) == dataclasses.replace(first, label="Another") and len(runs) == 1


@pytest.mark.parametrize(
    "change", [{"source_digest": "s2"}, {"digest": "other"}, {"run": make_run(learning_rate=0.02)}, {}]
)
def test_a_model_of_something_else_or_half_a_model_is_trained_anew(runs, link, tmp_path, change):
    train(_spec(tmp_path), link)
    if not change:
        (tmp_path / "trained.json").unlink()
    train(_spec(tmp_path, **change), link)
    assert len(runs) == 2


def _drain(link):
    return [link.recv() for _ in iter(link.poll, False)]


def test_each_epoch_is_reported_and_told_to_go_on_or_to_stop():
    link, watching = multiprocessing.Pipe()
    schedule = Schedule(999, 3)  # rounds of 499 steps do not fill its passes
    reporter = Reporter(link, schedule)
    reporter.set_params({"epochs": schedule.rounds, "steps": schedule.round_steps})
    reporter.on_train_begin()
    reporter.on_epoch_begin(0)
    watching.send(True)
    reporter.on_epoch_end(0, {"loss": 0.5})
    reporter.on_train_end()
    messages = _drain(watching)
    assert [type(message) for message in messages] == [StageMessage, StageMessage, EpochMessage, StageMessage]
    assert messages[1] == StageMessage("in training epoch 1")
    entry = messages[2].entry
    assert (entry["epoch"], entry["passes"], entry["loss"]) == (1, 499 / 999, 0.5) and entry["seconds"] >= 0
    reporter.on_epoch_begin(1)
    watching.send(False)
    with pytest.raises(StoppedError):
        reporter.on_epoch_end(1, {"loss": 0.4})
