"""Small recommenders and batches of catalogue indices, for tests that go through all learned methods."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
import tf_keras
from scipy import sparse

from model.config import ModelConfig, TrainingConfig
from model.data.history import History
from model.data.padding import take_next
from model.data.target_counts import TargetCounts
from model.networks.base import build_network
from model.training.recommender import Batch, Recommender, build_recommender

ITEMS, SCENES = 12, 4
PLAIN = {"popularity_prior": False, "scene_head": False, "repeat_head": False, "times": False}
"""Values of the model by which nothing is added to the paper's."""
MODEL = {
    "item_dim": 16,
    "scene_dim": 8,
    "max_length": 6,
    "layers": 1,
    "dropout": 0.0,
    "head_dropout": 0.0,
    **PLAIN,
}


def counts_of(
    questions: Iterable[str], items: int = ITEMS, scenes: int = SCENES, repeats: float = 1.0
) -> dict[str, TargetCounts]:
    """Targets of each question, other ones for each: candidates are ever rarer, and differ after each scene."""
    found = {}
    for number, question in enumerate(questions):
        rng = np.random.RandomState(number)
        by_scene, of_scenes_by_scene = (
            sparse.csr_matrix(rng.poisson(1.0, [scenes, size]).astype(np.int32)) for size in (items, scenes)
        )
        of_items, of_scenes = (np.arange(size, 0, -1).astype(np.int64) + 3 * number for size in (items, scenes))
        found[question] = TargetCounts(of_items, of_scenes, by_scene, 5.0, of_scenes_by_scene, 2.0, repeats)
    return found


def build(name: str, batch_size: int = 4, model: dict | None = None, repeats: float = 1.0, **training) -> Recommender:
    """Builds a recommender as the trainer does, with the weights of one seed."""
    tf_keras.utils.set_random_seed(1)
    config = TrainingConfig.model_validate({"event_mask": 0.0, **training})
    counts = counts_of(config.questions, repeats=repeats)
    network = build_network(ModelConfig(name=name, **{**MODEL, **(model or {})}), counts, config)
    return build_recommender(network, config, batch_size, counts)


def history(items: np.ndarray | list, scenes: np.ndarray | list | None = None) -> History:
    """Histories as networks read them; by default without scenes."""
    return History(*(tf.constant(x, tf.int32) for x in (items, [[]] * len(items) if scenes is None else scenes)))


def batch(
    items: np.ndarray | list,
    scenes: np.ndarray | list,
    next_items: np.ndarray | list,
    next_scenes: np.ndarray | list,
    history_times: np.ndarray | list | None = None,
    future_times: np.ndarray | list | None = None,
) -> Batch:
    """A batch as `model.data.batches.index_batches` makes them.

    Args:
        items: histories, int [batch, time].
        scenes: histories, int [batch, time].
        next_items: futures as they happened, int [batch, events], no item twice.
        next_scenes: likewise, int [batch, events]; the second of two equal ones is left out of the set.
        history_times: when the events of `items` happened, from 1, 0 where padded; by default each at a later time.
        future_times: likewise, of `next_items`.
    """
    items, scenes, next_items, next_scenes = (np.asarray(x, np.int32) for x in (items, scenes, next_items, next_scenes))
    times = [
        np.where(of != 0, begin + np.arange(of.shape[1]), 0) if given is None else np.asarray(given)
        for of, given, begin in ((items, history_times, 1), (next_items, future_times, 1 + items.shape[1]))
    ]
    following = [next_items[:, :1], next_scenes[:, :1]]
    if future_times is not None:
        following = [take_next(tf.constant(of), tf.constant(times[1])).numpy() for of in (next_items, next_scenes)]
    earlier = np.tril(next_scenes[:, :, None] == next_scenes[:, None], -1).any(axis=2)
    made = {
        "history_items": items,
        "history_scenes": scenes,
        "next_item": following[0],
        "next_scene": following[1],
        "future_items": next_items,
        "future_scenes": np.where(earlier, 0, next_scenes),
        "future_item_sequence": next_items,
        "future_scene_sequence": next_scenes,
        "history_times": times[0].astype(np.int64),
        "future_times": times[1].astype(np.int64),
        "cutoff": 1 + times[0].max(axis=1).astype(np.int64),
    }
    return {name: tf.constant(values) for name, values in made.items()}
