"""Measures memory and time of training steps over catalogues of up to 7.9 million items, by kind of item loss.

python -m benchmarks.catalogue_memory

Each setup trains for a few steps in a process of its own. For the losses alone the mean of a history of embeddings
stands in for the encoder, so that the loss and the history both have a gradient by the table; "DSPnet" is the whole
training step, with the adversarial and the contrastive term. Histories and targets are uniform over the catalogue,
which touches more rows than a long-tailed log would.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

ITEMS = (100_000, 1_000_000, 7_900_000)
KINDS = (
    "dense bce",
    "dense softmax",
    "chunked bce",
    "chunked softmax",
    "sampled bce",
    "sampled softmax",
    "DSPnet bce",
    "DSPnet-sampled softmax",
)
DENSE_LIMIT = 8 * 2**30
DENSE_COPIES = 4
"""A dense loss holds at least the scores, a function of them, its derivative and the gradient at a time."""
GIB = 2**30
SCENES = 300


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=ITEMS)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--history", type=int, default=25)
    parser.add_argument("--negatives", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--setup", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.setup:
        print(json.dumps(_measure(**json.loads(args.setup))))
        return
    common = {name: getattr(args, name) for name in ("width", "batch", "history", "negatives", "steps")}
    print(f"batch {args.batch}, width {args.width}; floor: imports, and the table with the moments of Adam")
    print("| items | item loss | peak RSS, GiB | imports, GiB | floor, GiB | peak / floor | s a step |")
    print("|---|---|---|---|---|---|---|")
    for items in args.items:
        for kind in args.kinds:
            if kind.startswith("dense") and DENSE_COPIES * 4 * args.batch * items > DENSE_LIMIT:
                print(f"| {items:,} | {kind} | too large | | | | |", flush=True)
                continue
            found = _in_fresh_process({"items": items, "kind": kind, **common})
            print(
                f"| {items:,} | {kind} | {found['peak'] / GIB:.2f} | {found['imports'] / GIB:.2f} | "
                f"{found['floor'] / GIB:.2f} | {found['peak'] / found['floor']:.2f} | {found['seconds']:.3f} |",
                flush=True,
            )


def _in_fresh_process(setup: dict[str, Any]) -> dict[str, float]:
    # The peak of a process never falls, so one process can measure but one setup.
    command = [sys.executable, "-m", "benchmarks.catalogue_memory", "--setup", json.dumps(setup)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measure(
    items: int, kind: str, width: int, batch: int, history: int, negatives: int, steps: int
) -> dict[str, float]:
    """Trains and returns bytes and seconds: the peak, after imports, with the table, and the median step."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import numpy as np
    import tensorflow as tf

    from benchmarks.served_model import even_counts
    from model.config import ModelConfig, TrainingConfig
    from model.losses.chunked import full_catalogue_loss
    from model.losses.full import LOSSES
    from model.losses.sampled import log_uniform, sampled_loss
    from model.networks.base import build_network
    from model.training.lazy_adam import LazyAdam
    from model.training.recommender import build_recommender

    imports = _resident()
    family, objective = kind.split()

    if family.startswith("DSPnet"):
        sampling = {"sampling": "log_uniform", "number": negatives} if family.endswith("sampled") else {}
        config = TrainingConfig.model_validate({"objective": objective, "candidates": sampling})
        counts = even_counts(items, SCENES)
        network = build_network(ModelConfig(item_dim=width, scene_dim=4, max_length=history), counts, config)
        model = build_recommender(network, config, batch, counts)
        step_of_model = tf.function(model.train_step)

        def train(histories: tf.Tensor, targets: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
            scenes = targets[:, :1] % SCENES + 1
            of_items = {"history_items": histories, "next_item": targets[:, :1], "future_items": targets}
            of_scenes = {"history_scenes": histories % SCENES + 1, "next_scene": scenes, "future_scenes": scenes}
            return step_of_model({**of_items, **of_scenes})["loss"]

    else:
        table = tf.Variable(tf.random.stateless_normal([items + 2, width], [7, 0], stddev=0.1), name="embeddings")
        optimizer = LazyAdam(1e-3)
        optimizer.build([table])

        def loss(outputs: tf.Tensor, targets: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
            if family == "dense":
                return LOSSES[objective](tf.matmul(outputs, table[1:-1], transpose_b=True), targets)
            if family == "chunked":
                return full_catalogue_loss(objective, outputs, table, None, targets)
            return sampled_loss(objective, outputs, table, None, targets, log_uniform(items, negatives, [7, step]))

        @tf.function
        def train(histories: tf.Tensor, targets: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                outputs = tf.reduce_mean(tf.gather(table, histories), axis=1)
                total = tf.reduce_mean(loss(outputs, targets, step))
            optimizer.minimize(total, [table], tape)
            return total

    floor = _resident()
    seconds = []
    rng = np.random.default_rng(7)
    for step in range(steps):
        histories = tf.constant(rng.integers(1, items + 1, [batch, history], np.int32))
        targets = tf.constant(rng.integers(1, items + 1, [batch, 3], np.int32))
        begin = time.perf_counter()
        value = train(histories, targets, tf.constant(step)).numpy()
        seconds.append(time.perf_counter() - begin)
        if not np.isfinite(value):
            raise ValueError(f"The loss of {kind} over {items} items is {value} in step {step}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    # The first step traces the function too.
    return {"peak": peak, "imports": imports, "floor": floor, "seconds": float(np.median(seconds[1:] or seconds))}


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
