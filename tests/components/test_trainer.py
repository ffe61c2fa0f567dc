"""The border between SequenceExampleGen, Catalogue and `run_fn`: what the executor hands over."""

import dataclasses
import json

from tfx.types import channel_utils, standard_artifacts

from components import artifacts
from components.trainer.component import Trainer
from components.trainer.executor import Executor
from model.config import ModelConfig, ServingConfig, TrainingConfig
from model.job import TrainingJob

RECEIVED = []
JOB = TrainingJob(
    name="x",
    model=ModelConfig(name="sasrec", item_dim=8),
    training=TrainingConfig(seed=3),
    serving=ServingConfig(),
    max_history=9,
    checkpoint_dir="checkpoints",
    source_digest="t1",
)


def run_fn(fn_args):
    RECEIVED.append(fn_args)
    with open(fn_args.serving_model_dir, "w") as file:
        file.write("a model")


def test_run_fn_gets_catalogue_and_sizes(tmp_path, monkeypatch):
    examples, catalogue = standard_artifacts.Examples(), artifacts.Catalogue()
    examples.split_names = '["train", "val", "test"]'
    examples.uri, catalogue.uri = str(tmp_path / "examples"), str(tmp_path / "catalogue")
    for split, number in (("train", 30), ("val", 2), ("test", 1)):
        (tmp_path / "examples" / f"Split-{split}").mkdir(parents=True)
        examples.set_int_custom_property(f"sequences_{split}", number)
    model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
    model.uri, model_run.uri = str(tmp_path / "model"), str(tmp_path / "run")
    (tmp_path / "model").mkdir()
    component = Trainer(
        examples=channel_utils.as_channel([examples]),
        catalogue=channel_utils.as_channel([catalogue]),
        run_fn=f"{__name__}.run_fn",
        job=JOB,
    )
    Executor().Do(
        {"examples": [examples], "catalogue": [catalogue]},
        {"model": [model], "model_run": [model_run]},
        dict(component.exec_properties),
    )
    received = RECEIVED.pop()
    assert TrainingJob.from_json(received.custom_config) == dataclasses.replace(
        JOB, catalogue_uri=catalogue.uri, sequences={"train": 30, "val": 2, "test": 1}
    )
    assert "Split-train" in received.train_files[0] and "Split-val" in received.eval_files[0]
    assert TrainingJob.from_json(json.loads(component.exec_properties["custom_config"])) == JOB
