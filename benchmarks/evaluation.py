"""How long an evaluation takes, and how much memory, against the bare arithmetic that it cannot do without.

python -m benchmarks.evaluation

The floor is, for the same batches, one chunked matmul and top_k over the same table, with nothing around: no network,
no targets, no metrics. Both take turns in one process, so that what else the machine does falls on all alike. Random
weights and histories: for speed, not for quality.
"""

import argparse
import gc
import os
import resource
import statistics
import tempfile
import time
from typing import Any

BATCH = 256
HISTORY, FUTURE = 50, 10
NOW = 1_700_000_000


def main() -> None:
    """Prints a Markdown table, one row a number of sequences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--sequences", type=int, nargs="+", default=[2_500, 10_000])
    parser.add_argument("--k", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print("| sequences | floor: median s | evaluation: median s | each turn / floor | median | peak memory, GiB |")
    print("|---|---|---|---|---|---|")
    model, catalogues = _model(args.items, args.width)
    for sequences in args.sequences:
        _row(model, catalogues, sequences, args)


def _model(items: int, width: int) -> tuple[Any, tuple[Any, Any]]:
    """A model as an evaluation loads it, and its catalogues."""
    from benchmarks.served_model import export_random, random_catalogue
    from serving.saved_model import load_saved_model

    with tempfile.TemporaryDirectory() as folder:
        export_random(folder, items, 100, width)
        return load_saved_model(folder), (random_catalogue("item", items), random_catalogue("scene", 100))


def _row(model: Any, catalogues: tuple[Any, Any], sequences: int, args: argparse.Namespace) -> None:
    from model.evaluation.evaluate import evaluate

    batches = _batches(catalogues, sequences)
    floors, times = [], []
    for _ in range(args.turns):
        start = time.perf_counter()
        _floor(model.item_vectors, args.width, sequences, max(args.k))
        floors.append(time.perf_counter() - start)
        gc.collect()  # what the last turn's evaluation left behind: a run evaluates once a process
        start = time.perf_counter()
        evaluate({"DSPnet": model}, batches, *catalogues, args.k)
        times.append(time.perf_counter() - start)
    ratios = [taken / floor for taken, floor in zip(times, floors, strict=True)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    turns = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(
        f"| {sequences:,} | {statistics.median(floors):.1f} | {statistics.median(times):.1f} | {turns} "
        f"| {statistics.median(ratios):.2f} | {peak:.2f} |",
        flush=True,
    )


def _batches(catalogues: tuple[Any, Any], sequences: int) -> Any:
    """Sequences of which popular items have most, as `model.data.batches.evaluation_batches` would read them."""
    import numpy as np
    import tensorflow as tf

    from model.data import batches as names

    rng = np.random.default_rng(7)
    items, scenes = (catalogue.fingerprints for catalogue in catalogues)

    def draw(fingerprints: Any, time: int) -> Any:
        return fingerprints[np.minimum(rng.zipf(1.2, [sequences, time]) - 1, len(fingerprints) - 1)]

    ages = np.sort(rng.integers(1, 30 * 86_400, [sequences, HISTORY]), axis=1)[:, ::-1]
    futures = {names.FUTURE_ITEMS: draw(items, FUTURE), names.FUTURE_SCENES: draw(scenes, FUTURE)}
    columns = {
        names.USER: np.array([b"%016d" % number for number in range(sequences)]),
        names.HISTORY_ITEMS: draw(items, HISTORY),
        names.HISTORY_SCENES: draw(scenes, HISTORY),
        names.HISTORY_TIMES: NOW - ages,
        names.CUTOFF: np.full(sequences, NOW),
        names.NEXT_ITEM: futures[names.FUTURE_ITEMS][:, :1],
        names.NEXT_SCENE: futures[names.FUTURE_SCENES][:, :1],
    }
    for name, values in futures.items():
        ordered = np.sort(values, axis=1)
        ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = -1
        columns[name] = ordered
    return tf.data.Dataset.from_tensor_slices(columns).batch(BATCH)


def _floor(table: Any, width: int, sequences: int, k: int) -> None:
    import tensorflow as tf

    from model.retrieval.top_k import CHUNK_SCORES

    candidates = tf.convert_to_tensor(table)[1:-1]
    size, chunk = candidates.shape[0], CHUNK_SCORES // BATCH

    @tf.function
    def search(queries: tf.Tensor) -> tf.Tensor:
        best, start = tf.fill([BATCH, k], float("-inf")), tf.constant(0)
        while start < size:
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            stop = tf.minimum(start + chunk, size)
            scores = tf.matmul(queries, candidates[start:stop], transpose_b=True)
            best = tf.math.top_k(tf.concat([best, tf.math.top_k(scores, k).values], axis=1), k).values
            start = stop
        return best

    for number in range(0, sequences, BATCH):
        search(tf.random.stateless_normal([BATCH, width], [7, number])).numpy()


if __name__ == "__main__":
    main()
