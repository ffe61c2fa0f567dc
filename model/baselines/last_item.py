"""Last-item transition: what most often came next after the user's last item, a first-order Markov chain.

Its states are items, as in the MC baseline of Rendle et al. (WWW 2010, "Factorizing Personalized Markov Chains"),
without their factorisation: an item that never followed the last one goes by its popularity. Scenes are a chain of
their own. The question says which pairs count; with `prefix` it is the chain of textbooks, over all adjacent
events.
"""

import tensorflow as tf

from model.baselines.statistical_network import CountingTask, StatisticalNetwork, latest_known
from model.data.pair_counts import PairCounts
from model.data.sequences import what_follows
from model.networks.sparse_counts import SparseCounts, tie_break


def fit(task: CountingTask) -> StatisticalNetwork:
    """Counts transitions (`model.data.sequences`): a `model.baselines.statistical_network.Fit`."""
    items, scenes = task.items, task.scenes
    of_items, of_scenes = PairCounts(len(items), len(items)), PairCounts(len(scenes), len(scenes))
    for batch in task.train:
        followed = what_follows(batch, task.question)
        of_items.add(followed.from_items, followed.items)
        of_scenes.add(followed.from_scenes, followed.scenes)

    def read(item_history: tf.Tensor, scene_history: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return latest_known(item_history, len(items), 1), latest_known(scene_history, len(scenes), 1)

    return StatisticalNetwork(
        SparseCounts(of_items.matrix(), tie_break(items.future_counts), "items"),
        SparseCounts(of_scenes.matrix(), tie_break(scenes.future_counts), "scenes"),
        read,
    )
