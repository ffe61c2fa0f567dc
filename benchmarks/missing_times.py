"""What requests without times cost: a model's metrics with all times, without the request's own, and without any.

python -m benchmarks.missing_times --config configs/complete_journey.yaml    # after `make run`

The test split is ranked again, as RankingEvaluator does, with the time of asking, and then all times, set to unknown.
"""

import argparse
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

METRICS = ("next_item/recall@10", "next_item/ndcg@10", "period_items/recall@10", "period_items/ndcg@10")


def main() -> None:
    """Prints a Markdown table, one row a kind of request."""
    from pipeline.config import add_config_arguments, load_config

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--model", metavar="FOLDER", help="by default the newest that the configuration has pushed")
    args = parser.parse_args()
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows = list(_measure(load_config(args.config, args.set), args.model))
    print(f"| request | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}")
    for title, metrics in rows:
        print(f"| {title} | {' | '.join(f'{metrics[name]:.4f}' for name in METRICS)} |")


def _measure(config: Any, model: str | None) -> Iterator[tuple[str, dict[str, float]]]:
    from experiments.runs.dataset import prepare_dataset
    from model.data.batches import CUTOFF, HISTORY_TIMES, evaluation_batches
    from model.data.vocabulary import load_catalogues
    from model.evaluation.evaluate import evaluate
    from pipeline.workspace import find_workspace, locate_pushed_models
    from schemas.sequences import TEST
    from serving.recommend import find_version
    from serving.saved_model import load_saved_model

    data = prepare_dataset(config)
    ranker = load_saved_model(find_version(model or locate_pushed_models(find_workspace(config), config.name)))
    items, scenes = load_catalogues(data.catalogue_uri)
    batches = evaluation_batches(data.glob_files(TEST), config.evaluation.batch_size)
    for title, unknown in (
        ("with times", ()),
        ("without its own time", (CUTOFF,)),
        ("without any times", (CUTOFF, HISTORY_TIMES)),
    ):
        asked = batches.map(functools.partial(_forget, unknown))
        measured = evaluate({"model": ranker}, asked, items, scenes, [10])
        yield title, {name: estimate.value for name, estimate in measured.models["model"].metrics.items()}


def _forget(names: Sequence[str], batch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a batch in which some times are unknown."""
    import tensorflow as tf

    return {**batch, **{name: tf.zeros_like(batch[name]) for name in names}}


if __name__ == "__main__":
    main()
