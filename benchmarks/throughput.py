"""Training speed with each term of Eq. 9 off and on, in sequences a second, against the bare network.

python -m benchmarks.throughput --config configs/complete_journey.yaml --items 62676 --scenes 96

Random histories of full length stand in for data, so that only the training step is timed. The variants take
turns, so that what else the machine does falls on all of them alike.
"""

import argparse
import os
import statistics
import time

VARIANTS = {
    "w/o APR, CCR": ("training.adversarial.weight=0", "training.contrastive.weight=0"),
    "with APR": ("training.contrastive.weight=0",),
    "with CCR": ("training.adversarial.weight=0",),
    "DSPnet": (),
    "w/o scenes' loss": ("training.scene_weight=0", "training.adversarial.weight=0", "training.contrastive.weight=0"),
    "log-uniform negatives": (
        "training.candidates.sampling=log_uniform",
        "training.adversarial.weight=0",
        "training.contrastive.weight=0",
    ),
}
FLOOR = "w/o APR, CCR"
FUTURE = 3


def main() -> None:
    """Times the variants and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `dspnet run`")
    parser.add_argument("--items", type=int, default=62_676)
    parser.add_argument("--scenes", type=int, default=96)
    parser.add_argument("--steps", type=int, default=10, help="timed steps a turn")
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import numpy as np
    import tensorflow as tf
    import tf_keras

    from benchmarks.served_model import even_counts
    from model.networks.base import build_network
    from model.training.recommender import build_recommender
    from pipeline.config import load_config

    base = load_config(args.config, args.set)
    batch, time_steps = base.training.batch_size, base.model.max_length
    rng = np.random.default_rng(base.training.seed)

    def indices(size: int, length: int) -> tf.Tensor:
        return tf.constant(rng.integers(1, size + 1, [batch, length], np.int32))

    data = {
        "history_items": indices(args.items, time_steps),
        "history_scenes": indices(args.scenes, time_steps),
        "next_item": indices(args.items, 1),
        "next_scene": indices(args.scenes, 1),
        "future_items": indices(args.items, FUTURE),
        "future_scenes": indices(args.scenes, FUTURE),
    }
    counts = even_counts(args.items, args.scenes)
    steps = {}
    for name, overrides in VARIANTS.items():
        tf_keras.utils.set_random_seed(base.training.seed)
        config = load_config(args.config, (*args.set, *overrides))
        network = build_network(config.model, counts, config.training)
        model = build_recommender(network, config.training, batch, counts)
        steps[name] = tf.function(model.train_step)
        steps[name](data)  # traces
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(args.turns):
        for name, step in steps.items():
            begin = time.perf_counter()
            for _ in range(args.steps):
                loss = step(data)["loss"]
            float(loss)
            seconds[name].append((time.perf_counter() - begin) / args.steps)

    floor = statistics.median(seconds[FLOOR])
    print(f"{args.config}: batch {batch}, length {time_steps}, {args.items:,} items, {args.scenes} scenes")
    print("| | sequences/s: median | lowest | highest | step, ms | time / bare |\n|---|---|---|---|---|---|")
    for name, found in seconds.items():
        median = statistics.median(found)
        speeds = " | ".join(f"{batch / value:,.0f}" for value in (median, max(found), min(found)))
        print(f"| {name} | {speeds} | {median * 1000:.0f} | {median / floor:.2f} |")


if __name__ == "__main__":
    main()
