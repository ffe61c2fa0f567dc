"""Small recommenders and batches of catalogue indices, for tests that go through all learned methods."""

import numpy as np
import tensorflow as tf
import tf_keras

from model.config import ModelConfig, TrainingConfig
from model.networks.base import build_network
from model.training.recommender import Batch, Recommender, build_recommender
from schemas.catalogue import Catalogue

ITEMS, SCENES = 12, 4
MODEL = {"item_dim": 16, "scene_dim": 8, "max_length": 6, "layers": 1, "dropout": 0.0}


def catalogue(size: int) -> Catalogue:
    """A catalogue of candidates that have been seen ever less often."""
    counts = np.arange(size, 0, -1).astype(np.int64)
    ids = np.array([f"id{number}" for number in range(size)], object)
    return Catalogue(np.arange(size, dtype=np.int64), ids, counts, counts)


def build(name: str, batch_size: int = 4, model: dict | None = None, **training) -> Recommender:
    """Builds a recommender as the trainer does, with the weights of one seed."""
    tf_keras.utils.set_random_seed(1)
    config, items = TrainingConfig.model_validate(training), catalogue(ITEMS)
    network = build_network(ModelConfig(name=name, **{**MODEL, **(model or {})}), items, catalogue(SCENES), config)
    return build_recommender(network, config, batch_size, items)


def batch(
    items: np.ndarray | list, scenes: np.ndarray | list, next_items: np.ndarray | list, next_scenes: np.ndarray | list
) -> Batch:
    """A batch as `model.data.batches.index_batches` makes them.

    Args:
        items: histories, int [batch, time].
        scenes: histories, int [batch, time].
        next_items: futures as they happened, int [batch, events], no item twice.
        next_scenes: likewise, int [batch, events]; the second of two equal ones is left out of the set.
    """
    items, scenes, next_items, next_scenes = (np.asarray(x, np.int32) for x in (items, scenes, next_items, next_scenes))
    earlier = np.tril(next_scenes[:, :, None] == next_scenes[:, None], -1).any(axis=2)
    made = {
        "history_items": items,
        "history_scenes": scenes,
        "next_item": next_items[:, :1],
        "next_scene": next_scenes[:, :1],
        "future_items": next_items,
        "future_scenes": np.where(earlier, 0, next_scenes),
        "future_item_sequence": next_items,
        "future_scene_sequence": next_scenes,
    }
    return {name: tf.constant(values) for name, values in made.items()}
