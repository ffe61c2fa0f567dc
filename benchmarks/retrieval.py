"""How long the best items take to find: our exact index and TensorFlow Recommenders', against the bare arithmetic.

python -m benchmarks.retrieval

The floor is one matmul and one top_k over the same table. All take turns in one process, so that what else the
machine does falls on all alike. Random vectors: for speed, not for ScaNN's recall.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

FLOOR = "matmul + top_k"


def main() -> None:
    """Times each way to find the best items and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[68_000, 1_000_000])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each row of the table, about")
    args = parser.parse_args()
    print("| items | batch | | ms: median | p99 | time / floor |\n|---|---|---|---|---|---|")
    for items in args.items:
        for batch in args.batches:
            _table(items, batch, args)


def _table(items: int, batch: int, args: argparse.Namespace) -> None:
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.random.set_seed(7)
    queries = tf.random.normal([batch, args.width])
    times: dict[str, list[float]] = {}
    searches = _searches(items, args.width, args.k)
    for search in searches.values():
        search(queries)  # traces
    begin = time.perf_counter()
    while time.perf_counter() - begin < args.seconds * len(searches):
        for name, search in searches.items():
            start = time.perf_counter()
            search(queries)[0].numpy()
            times.setdefault(name, []).append((time.perf_counter() - start) * 1000)
    floor = statistics.median(times[FLOOR])
    for name, found in times.items():
        median, p99 = statistics.median(found), sorted(found)[int(0.99 * (len(found) - 1))]
        print(f"| {items:,} | {batch} | {name} | {median:.1f} | {p99:.1f} | {median / floor:.2f} |", flush=True)


def _searches(items: int, width: int, k: int) -> dict[str, Callable]:
    import tensorflow as tf
    from tensorflow_recommenders.layers import factorized_top_k

    from model.config import ServingConfig
    from model.networks.item_scorer import InnerProducts
    from model.retrieval.scann import ScannIndex, ScannTopK
    from model.retrieval.top_k import ExactTopK

    table = tf.Variable(tf.random.normal([items + 2, width]))
    bias = tf.Variable(tf.random.normal([items]))
    candidates = tf.Variable(table[1:-1])
    brute = factorized_top_k.BruteForce(k=k).index(candidates)
    blocks = tf.data.Dataset.from_tensor_slices(candidates).batch(min(items, 65_536)).cache()
    streaming = factorized_top_k.Streaming(k=k).index_from_dataset(blocks)
    scorer = InnerProducts(table, bias)
    index = ScannIndex([scorer], k, ServingConfig(retrieval="scann"))
    exact, scann = ExactTopK(scorer), ScannTopK(index, scorer, 0, k)
    searches = {
        FLOOR: lambda queries: tf.math.top_k(tf.matmul(queries, candidates, transpose_b=True), k),
        "ExactTopK": lambda queries: exact(queries, k),
        "TFRS BruteForce": brute,
        "TFRS Streaming": streaming,
        "ScaNN (a tenth searched)": lambda queries: scann(queries, k),
    }
    return {name: tf.function(search) for name, search in searches.items()}


if __name__ == "__main__":
    main()
