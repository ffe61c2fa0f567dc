"""One run of the whole pipeline on a small planted log, as a user runs it, shared by all tests of this folder."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
DAY = 86_400
ITEMS, SCENES, USERS = 12, 3, 400


def _write_log(path: pathlib.Path) -> None:
    """Each user walks through items and scenes in order, an event a day; one row in 2,000 is bad."""
    rng = np.random.RandomState(0)
    rows = ["user_id,item_id,scene_id,timestamp"]
    for user in range(USERS):
        item, scene, start = rng.randint(ITEMS), rng.randint(SCENES), rng.randint(4)
        for day in range(start, 14):
            rows.append(f"user{user},item{(item + day) % ITEMS},scene{(scene + day) % SCENES},{1_000 + day * DAY}")
    rows.append("user0,item1,,5000")
    path.write_text("\n".join(rows) + "\n")


def run_dspnet(*arguments, cwd):
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True)


def environment():
    """A shell in which `dspnet` is installed, and no salt is set."""
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    result = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    result.pop("DSPNET_SALT", None)
    return result


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("e2e")
    _write_log(folder / "log.csv")
    config = {
        "name": "planted",
        "demo": True,
        "source": {"path": "log.csv"},
        "windows": {"cutoffs": ["1970-01-09", "1970-01-11"]},
        "model": {"item_dim": 16, "scene_dim": 8, "max_length": 4, "layers": 1, "dropout": 0.0},
        "training": {
            "objective": "softmax",
            "target": "next",
            "batch_size": 32,
            "epochs": 8,
            "learning_rate": 0.01,
        },
        "evaluation": {"k": [1, 10], "thresholds": {"next_item/recall@1": 0.9}},
        "beam": {"partitions": 2},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture(scope="session")
def first(folder):
    run = run_dspnet("run", "--config", "config.yaml", cwd=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
