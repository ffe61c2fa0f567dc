"""Exports a DSPnet of any size with random weights, for measurements of serving."""

import argparse
import os
import time
from typing import TYPE_CHECKING

import numpy as np

from model.questions import ASKED
from schemas.catalogue import Catalogue
from schemas.identity import fingerprints

if TYPE_CHECKING:
    from model.data.target_counts import TargetCounts


def export_random(folder: str, items: int, scenes: int, item_dim: int = 64, retrieval: str = "exact") -> float:
    """Writes a SavedModel over `items` items with string ids as the trainer would; returns the seconds it took.

    The network has the shape of `configs/complete_journey.yaml`, but for `item_dim`. Its weights are random: speed and
    size are those of a trained model, answers and ScaNN's recall are not.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import tensorflow as tf

    from model.config import ModelConfig, ServingConfig
    from model.data.history import History
    from model.data.target_counts import from_catalogues
    from model.export.saved_model import export
    from model.export.serving_module import ServingModule
    from model.networks.base import build_network
    from schemas.served_model import RetrievalDescription

    config = ModelConfig(item_dim=item_dim, scene_dim=16, max_length=50, popularity_prior=True, repeat_head=True)
    catalogues = random_catalogue("item", items), random_catalogue("scene", scenes)
    network = build_network(config, dict.fromkeys(ASKED, from_catalogues(*catalogues)))
    for question in ASKED:
        network(History(*[tf.ones([1, 1], tf.int32)] * 2), question)
    serve = ServingConfig.model_validate({"retrieval": retrieval})
    begin = time.perf_counter()
    module = ServingModule(network, *catalogues, max_history=500, config=serve)
    export(module, folder, "random", RetrievalDescription(retrieval))
    return time.perf_counter() - begin


def random_catalogue(kind: str, size: int) -> Catalogue:
    """Returns the catalogue of a random model, the n-th of whose items (scenes) is n times rarer than the first."""
    ids = [raw_id(kind, number) for number in range(size)]
    counts = np.maximum(1, size // np.arange(1, size + 1))
    return Catalogue(fingerprints(ids), np.array(ids, object), counts, counts)


def even_counts(items: int, scenes: int) -> "dict[str, TargetCounts]":
    """Returns counts by question in which all items, and all scenes, are as frequent."""
    from model.data.target_counts import without_scenes

    even = without_scenes(np.ones(items, np.int64), np.ones(scenes, np.int64))
    return dict.fromkeys(ASKED, even)


def raw_id(kind: str, number: int) -> str:
    """Returns the raw id of the n-th item or scene of a random model."""
    return f"{kind}-{number:09d}"


def main() -> None:
    """Exports from the command line: a process of its own, so that its memory is its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--retrieval", default="exact")
    args = parser.parse_args()
    print(f"{export_random(args.folder, args.items, args.scenes, retrieval=args.retrieval):.1f}")


if __name__ == "__main__":
    main()
