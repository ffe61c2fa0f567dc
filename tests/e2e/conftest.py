"""Runs of the whole pipeline on a small planted log, as a user starts them, shared by all tests of this folder.

Each is a process that spends most of its time on one core, importing; so those that do not need each other run side by
side, while tests look at what has ended.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
RUNNER = ROOT / "pipeline" / "local_runner.py"
PUSHED = "runs/planted/serving_model/planted"
LEFT = "after_the_first_run"
LEFT_SECOND = "after_the_second_run"
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
    command = [sys.executable, "-m", "cli.main", *arguments]
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
        "model": {"item_dim": 16, "scene_dim": 8, "max_length": 4, "layers": 1, "dropout": 0.0, "head_dropout": 0.0},
        "training": {
            "objective": "softmax",
            "batch_size": 32,
            "epochs": 4,
            "learning_rate": 0.01,
            # Of the eighty steps of this run.
            "average_decay": 0.9,
            "event_mask": 0.0,
        },
        "evaluation": {"k": [1, 10], "thresholds": {"next_item/recall@1": 0.9}},
        "beam": {"partitions": 2},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture(scope="session")
def running(folder, request):
    """Futures of the processes that collected tests ask for, by the fixture that gives their result."""
    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    pool = concurrent.futures.ThreadPoolExecutor(2)
    futures = {}

    def start(name, command, after=()):
        # The queue is first in, first out, and a process waits for earlier ones alone: no deadlock.
        if name in asked:
            before = [futures[other] for other in after]
            futures[name] = pool.submit(_run_after, before, command)

    start("first", lambda: _kept(folder, LEFT))
    start("broken", lambda: _broken(folder))
    start("untested", lambda: _untested(folder))
    start("proposed", lambda: _proposed(folder))
    start("second", lambda: _kept(folder, LEFT_SECOND), after=["first"])
    start("registered", lambda: _tfx(folder, "pipeline", "create", "--pipeline_path", str(RUNNER)), after=["first"])
    start("run_by_tfx", lambda: _tfx(folder, "run", "create", "--pipeline_name", "planted"), ["registered", "second"])
    start("everybody", lambda: _everybody(folder), after=["first"])
    yield futures
    pool.shutdown(cancel_futures=True)


def _run_after(before, command):
    for future in before:
        _succeeded(future.result())
    return command()


def _pipeline(folder, *overrides):
    return run_dspnet("run", "--config", "config.yaml", *overrides, cwd=folder)


def _kept(folder, place):
    """Runs the pipeline and copies what it leaves, before the next run writes there, too."""
    run = _pipeline(folder)
    if run.returncode == 0:
        shutil.copytree(folder / "runs" / "planted", folder / place / "runs" / "planted")
    return run


def _broken(folder):
    return _pipeline(folder, "--set", "name=broken", "--set", "source.columns.item_id=product")


def _untested(folder):
    return _pipeline(folder, "--set", "name=untested", "--set", "split.weights={train: 9, val: 1, test: 0}")


def _proposed(folder):
    """Runs what `dspnet init` proposes for the log, in a folder of its own, for one epoch instead of twenty."""
    _succeeded(run_dspnet("init", "log.csv", "--out", "proposed.yaml", cwd=folder))
    options = ("--set", "name=proposed", "--set", "training.epochs=1", "--set", "demo=true")
    return run_dspnet("run", "--config", "proposed.yaml", *options, cwd=folder)


def _tfx(folder, group, command, *arguments):
    shell = {**environment(), "HOME": str(folder), "DSPNET_CONFIG": str(folder / "config.yaml")}
    tfx = ["tfx", group, command, "--engine", "local", *arguments]
    return subprocess.run(tfx, cwd=folder, env=shell, capture_output=True, text=True)


def _everybody(folder):
    asked = ["--model", f"{LEFT}/{PUSHED}", "--as-of", "1970-01-11", "--top", "3"]
    return run_dspnet("batch-recommend", "--config", "config.yaml", "--out", "everybody", *asked, cwd=folder)


def _succeeded(run):
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="session")
def first(running):
    """What the first run of the pipeline printed."""
    return _succeeded(running["first"].result())


@pytest.fixture(scope="session")
def left(first, folder):
    """The folder as the first run left it: later runs empty its log, measure and push again."""
    return folder / LEFT


@pytest.fixture(scope="session")
def second(first, running):
    """What the same command printed when it was given again."""
    return _succeeded(running["second"].result())


@pytest.fixture(scope="session")
def broken(running):
    """A run whose first step fails, beside the first one: the log has no column `product`."""
    return running["broken"].result()


@pytest.fixture(scope="session")
def untested(running):
    """A run whose log is read, but leaves nothing to test on."""
    return running["untested"].result()


@pytest.fixture(scope="session")
def proposed(running):
    """A run of the configuration that `dspnet init` proposes."""
    return running["proposed"].result()


@pytest.fixture(scope="session")
def registered(first, running):
    """What `tfx pipeline create` printed."""
    return _succeeded(running["registered"].result())


@pytest.fixture(scope="session")
def run_by_tfx(registered, second, running):
    """What `tfx run create` printed, once the first and the second run had ended."""
    return _succeeded(running["run_by_tfx"].result())


@pytest.fixture(scope="session")
def everybody(first, running, folder):
    """The folder that `dspnet batch-recommend` wrote, for the whole log."""
    _succeeded(running["everybody"].result())
    return folder / "everybody"
