"""Popularity: everybody is shown what most often came next in the train split.

What comes next is all of the future or its first event alone, as `TrainingConfig.target` has it; the two are far
apart where people start with something else than they go on with.
"""

import numpy as np
import numpy.typing as npt

from model.baselines.counts import SparseCounts, make_empty_counts
from model.baselines.statistical_network import StatisticalNetwork, read_nothing
from model.config import TrainingConfig
from model.data.sequences import TrainSequences, what_follows
from schemas.catalogue import Catalogue


def fit(
    train: TrainSequences, items: Catalogue, scenes: Catalogue, max_length: int, training: TrainingConfig
) -> StatisticalNetwork:
    """Counts what follows (`model.data.sequences`): a `model.baselines.statistical_network.Fit`."""
    of_items, of_scenes = np.zeros(len(items) + 2, np.int64), np.zeros(len(scenes) + 2, np.int64)
    for batch in train:
        followed = what_follows(batch, training.target)
        of_items += np.bincount(followed.items, minlength=len(of_items))
        of_scenes += np.bincount(followed.scenes, minlength=len(of_scenes))
    return rank_by(of_items[1:-1], of_scenes[1:-1])


def from_catalogues(items: Catalogue, scenes: Catalogue) -> StatisticalNetwork:
    """Returns popularity in all of the train futures, which catalogues know."""
    return rank_by(items.future_counts, scenes.future_counts)


def rank_by(items: npt.NDArray[np.number], scenes: npt.NDArray[np.number]) -> StatisticalNetwork:
    """Returns a network that scores the same for every history.

    Args:
        items: the score of each item, [N_v].
        scenes: the score of each scene, [N_s].
    """
    of_items, of_scenes = (SparseCounts(make_empty_counts(len(scores)), scores) for scores in (items, scenes))
    return StatisticalNetwork(of_items, of_scenes, read_nothing)
