"""All counted baselines, by the name that `model.name` gives them."""

from collections.abc import Mapping, Sequence

from model.baselines import (
    cooccurrence,
    last_item,
    own_frequency,
    popularity,
    recent_popularity,
    scene_popularity,
)
from model.baselines.statistical_network import CountedNetwork, Fit
from model.config import ModelConfig, TrainingConfig
from model.data.sequences import TrainSequences
from schemas.catalogue import Catalogue

COUNTED: Mapping[str, Fit] = {
    "popularity": popularity.fit,
    "recent_popularity": recent_popularity.fit,
    "scene_popularity": scene_popularity.fit,
    "own_frequency": own_frequency.fit,
    "last_item": last_item.fit,
    "cooccurrence": cooccurrence.fit,
}
"""How each is counted."""


def count(
    model: ModelConfig, training: TrainingConfig, train_files: Sequence[str], items: Catalogue, scenes: Catalogue
) -> CountedNetwork:
    """Counts the baseline that `model.name` names.

    Args:
        model: its name, and how many of the latest events it may read.
        training: what is to be predicted.
        train_files: names or globs of the train split's examples; nothing else is read.
        items: the item catalogue.
        scenes: the scene catalogue.

    Raises:
        FileNotFoundError: if no file matches.
        KeyError: if the method does not count.
    """
    train = TrainSequences(train_files, items, scenes)
    return COUNTED[model.name](train, items, scenes, model.max_length, training)
