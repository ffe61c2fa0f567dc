"""The ablations of Tables 1 and 2 of the paper: each switch on one data set, with one command.

python -m benchmarks.ablation --config configs/complete_journey.yaml
python -m benchmarks.ablation --config configs/globo_news.yaml --set source.path=/path/to/globo_news.csv.gz

Every row is a whole run of the pipeline, whose ingest is cached; so are rows that were measured before.
"""

import argparse
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence

VARIANTS: dict[str, tuple[str, ...]] = {
    "DSPnet": (),
    "w/o APR": ("training.adversarial.weight=0",),
    "w/o CCR": ("training.contrastive.weight=0",),
    "w/o APR, CCR": ("training.adversarial.weight=0", "training.contrastive.weight=0"),
    "w/o concat": ("model.interplay=false",),
    "w/o MLP": ("model.fusion_layers=0",),
    "MLP_layers=1": ("model.fusion_layers=1",),
    "MLP_layers=3": ("model.fusion_layers=3",),
    "DSPnet-": ("model.encoding=pair",),
}
METRICS = {
    "next R@5": "next_item/recall@5",
    "N@5": "next_item/ndcg@5",
    "R@10": "next_item/recall@10",
    "N@10": "next_item/ndcg@10",
    "period R@10": "period_items/recall@10",
    "period N@10": "period_items/ndcg@10",
    "scene R@5": "next_scene/recall@5",
    "scene N@5": "next_scene/ndcg@5",
}
# A row is a measurement, not a candidate for serving: nothing is refused.
ALWAYS = ("evaluation.thresholds={}", "evaluation.max_drop={}")


def main() -> None:
    """Runs the variants and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `dspnet run`")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7], help="a run for each; the table has their means")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    rows = []
    for name in args.only:
        runs = []
        for seed in args.seeds:
            overrides = (*args.set, *ALWAYS, *VARIANTS[name], f"training.seed={seed}")
            with context.Pool(1) as pool:  # a fresh process: seeds and memory of one run do not reach the next
                runs.append(pool.apply(measure, (args.config, overrides)))
        rows.append((name, runs))
        print("\n".join(table(rows)), flush=True)


def measure(config_file: str, overrides: Sequence[str]) -> dict[str, float]:
    """Runs the pipeline; returns its metrics, and the seconds of the Trainer (0 when it was cached)."""
    from pipeline.config import load_config
    from pipeline.local_runner import run

    config = load_config(config_file, overrides)
    result = run(config)
    assert result is not None, "only the tfx command runs without a result"
    with open(os.path.join(config.workdir, config.name, "last_run.json"), encoding="utf-8") as file:
        steps = {step["name"]: step for step in json.load(file)["steps"]}
    return {**result.metrics["DSPnet"], "seconds": steps["Trainer"]["seconds"]}


def table(rows: Sequence[tuple[str, Sequence[dict[str, float]]]]) -> Iterator[str]:
    """Yields the lines of a Markdown table of mean metrics."""
    yield "| | " + " | ".join(METRICS) + " | training, s |"
    yield "|---" * (len(METRICS) + 2) + "|"
    for name, runs in rows:
        values = [sum(run[metric] for run in runs) / len(runs) for metric in METRICS.values()]
        timed = [run["seconds"] for run in runs if run["seconds"] > 1]
        seconds = sum(timed) / max(len(timed), 1)
        figures = " | ".join(f"{value:.4f}".removeprefix("0") for value in values)
        yield f"| {name} | {figures} | {f'{seconds:.0f}' if seconds else 'cached'} |"


if __name__ == "__main__":
    main()
