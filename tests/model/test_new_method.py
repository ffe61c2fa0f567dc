"""A method is added by one file and one entry of the registry, and goes through everything from there."""

import types

import pytest
import tensorflow as tf

from experiments.benchmark.plan import plan_runs, read_spec
from model import trainer
from model.data.batches import evaluation_batches
from model.data.vocabulary import load_catalogues
from model.evaluation.evaluate import evaluate
from model.methods import METHODS, Method
from pipeline.config import parse_config
from pipeline.tuning_config import find_ranges
from schemas.errors import UserError
from serving.saved_model import ask_signature, load_saved_model
from tests.sequence_data import planted, write_catalogues, write_examples

NEW_FILE = '''
import tensorflow as tf
import tf_keras

from model.networks.base import Network
from model.networks.state_network import repeat_state


class LastItemNetwork(Network):
    """Scores items by an inner product with a map of the last item's embedding."""

    def __init__(self, config, counts, **kwargs):
        super().__init__(config, counts, **kwargs)
        self.item_maps = {question: tf_keras.layers.Dense(config.item_dim) for question in counts}
        self.scene_maps = {question: tf_keras.layers.Dense(config.scene_dim) for question in counts}

    def represent(self, history, training=None):
        return repeat_state(self.item_embedding(self.latest(history.items)[:, -1], training=training))

    def queries(self, known, question, training=None):
        return self.scene_maps[question](known.h_item), self.item_maps[question](known.h_item)
'''
NEW_ENTRY = Method(
    "toy",
    "Toy",
    "nobody, nowhere",
    network="toy_method:LastItemNetwork",
    default_negatives=5,
    search_space={"training.scene_weight": {"low": 0.1, "high": 1.0}},
)
VALUES = {
    "name": "planted",
    "source": {"path": "log.csv"},
    "windows": {"cutoffs": ["2024-08-01"], "max_history": 6},
    "model": {"name": "toy", "item_dim": 16, "scene_dim": 8, "max_length": 4},
    "training": {
        "objective": "softmax",
        "batch_size": 20,
        "epochs": 4,
        "learning_rate": 0.03,
    },
}


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The file and the entry."""
    (tmp_path / "toy_method.py").write_text(NEW_FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(METHODS, NEW_ENTRY.name, NEW_ENTRY)


def test_without_its_entry_the_name_is_refused():
    with pytest.raises(UserError, match="model.name: Input should be 'bert4rec', .* Received: 'toy'"):
        parse_config(VALUES, "test")


def test_a_configuration_may_name_it_and_a_benchmark_and_a_search_know_it(added):
    config = parse_config(VALUES, "test")
    assert config.model.name == config.model_dump(mode="json")["model"]["name"] == "toy"
    assert config.model.method is NEW_ENTRY
    run, other = plan_runs(config, read_spec(config, "toy"))
    assert [one.config.training.target for one in (run, other)] == ["next", "period"], "a rival knows one question"
    assert (run.label, run.role, run.config.model.name) == ("Toy", "baseline", "toy")
    candidates = run.config.training.candidates
    assert (candidates.sampling, candidates.number) == ("uniform", 5)
    assert "toy" in {run.config.model.name for run in plan_runs(config, read_spec(config))}
    assert {"training.learning_rate", "training.scene_weight"} < set(find_ranges(config.tuning, "toy"))
    parse_config({**VALUES, "serving": {"retrieval": "scann"}}, "test")


@pytest.mark.slow
def test_it_is_trained_exported_served_and_evaluated(added, tmp_path):
    sizes = {"train": 300, "val": 40, "test": 60}
    data = {split: planted(size, seed=number) for number, (split, size) in enumerate(sizes.items())}
    files = {split: [write_examples(tmp_path / split / "data.gz", rows)] for split, rows in data.items()}
    job = parse_config(VALUES, "test").make_training_job(
        checkpoint_dir=str(tmp_path / "checkpoints"),
        source_digest="",
        catalogue_uri=write_catalogues(tmp_path / "catalogue", data["train"]),
        sequences=sizes,
    )
    folder = str(tmp_path / "serving")
    trainer.run_fn(
        types.SimpleNamespace(
            train_files=files["train"],
            eval_files=files["val"],
            serving_model_dir=folder,
            model_run_dir=str(tmp_path / "run"),
            custom_config=job.to_json(),
        )
    )
    model = load_saved_model(folder)
    asked = {
        "history_item_ids": tf.constant([["item3", "item4"]]),
        "history_scene_ids": tf.constant([["scene0", "scene1"]]),
    }
    answer = ask_signature(model, "serving_default", asked)
    assert answer["item_ids"][0, 0] == b"item5"
    measured = evaluate(
        {"toy": model}, evaluation_batches(files["test"], 20), *load_catalogues(job.catalogue_uri), (5,)
    )
    assert measured.models["toy"].metrics["next_item/recall@5"].value > 0.9
