"""A small model with random weights, as it is exported: for tests of whatever serves it."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from model.config import ModelConfig, ServingConfig
from model.export.saved_model import export as export_module
from model.export.serving_module import ServingModule
from model.networks.base import Network, build_network
from schemas.catalogue import Catalogue
from schemas.served_model import EXACT
from tests.sequence_data import Sequence, catalogues, planted

MODEL = {"item_dim": 8, "scene_dim": 4, "max_length": 4, "layers": 1, "popularity_prior": True, "repeat_head": True}
MAX_HISTORY = 6


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


def build(train: list[Sequence] | None = None, seed: int = 0, serve: ServingConfig | None = None, **options) -> Served:
    """Builds a model whose every weight is random, so that no part of it is idle."""
    items, scenes = catalogues(train or planted(60, seed=0))
    network = build_network(ModelConfig(**{**MODEL, **options}), items, scenes)
    network(tf.ones([1, 1], tf.int32), tf.ones([1, 1], tf.int32))
    rng = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        variable.assign_add(rng.normal(0.0, 0.3, variable.shape))
    module = ServingModule(network, items, scenes, MAX_HISTORY, serve or ServingConfig())
    return Served(module, network, items, scenes)


def export(served: Served, folder: pathlib.Path, name: str = "planted") -> str:
    """Writes a model as the trainer does; returns the folder's name."""
    export_module(served.module, str(folder), name, EXACT)
    return str(folder)
