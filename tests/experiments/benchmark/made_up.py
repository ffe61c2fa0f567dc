"""Results of a benchmark, made up for tests, with the `sequences.parquet` of each run."""

import dataclasses
import functools
import pathlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.benchmark import store
from experiments.benchmark.result import BenchmarkInfo, BenchmarkResult, summarise_benchmark
from experiments.runs.result import FINISHED, RunCost, RunResult
from experiments.runs.run import Role, Run, change_values
from model.methods import METHODS
from pipeline.config import PipelineConfig, parse_config
from schemas.evaluation import Slice
from schemas.training import TrainingHistory

USERS = 120
QUESTIONS = "training.questions"
GROUPS = ("low", "medium", "high")
TASKS = ("next_item", "period_items", "next_scene")
METRICS = tuple(f"{task}/{kind}@{k}" for task in TASKS for k in (5, 10) for kind in ("recall", "ndcg"))
_CONFIG = parse_config(
    {
        "name": "shop",
        "source": {"path": "log.csv"},
        "windows": {"cutoffs": ["2024-08-01"], "max_history": 20},
        "model": {"item_dim": 64, "scene_dim": 16, "max_length": 20},
        "training": {
            "questions": ["next"],
            "objective": "softmax",
            "seed": 7,
            "learning_rate": 0.001,
            "epochs": 9,
            "contrastive": {"weight": 0.0001},
        },
        "evaluation": {"k": [5, 10]},
    },
    "made up",
)
CONFIG: Mapping[str, Any] = _CONFIG.model_dump(mode="json")


def values(quality: float, seed: int = 7, users: int = USERS) -> dict[str, np.ndarray]:
    """Returns what was measured of each sequence: hits with about the probability `quality`, much alike for all."""
    shared, own = np.random.default_rng(1), np.random.default_rng(seed)
    found = {}
    for metric in METRICS:
        draws = 0.8 * shared.random(users) + 0.2 * own.random(users)
        found[metric] = (draws < quality).astype(np.float32)
    return found


def result(
    label: str = "DSPnet",
    seed: int = 7,
    quality: float = 0.4,
    folder: pathlib.Path | None = None,
    measured: Mapping[str, np.ndarray] | None = None,
    **changes: Any,
) -> RunResult:
    """Returns the result of a finished run.

    Args:
        label: label of the run's row; for a method, its title.
        seed: seed of the training.
        quality: probability of a hit in made-up values.
        folder: folder of the benchmark, for `sequences.parquet` in the folder of the run; None to write none.
        measured: values by metric, one a sequence, instead of made-up ones.
        **changes: attributes of the result that are otherwise.
    """
    method, role = _method_and_role(label)
    salt = zlib.crc32(f"{label} {changes.get('target')}".encode())
    run = Run(f"{method}-{changes.get('target', 'next')}-{seed}-{salt}", label, role, _config(method, seed))
    of_sequence = values(quality, 1000 * seed + salt % 1000) if measured is None else measured
    number = len(next(iter(of_sequence.values())))
    groups = np.array(GROUPS)[np.arange(number) % 3]
    metrics = {metric: _mean(column) for metric, column in of_sequence.items()}
    metrics |= {
        f"{metric}/group={group}": _mean(column[groups == group])
        for metric, column in of_sequence.items()
        for group in GROUPS
        if (groups == group).any()
    }
    made = dataclasses.replace(
        RunResult.unmeasured(run, "k" * 64, "c0de", FINISHED),
        machine={"processor": "Fast CPU", "cores": "2"},
        sequences=number,
        digest="9f3c",
        slices={
            f"group={group}": Slice(f"histories of {group} length", int((groups == group).sum())) for group in GROUPS
        },
        metrics=metrics,
        cost=_cost(seed, run.trained),
        training=_training(quality, seed) if run.trained else None,
    )
    made = dataclasses.replace(made, **changes)
    if folder is not None:
        write_sequences(run_folder(folder, made), of_sequence)
    return made


def run_folder(folder: pathlib.Path, made: RunResult) -> pathlib.Path:
    """Returns the folder of a run in that of its benchmark."""
    return pathlib.Path(store.locate_run(str(folder), made.name))


def planned(label: str, *seeds: int, target: str = "next") -> list[Run]:
    """Returns runs without a result."""
    method, role = _method_and_role(label)
    return [
        Run(
            f"{method}-{label}-{target}-{seed}",
            label,
            role,
            change_values(_config(method, seed), {QUESTIONS: [target]}),
        )
        for seed in seeds
    ]


def summarise(
    results: Sequence[RunResult],
    folder: pathlib.Path = pathlib.Path("nowhere"),
    waiting: Sequence[Run] = (),
    **info: Any,
) -> BenchmarkResult:
    """Returns what a benchmark found; `info` are attributes of its `BenchmarkInfo`."""
    return summarise_benchmark(str(folder), results, waiting, BenchmarkInfo(**{"name": "shop", **info}))


def write_sequences(folder: pathlib.Path, measured: Mapping[str, np.ndarray], users: Sequence[str] = ()) -> None:
    """Writes `sequences.parquet`, one sequence a user unless the users are named."""
    number = len(next(iter(measured.values())))
    folder.mkdir(parents=True, exist_ok=True)
    columns = {
        "user_id": list(users) or [f"{user:064x}" for user in range(number)],
        "sequence": np.arange(number, dtype=np.int64) * 7919 - 5,
        "group": [GROUPS[row % 3] for row in range(number)],
        **{metric: pa.array(column, from_pandas=True) for metric, column in measured.items()},
    }
    pq.write_table(pa.table(columns), folder / "sequences.parquet")


def unfinished(label: str, seed: int = 7, status: Any = "out_of_memory", reason: str = "", **changes: Any) -> RunResult:
    """Returns the result of a run that ran out of memory, or failed."""
    cost = RunCost(peak_memory_bytes=2**34, wall_seconds=30.0)
    unmeasured = dict.fromkeys(("sequences", "digest", "slices", "metrics", "training"))
    made = result(label, seed, **changes)
    return dataclasses.replace(made, **{**unmeasured, "cost": cost, "status": status, "reason": reason, **changes})


def benchmark(folder: pathlib.Path, seeds: Sequence[int] = (7, 8, 9)) -> list[RunResult]:
    """Returns a benchmark of all sorts: seeds, a method out of memory, a failed one, statistical ones, ablations."""
    trained = {"MSDP": 0.2, "ContraRec": 0.35, "SceneCTC": 0.4, "SceneContraRec": 0.42, "SASRec": 0.45, "DSPnet-": 0.41}
    parts = {"w/o APR, CCR": 0.43, "w/o CCR": 0.44, "w/o APR": 0.46, "w/o concat": 0.3, "MLP_layers=3": 0.47}
    parts |= {"w/o times": 0.2, "with APR": 0.5, "SASRec+": 0.46, "MSDP+": 0.3}
    found = [unfinished("BERT4Rec", seed, reason="needs 17 GiB for the logits") for seed in seeds]
    tuned = {"training.learning_rate": 0.003}
    for name, quality in {**trained, **parts, "DSPnet": 0.5}.items():
        found += [result(name, seed, quality, folder, tuned=tuned) for seed in seeds]
    found += [result("CARCA", seeds[0], 0.38, folder, tuned=tuned)]
    found += [unfinished("CARCA", seed, "failed", "ValueError: <bad> | input") for seed in seeds[1:]]
    found += [result(name, seeds[0], 0.25, folder) for name in ("popularity", "own most frequent")]
    return found


INFO = BenchmarkInfo(
    name="shop",
    command="dspnet benchmark --config configs/shop.yaml --methods all --seeds 3",
    machine={"processor": "x86-64", "cores": 2, "memory": "24 GiB", "GPU": "none"},
    versions={"dspnet": "0.1.0", "tensorflow": "2.16.2"},
    seeds=(7, 8, 9),
    trials=12,
    search_space={
        "dspnet": {
            "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "training.contrastive.weight": {"low": None, "high": None, "log": False, "choices": [1e-5, 1e-4, 1e-3]},
        },
        "sasrec": {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
    },
    memory_limit=16 * 2**30,
)


def _mean(column: np.ndarray) -> float:
    return float(np.nanmean(column, dtype=np.float64))


@functools.cache
def _config(method: str, seed: int) -> PipelineConfig:
    return change_values(_CONFIG, {"model.name": method, "training.seed": seed})


def _cost(seed: int, trained: bool) -> RunCost:
    memory = {
        "peak_memory_bytes": 2**30 + seed * 2**20,
        "training_peak_memory_bytes": 2**29 + seed * 2**20,
        "evaluation_seconds": 12.5,
        "wall_seconds": 130.0,
    }
    if not trained:
        return RunCost(training_seconds=2.0, **memory)
    return RunCost(
        training_seconds=100.0 + seed,
        epochs=6,
        best_epoch=4,
        sequences_per_second=900.0 + seed,
        parameters=1_700_000,
        **memory,
    )


def _training(quality: float, seed: int) -> TrainingHistory:
    epochs = tuple(
        {"epoch": epoch, "seconds": 20.0, "loss": 1 / epoch, "val_ndcg@10": quality * rise + seed / 1000}
        for epoch, rise in enumerate((0.3, 0.45, 0.52, 0.55, 0.54, 0.53), start=1)
    )
    return TrainingHistory(epochs, best_epoch=4, monitor="val_ndcg@10", parameters=1_700_000)


def _method_and_role(label: str) -> tuple[str, Role]:
    plain = label.removesuffix("+")
    method = next((method.name for method in METHODS.values() if method.title == plain), "dspnet")
    roles: Mapping[str, Role] = {"DSPnet": "dspnet", "DSPnet-": "ablation"}
    if plain != label:
        return method, "equal_heads"
    return method, roles.get(label, "baseline" if METHODS[method].title == label else "ablation")


PLANNED = planned("w/o MLP", 7, 8, 9)
