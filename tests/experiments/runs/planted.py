"""Runs on a small planted pattern, for tests of whatever trains and measures them."""

import dataclasses
import pathlib

from experiments.runs.dataset import Dataset, digest_data, locate_split
from experiments.runs.run import Run
from pipeline.config import PipelineConfig, parse_config

TRAIN, VALIDATION, TEST = 300, 40, 60


def make_config(method: str = "sasrec", workdir: str = "runs", **training) -> PipelineConfig:
    values = {
        "name": "planted",
        "workdir": workdir,
        "source": {"path": "log.csv"},
        "windows": {"cutoffs": ["2024-08-01"], "max_history": 6},
        "model": {
            "name": method,
            "item_dim": 16,
            "scene_dim": 8,
            "max_length": 4,
            "layers": 1,
            "dropout": 0.0,
            "head_dropout": 0.0,
        },
        "training": {
            "objective": "softmax",
            "questions": ["next"],
            "batch_size": 20,
            "epochs": 3,
            "learning_rate": 0.01,
            # On, so that they can be left out.
            "adversarial": {"weight": 2e-7},
            "contrastive": {"weight": 5e-6},
            **training,
        },
    }
    return parse_config(values, "test")


def make_run(method: str = "sasrec", **training) -> Run:
    return Run(method, method.upper(), "baseline", make_config(method, **training), {"training.learning_rate": 0.01})


def make_data(folder: pathlib.Path) -> Dataset:
    """Names data that are not there, for what does not read them."""
    sequences = {"train": TRAIN, "val": VALIDATION, "test": TEST}
    return Dataset(str(folder / "examples"), str(folder / "catalogue"), sequences, "d" * 64)


def planted_data(folder: pathlib.Path) -> Dataset:
    """Writes sequences in which item i + 1 follows item i, as the pipeline leaves them, unless they are there."""
    examples, catalogue = folder / "examples", folder / "catalogue"
    if not catalogue.exists():
        # Imported here, because most tests of runs need no TensorFlow.
        from tests.sequence_data import planted, write_catalogues, write_examples

        for number, (split, size) in enumerate((("train", TRAIN), ("val", VALIDATION), ("test", TEST))):
            write_examples(pathlib.Path(locate_split(str(examples), split)) / "data.gz", planted(size, seed=number))
        write_catalogues(catalogue, planted(TRAIN, seed=0))
    there = make_data(folder)
    return dataclasses.replace(there, digest=digest_data(there.examples_uri, there.catalogue_uri))
