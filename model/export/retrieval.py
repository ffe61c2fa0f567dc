"""How a served model finds the best items, and how many of them: a person must be able to tell."""

from typing import Any

import tensorflow as tf

from model.config import ServingConfig
from model.data.batches import HISTORY_ITEMS, HISTORY_SCENES
from model.export.saved_model import EXACT
from model.export.serving_module import TOP_K, ServingModule

MEASURED_QUERIES = 1000
"""Enough for a recall to be known to a hundredth."""


def describe(module: ServingModule, config: ServingConfig, batches: tf.data.Dataset) -> dict[str, Any]:
    """Returns what is written beside a model; measures an approximate index against the exact ranking.

    Args:
        module: the model before its export.
        config: how it finds items.
        batches: of `fingerprint_batches`, real histories to ask for, until there are `MEASURED_QUERIES`.

    Returns:
        ``method``; for ScaNN also ``scann_search_share``, ``queries``, and ``recall@10`` and ``recall@100`` (or of the
        whole catalogue, when it is smaller): the share of the exact best k that the index finds.
    """
    if module.find_items.is_exact():
        return EXACT
    ks = sorted({min(k, module.item_ids.shape[0]) for k in (10, TOP_K)})

    @tf.function(reduce_retracing=True)
    def found(items: tf.Tensor, scenes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        queries = module.queries(items, scenes)
        return module.exact_items(queries, ks[-1]).columns, module.find_items(queries, ks[-1]).columns

    hits, queries = dict.fromkeys(ks, 0), 0
    for batch in batches:
        exact, approximate = (columns.numpy() for columns in found(batch[HISTORY_ITEMS], batch[HISTORY_SCENES]))
        for expected, got in zip(exact, approximate, strict=True):
            queries += 1
            for k in ks:
                hits[k] += len(set(expected[:k]) & set(got[:k]))
        if queries >= MEASURED_QUERIES:
            break
    recalls = {f"recall@{k}": hits[k] / (k * queries) for k in ks}
    return {"method": "scann", "scann_search_share": config.scann_search_share, "queries": queries, **recalls}


def in_words(description: dict[str, Any]) -> str:
    """Returns a description as a person reads it in a log."""
    return ", ".join(f"{key} {value}" for key, value in description.items())
