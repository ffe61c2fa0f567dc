"""Results of a benchmark, made up for tests: `result.json` contents with the `sequences.parquet` of each cell."""

import dataclasses
import functools
import pathlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.runs.result import FINISHED, RunCost, RunResult
from experiments.runs.run import Run, with_values
from model.methods import METHODS
from pipeline.config import PipelineConfig, parse_config

USERS = 120
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
            "target": "next",
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
) -> dict[str, Any]:
    """Returns a finished cell.

    Args:
        label: of its row; of a method, its title.
        seed: of the training.
        quality: of the made-up values.
        folder: where to write `sequences.parquet`, in a folder of the cell; None for nowhere.
        measured: values by metric, one a sequence, instead of made-up ones.
        **changes: keys of the result that are otherwise.
    """
    method = next((method.name for method in METHODS.values() if method.title == label), "dspnet")
    roles: Mapping[str, Any] = {"DSPnet": "dspnet", "DSPnet-": "ablation"}
    role = roles.get(label, "baseline" if METHODS[method].title == label else "ablation")
    salt = zlib.crc32(f"{label} {changes.get('target')}".encode())
    cell = Run(f"{method}-{seed}-{salt}", label, role, _config(method, seed))
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
    made = {
        **RunResult.unmeasured(cell, "k" * 64, "c0de", FINISHED).to_json(),
        "machine": {"processor": "Fast CPU", "cores": "2"},
        "sequences": number,
        "digest": "9f3c",
        "slices": {
            f"group={group}": {"title": f"histories of {group} length", "sequences": int((groups == group).sum())}
            for group in GROUPS
        },
        "metrics": metrics,
        "cost": _cost(seed, cell.learned),
        "training": _training(quality, seed) if cell.learned else {},
        **changes,
    }
    if folder is not None:
        made["folder"] = str(folder / f"{made['name']}-{made['target']}")
        write_sequences(pathlib.Path(made["folder"]), of_sequence)
    return made


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


def unfinished(label: str, seed: int = 7, status: str = "out_of_memory", reason: str = "", **changes: Any) -> dict:
    """Returns a cell that ran out of memory, or failed."""
    found = result(label, seed, **changes)
    cost = dataclasses.asdict(RunCost(peak_memory_bytes=2**34, wall_seconds=30.0))
    unmeasured = dict.fromkeys(("sequences", "digest", "slices", "metrics", "training"))
    return {**found, **unmeasured, "cost": cost, "status": status, "reason": reason}


def benchmark(folder: pathlib.Path, seeds: Sequence[int] = (7, 8, 9)) -> list[dict[str, Any]]:
    """Returns a benchmark of all sorts: three seeds, one out of memory, one failed, counted methods and ablations."""
    learned = {"MSDP": 0.2, "ContraRec": 0.35, "SceneCTC": 0.4, "SceneContraRec": 0.42, "SASRec": 0.45, "DSPnet-": 0.41}
    parts = {"w/o APR, CCR": 0.43, "w/o CCR": 0.44, "w/o APR": 0.46, "w/o concat": 0.3, "MLP_layers=3": 0.47}
    found = [unfinished("BERT4Rec", seed, reason="needs 17 GiB for the logits") for seed in seeds]
    tuned = {"training.learning_rate": 0.003}
    for name, quality in {**learned, **parts, "DSPnet": 0.5}.items():
        found += [result(name, seed, quality, folder, tuned=tuned) for seed in seeds]
    found += [result("CARCA", seeds[0], 0.38, folder, tuned=tuned)]
    found += [unfinished("CARCA", seed, "failed", "ValueError: <bad> | input") for seed in seeds[1:]]
    found += [result(name, seeds[0], 0.25, folder) for name in ("popularity", "own most frequent")]
    return found


INFO: Mapping[str, Any] = {
    "name": "shop",
    "command": "dspnet benchmark --config configs/shop.yaml --methods all --seeds 3",
    "machine": {"processor": "x86-64", "cores": 2, "memory": "24 GiB", "GPU": "none"},
    "seeds": [7, 8, 9],
    "trials": 12,
    "search_space": {
        "dspnet": {
            "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "training.contrastive.weight": {"low": None, "high": None, "log": False, "choices": [1e-5, 1e-4, 1e-3]},
        },
        "sasrec": {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
    },
    "planned": [{"label": "w/o MLP", "seed": seed, "target": "next"} for seed in (7, 8, 9)],
    "memory_limit": 16 * 2**30,
}


def _mean(column: np.ndarray) -> float:
    return float(np.nanmean(column, dtype=np.float64))


@functools.cache
def _config(method: str, seed: int) -> PipelineConfig:
    return with_values(_CONFIG, {"model.name": method, "training.seed": seed})


def _cost(seed: int, learned: bool) -> dict[str, Any]:
    of_training = {
        "training_seconds": 100.0 + seed,
        "epochs": 6,
        "best_epoch": 4,
        "sequences_per_second": 900.0 + seed,
        "parameters": 1_700_000,
    }
    found = {
        **(of_training if learned else {"training_seconds": 2.0}),
        "peak_memory_bytes": 2**30 + seed * 2**20,
        "training_peak_memory_bytes": 2**29 + seed * 2**20,
        "evaluation_seconds": 12.5,
        "wall_seconds": 130.0,
    }
    return dataclasses.asdict(RunCost.from_json(found))


def _training(quality: float, seed: int) -> dict[str, Any]:
    epochs = [
        {"epoch": epoch, "seconds": 20.0, "loss": 1 / epoch, "val_next_item_ndcg@10": quality * rise + seed / 1000}
        for epoch, rise in enumerate((0.3, 0.45, 0.52, 0.55, 0.54, 0.53), start=1)
    ]
    return {"epochs": epochs, "best_epoch": 4, "monitor": "val_next_item_ndcg@10", "parameters": 1_700_000}
