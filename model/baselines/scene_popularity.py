"""Popularity by last scene: what most often came next for those who were last seen in the same scene.

Among items of equal count, and where there is no last scene, popularity over all scenes decides. Scenes are ranked by
how often they came next after the last one.
"""

import tensorflow as tf

from model.baselines.statistical_network import CountingTask, StatisticalNetwork, latest_known
from model.data.pair_counts import PairCounts
from model.data.sequences import what_follows
from model.networks.sparse_counts import SparseCounts, tie_break


def fit(task: CountingTask) -> StatisticalNetwork:
    """Counts what follows a scene (`model.data.sequences`): a `model.baselines.statistical_network.Fit`."""
    items, scenes = task.items, task.scenes
    of_items, of_scenes = PairCounts(len(scenes), len(items)), PairCounts(len(scenes), len(scenes))
    for batch in task.train:
        followed = what_follows(batch, task.question)
        of_items.add(followed.from_scenes, followed.items)
        of_scenes.add(followed.from_scenes, followed.scenes)

    def read(_: tf.Tensor, history: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        last = latest_known(history, len(scenes), 1)
        return last, last

    return StatisticalNetwork(
        SparseCounts(of_items.matrix(), tie_break(items.future_counts), "items"),
        SparseCounts(of_scenes.matrix(), tie_break(scenes.future_counts), "scenes"),
        read,
    )
