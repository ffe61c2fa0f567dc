"""Popularity: everybody is shown what most often came next in the train split.

What comes next is all of the future or what happens at its first time alone, as the question has it; the two
are far apart where people start with something else than they go on with.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from model.baselines.statistical_network import CountingTask, StatisticalNetwork, read_nothing
from model.data.sequences import TrainSequences, what_follows
from model.networks.sparse_counts import SparseCounts, make_empty_counts
from schemas.catalogue import Catalogue


def fit(task: CountingTask) -> StatisticalNetwork:
    """Counts what follows (`model.data.sequences`): a `model.baselines.statistical_network.Fit`."""
    return from_catalogues(*recount_futures(task.train, task.items, task.scenes, task.question))


def from_catalogues(items: Catalogue, scenes: Catalogue) -> StatisticalNetwork:
    """Returns popularity by the future counts of catalogues, which as they are written are of all of the futures."""
    return rank_by(items.future_counts, scenes.future_counts)


def recount_futures(
    train: TrainSequences, items: Catalogue, scenes: Catalogue, question: str
) -> tuple[Catalogue, Catalogue]:
    """Returns the catalogues with the future counts of a question: how often each item and scene follows a history.

    With the question ``period``, and where no history is empty, they are those that the catalogues have.
    """
    of_items, of_scenes = np.zeros(len(items) + 2, np.int64), np.zeros(len(scenes) + 2, np.int64)
    for batch in train:
        followed = what_follows(batch, question)
        of_items += np.bincount(followed.items, minlength=len(of_items))
        of_scenes += np.bincount(followed.scenes, minlength=len(of_scenes))
    return (
        dataclasses.replace(items, future_counts=of_items[1:-1]),
        dataclasses.replace(scenes, future_counts=of_scenes[1:-1]),
    )


def rank_by(items: npt.NDArray[np.number], scenes: npt.NDArray[np.number]) -> StatisticalNetwork:
    """Returns a network that scores the same for every history.

    Args:
        items: the score of each item, [N_v].
        scenes: the score of each scene, [N_s].
    """
    of_items, of_scenes = (SparseCounts(make_empty_counts(len(scores)), scores) for scores in (items, scenes))
    return StatisticalNetwork(of_items, of_scenes, read_nothing)
