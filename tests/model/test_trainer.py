"""Training, export and the served answers, on one small model with a planted pattern."""

import glob
import json
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from model import trainer
from model.training import schedule
from model.training.recommender import Recommender
from schemas.identity import fingerprints
from serving.saved_model import ask_signature
from tests.sequence_data import no_times, planted, write_catalogues, write_examples

pytestmark = pytest.mark.slow

MODEL = {"item_dim": 16, "scene_dim": 8, "max_length": 4, "layers": 1, "dropout": 0.1, "head_dropout": 0.1}
TRAINING = {
    "objective": "softmax",
    "batch_size": 20,
    "epochs": 2,
    "learning_rate": 0.0015,
    "event_mask": 0.1,
    "adversarial": {"weight": 2e-7},
    "contrastive": {"weight": 5e-6},
}
FEW = {
    "train": 60,
    "validation": 20,
    "model": {**MODEL, "name": "sasrec"},
    "questions": ["next", "first_2_events"],
    "learning_rate": 0.01,
}
"""Three steps an epoch of a simple method, for tests of how training goes, not of what is learned."""


def short_rounds(patch):
    """Makes two rounds of 31 steps out of an epoch of 63, so that the later ones end where no epoch does."""
    patch.setattr(schedule, "ROUND_STEPS", 32)


def _fn_args(folder, out, train=1260, validation=40, **training):
    data = planted(train, seed=0)
    return types.SimpleNamespace(
        train_files=[write_examples(folder / "train" / "data.gz", data)],
        eval_files=[write_examples(folder / "val" / "data.gz", planted(validation, seed=1))],
        serving_model_dir=str(folder / out / "serving"),
        model_run_dir=str(folder / out / "run"),
        custom_config={
            "name": "planted",
            "serving": {},
            "max_history": 6,
            "model": training.pop("model", MODEL),
            "training": {**TRAINING, **training},
            "catalogue_uri": write_catalogues(folder / "catalogue", data),
            "checkpoint_dir": str(folder / "checkpoints"),
            "sequences": {"train": train, "val": validation, "test": 0},
        },
    )


@pytest.fixture
def eager(monkeypatch):
    """Runs steps one by one: where there are few, tracing them takes longer."""
    monkeypatch.setattr(Recommender, "run_eagerly", True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One training run, and the module in memory when its export was written."""
    folder = tmp_path_factory.mktemp("trainer")
    args = _fn_args(folder, "a")
    kept = []
    export = trainer.export
    with pytest.MonkeyPatch.context() as patch:
        short_rounds(patch)
        patch.setattr(trainer, "export", lambda module, *target: (kept.append(module), export(module, *target)))
        trainer.run_fn(args)
    return types.SimpleNamespace(folder=folder, args=args, module=kept[0])


@pytest.fixture
def exported(monkeypatch):
    """The modules that runs would export: for tests of training alone, as tracing what is exported takes seconds."""
    modules = []
    monkeypatch.setattr(trainer, "export", lambda module, *_: modules.append(module))
    return modules


@pytest.fixture(scope="module")
def loaded(trained):
    return tf.saved_model.load(trained.args.serving_model_dir)


def _ask(loaded, items, scenes):
    asked = {"history_item_ids": tf.constant(items), "history_scene_ids": tf.constant(scenes)}
    answer = ask_signature(loaded, "serving_default", asked)
    return {name: value.numpy() for name, value in answer.items()}


def _histories(data):
    """Raw item and scene ids of histories, padded."""
    length = max(len(sequence.history) for sequence in data)
    padded = [[("", "")] * (length - len(sequence.history)) + sequence.history for sequence in data]
    return [[[event[place] for event in history] for history in padded] for place in (0, 1)]


def _assert_same_weights(one, other):
    expected, found = one._network_variables, other._network_variables
    assert len(expected) == len(found) > 10
    for first, second in zip(expected, found, strict=True):
        np.testing.assert_array_equal(second.numpy(), first.numpy(), err_msg=first.name)


def _history(args):
    with open(args.model_run_dir + "/training.json") as file:
        content = json.load(file)
    for epoch in content["epochs"]:
        assert epoch.pop("seconds") > 0
    return content


def test_learns_the_planted_pattern(loaded):
    """Recall@1 of the next item and scene, and the two items of the period, over the full catalogue."""
    test = planted(50, seed=2)
    answer = _ask(loaded, *_histories(test))
    for place, name in enumerate(("item_ids", "scene_ids")):
        following = [sequence.future[0][place].encode() for sequence in test]
        assert np.mean(answer[name][:, 0] == following) > 0.95
    period = [{item.encode() for item, _ in sequence.future} for sequence in test]
    assert np.mean([set(ids[:2]) == asked for ids, asked in zip(answer["period_item_ids"], period, strict=True)]) > 0.9


def test_the_weights_of_the_network_are_exported(trained, loaded):
    _assert_same_weights(trained.module, loaded)


class Killer(tf_keras.callbacks.Callback):
    """Interrupts training in the second step of its second epoch, but only once.

    Attributes:
        epochs: the epochs of which it has seen a second step.
    """

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 1:
            self.epochs.append(self._epoch)
            if self.epochs == [0, 1]:
                raise KeyboardInterrupt


def _kill_and_resume(args):
    """Trains until it is killed, and again; returns of which epochs second steps were made."""
    killer = Killer()
    with pytest.raises(KeyboardInterrupt):
        trainer.run_fn(args, lambda schedule: [killer])
    trainer.run_fn(args, lambda schedule: [killer])
    return killer.epochs


def test_a_killed_run_resumes_to_the_same_numbers(trained, monkeypatch, exported):
    """Weights of a run killed in an epoch and resumed are those of an uninterrupted one, to the last bit.

    So is what was measured after every round, of the averages of weights.
    """
    short_rounds(monkeypatch)
    killed = _fn_args(trained.folder, "killed")
    assert _kill_and_resume(killed) == [0, 1, 1, 2, 3]
    _assert_same_weights(trained.module, *exported)
    history = _history(killed)
    assert history == _history(trained.args)
    assert [epoch["passes"] for epoch in history["epochs"]] == [31 / 63, 62 / 63, 93 / 63, 124 / 63]
    assert len({epoch["val_ndcg@10"] for epoch in history["epochs"]}) == 4 and history["best_epoch"] > 2
    assert not list((trained.folder / "checkpoints").iterdir())


def test_so_does_a_run_whose_sequences_are_cut_anew_at_every_step(tmp_path, exported, eager):
    """And whose predictor is no part of the network."""
    settings = {
        **FEW,
        "epochs": 3,
        "candidates": {"sampling": "log_uniform", "number": 6},
        "model": {**MODEL, "name": "msdp", "dropout": 0.2},
        "distribution": {"contrast_weight": 0.3},
        "questions": ["prefix"],
    }
    straight, killed = (_fn_args(tmp_path, name, **settings) for name in ("straight", "killed"))
    trainer.run_fn(straight)
    assert _kill_and_resume(killed) == [0, 1, 1, 2]
    _assert_same_weights(*exported)
    assert _history(killed) == _history(straight)
    assert [epoch["epoch"] for epoch in _history(straight)["epochs"]] == [1, 2, 3]


def test_a_run_killed_after_its_last_epoch_trains_no_further(tmp_path, monkeypatch, exported, eager):
    """It had stopped early, and does not forget it."""
    monkeypatch.setattr(schedule, "FEWEST_STEPS", 1)
    args = _fn_args(tmp_path, "late", **{**FEW, "learning_rate": 1e-12}, epochs=9, patience=1)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "export", die)
        with pytest.raises(KeyboardInterrupt):
            trainer.run_fn(args)
    monkeypatch.setattr(Recommender, "fit", die)
    trainer.run_fn(args)
    assert len(exported) == 1
    history = _history(args)
    assert [epoch["epoch"] for epoch in history["epochs"]] == list(range(1, history["best_epoch"] + 2))
    assert history["best_epoch"] == 1  # learning so slowly, it gets no better


def test_a_run_killed_while_it_tidies_up_is_not_taken_for_one_that_was_interrupted(
    tmp_path, monkeypatch, exported, eager
):
    """What is left of its states could lack the best epoch, and the last one would be kept instead."""
    args = _fn_args(tmp_path, "tidy", **FEW)
    rmtree = tf.io.gfile.rmtree

    def remove_the_best_and_die(folder):
        rmtree(f"{folder}/best")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tf.io.gfile, "rmtree", remove_the_best_and_die)
        with pytest.raises(KeyboardInterrupt):
            trainer.run_fn(args)
    assert [path.suffix for path in (tmp_path / "checkpoints").iterdir()] == [".over"]
    trainer.run_fn(args)
    _assert_same_weights(*exported)
    assert not list((tmp_path / "checkpoints").iterdir())


def test_a_state_that_cannot_be_read_is_refused(tmp_path, eager):
    args = _fn_args(tmp_path, "broken", **FEW)
    with pytest.raises(KeyboardInterrupt):
        trainer.run_fn(args, lambda schedule: [Killer()])
    (data,) = (tmp_path / "checkpoints").glob("*/backup/*.data*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(ValueError, match="state of an interrupted training.*cannot be read.*Delete this folder"):
        trainer.run_fn(args)


def test_a_model_that_needs_scann_is_not_trained_where_there_is_none(tmp_path, monkeypatch):
    args = _fn_args(tmp_path, "scann", train=20, validation=0)
    args.custom_config["serving"] = {"retrieval": "scann"}
    args.train_files = None  # training would fail over it
    monkeypatch.setitem(sys.modules, "scann", None)
    with pytest.raises(ImportError, match="ScaNN, which cannot be imported.*serving.retrieval=exact"):
        trainer.run_fn(args)


def test_diverged_training_is_refused_and_nothing_is_kept(tmp_path, eager):
    with pytest.raises(FloatingPointError, match="diverged in epoch 1.*item_loss.*learning_rate"):
        trainer.run_fn(_fn_args(tmp_path, "nan", **{**FEW, "learning_rate": 1e30}))
    assert not list((tmp_path / "checkpoints").glob("*/backup/*"))
    assert not list((tmp_path / "checkpoints").glob("*/best/state.json"))


def test_each_term_reaches_tensorboard(trained):
    logged = set()
    for file in glob.glob(trained.args.model_run_dir + "/train/events*"):
        for event in tf.compat.v1.train.summary_iterator(file):
            logged |= {value.tag for value in event.summary.value}
    terms = {"loss", "item_loss", "scene_loss", "apr_loss", "ccr_loss"}
    accuracies = {"D_S_accuracy", "D_V_accuracy"}
    assert {f"epoch_{name}" for name in terms | accuracies} <= logged


def test_too_few_sequences_are_refused(tmp_path):
    with pytest.raises(ValueError, match="train split has 7 sequences, fewer than one batch of 20.*batch_size"):
        trainer.run_fn(_fn_args(tmp_path, "d", train=7, validation=0))


def test_an_empty_validation_split_trains_all_epochs(tmp_path, caplog, exported, eager):
    with caplog.at_level("WARNING", logger="dspnet"):
        args = _fn_args(tmp_path, "e", **{**FEW, "validation": 0}, epochs=2)
        trainer.run_fn(args)
    assert "without early stopping" in caplog.text
    history = _history(args)
    assert (history["monitor"], history["best_epoch"], len(history["epochs"])) == (None, 2, 2)


def test_answers_are_best_first_and_in_raw_ids(loaded):
    answer = _ask(loaded, [["item3", "item4"]], [["scene1", "scene2"]])
    assert answer["item_ids"].shape == (1, 12) and answer["scene_ids"].shape == (1, 3)
    assert answer["item_ids"][0, 0] == b"item5" and answer["scene_ids"][0, 0] == b"scene0"
    # The log has no repeats, so the history is not recommended.
    assert set(answer["item_ids"][0]) - {b""} == {b"item%d" % i for i in range(12)} - {b"item3", b"item4"}
    for scores in (answer["item_scores"], answer["scene_scores"]):
        assert (np.diff(scores[0]) <= 0).all()


FRESH = """
import json, sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
answer = loaded.recommend(tf.constant([["item3", "item4"]]), tf.constant([["scene1", "scene2"]]))
assert not any(name.split(".")[0] in ("model", "schemas") for name in sys.modules)
plain = lambda x: x.decode() if isinstance(x, bytes) else float(x)
print(json.dumps({k: [plain(x) for x in v.numpy()[0]] for k, v in answer.items()}))
"""


def test_a_fresh_process_gives_the_scores_of_the_model_in_memory(trained, tmp_path):
    scores, _ = trained.module.answers["next"].score(
        tf.constant([fingerprints(["item3", "item4"])]), tf.constant([fingerprints(["scene1", "scene2"])]), *no_times(1)
    )
    run = [sys.executable, "-c", FRESH, trained.args.serving_model_dir]
    answer = json.loads(subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path).stdout)
    ids = [raw_id.decode() for raw_id in trained.module.item_ids.numpy()]
    in_memory = dict(zip(ids, scores.numpy()[0], strict=True))
    assert len(answer["item_ids"]) == 12
    for raw_id, score in zip(answer["item_ids"], answer["item_scores"], strict=True):
        if raw_id:
            assert score == pytest.approx(in_memory[raw_id], abs=1e-5)
