"""A small model with random weights, as it is exported: for tests of whatever serves it."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from model.config import ModelConfig, ServingConfig, TrainingConfig
from model.data.history import History
from model.export.saved_model import export as export_module
from model.export.serving_module import ServingModule
from model.networks.base import Network, build_network
from schemas.catalogue import Catalogue
from schemas.served_model import EXACT
from tests.sequence_data import Sequence, catalogues, planted, target_counts

MODEL = {
    "item_dim": 8,
    "scene_dim": 4,
    "max_length": 4,
    "layers": 1,
    "popularity_prior": True,
    "scene_head": True,
    "repeat_head": True,
}
MAX_HISTORY = 6
QUESTIONS = ("next", "period")


@dataclasses.dataclass(frozen=True)
class Served:
    """A model in memory.

    Attributes:
        module: what is exported.
        network: its network.
        items: its item catalogue.
        scenes: its scene catalogue.
    """

    module: ServingModule
    network: Network
    items: Catalogue
    scenes: Catalogue


def build(
    train: list[Sequence] | None = None,
    seed: int = 0,
    serve: ServingConfig | None = None,
    questions: tuple[str, ...] = QUESTIONS,
    repeats: float = 1.0,
    **options,
) -> Served:
    """Builds a model whose every weight is random, so that no part of it is idle and no two questions are alike.

    Planted sequences repeat nothing; `repeats` is what the model is told of them.
    """
    train = train or planted(60, seed=0)
    items, scenes = catalogues(train)
    counts = {
        question: dataclasses.replace(target_counts(train, question, items, scenes), repeats=repeats)
        for question in questions
    }
    network = build_network(
        ModelConfig(**{**MODEL, **options}), counts, TrainingConfig.model_validate({"questions": questions})
    )
    for question in questions:
        network(History(*[tf.ones([1, 1], tf.int32)] * 2), question)
    rng = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        variable.assign_add(rng.normal(0.0, 0.3, variable.shape))
    module = ServingModule(network, items, scenes, MAX_HISTORY, serve or ServingConfig())
    return Served(module, network, items, scenes)


def export(served: Served, folder: pathlib.Path, name: str = "planted") -> str:
    """Writes a model as the trainer does; returns the folder's name."""
    export_module(served.module, str(folder), name, EXACT)
    return str(folder)
