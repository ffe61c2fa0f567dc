"""The whole pipeline on a small planted log, once, as a user runs it; every test here looks at that run."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import yaml

pytestmark = pytest.mark.slow

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


def _dspnet(*arguments, cwd):
    environment = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("DSPNET_SALT", None)
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def first(folder):
    run = _dspnet("run", "--config", "config.yaml", cwd=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_shows_each_step_the_table_and_where_the_model_went(first, folder):
    for step in ("SequenceExampleGen", "StatisticsGen", "StrictExampleValidator", "Catalogue", "Trainer", "Pusher"):
        assert re.search(rf"\[\d+/10\] {step} … .*\d s", first), step
    loaded = r"\[\d+/10\] InfraValidator … \n  loaded in .* answered \d+ requests of the test split, .* ms each"
    assert re.search(loaded, first), first
    assert "next item" in first and "own most frequent" in first and "Blessed" in first
    (version,) = (folder / "runs/planted/serving_model/planted").iterdir()
    assert version.name in first and (version / "saved_model.pb").exists()


def test_learns_the_pattern(first, folder):
    (file,) = (folder / "runs/planted/artifacts").rglob("evaluation.json")
    values = json.loads(file.read_text())["models"]["DSPnet"]["metrics"]
    assert values["next_item/recall@1"] > 0.9 and values["next_scene/recall@1"] > 0.9


def test_no_raw_user_id_is_written_anywhere(first, folder):
    import tensorflow as tf

    for path in (folder / "runs").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if path.suffix == ".gz":
                data = b"".join(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator())
            assert not re.search(rb"user\d", data), path


def test_the_printed_line_gets_recommendations(first, folder):
    (line,) = [line.strip() for line in first.splitlines() if "recommend --model" in line]
    arguments = shlex.split(line)[1:]
    arguments[arguments.index("--history") + 1] = "item3:scene1,item4:scene2"
    answer = _dspnet(*arguments, cwd=folder)
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"1\s+item5\b.*\bscene0", answer.stdout), answer.stdout


def test_a_second_run_answers_from_the_cache(first, folder):
    run = _dspnet("run", "--config", "config.yaml", cwd=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    for step in ("SequenceExampleGen", "StatisticsGen", "Catalogue", "Trainer", "InfraValidator"):
        assert re.search(rf"{step} … cached", run.stdout), run.stdout
    assert "next item" in run.stdout


def test_a_failing_step_is_named_with_its_reason(first, folder):
    override = "source.columns.item_id=product"
    run = _dspnet("run", "--config", "config.yaml", "--set", override, "--set", "name=broken", cwd=folder)
    assert run.returncode == 1
    assert "SequenceExampleGen failed" in run.stderr and "product" in run.stderr
    assert "Traceback" not in run.stderr and "run.log" in run.stderr


def test_the_tfx_command_runs_the_same_pipeline(first, folder):
    environment = {
        **os.environ,
        "HOME": str(folder),
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
        "DSPNET_CONFIG": str(folder / "config.yaml"),
    }
    runner = str(ROOT / "pipeline" / "local_runner.py")
    for arguments in (
        ["pipeline", "create", "--engine", "local", "--pipeline_path", runner],
        ["run", "create", "--engine", "local", "--pipeline_name", "planted"],
    ):
        done = subprocess.run(["tfx", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Trainer … cached", done.stdout), done.stdout
    assert "next item" in done.stdout and "Blessed" in done.stdout
