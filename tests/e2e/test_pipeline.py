"""What a user sees of runs of the pipeline."""

import json
import re
import shlex
import subprocess

import pytest

from tests.e2e.conftest import ROOT, environment, run_dspnet

pytestmark = pytest.mark.slow


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
    answer = run_dspnet(*arguments, cwd=folder)
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"1\s+item5\b.*\bscene0", answer.stdout), answer.stdout


def test_a_second_run_answers_from_the_cache(first, folder):
    run = run_dspnet("run", "--config", "config.yaml", cwd=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    for step in ("SequenceExampleGen", "StatisticsGen", "Catalogue", "Trainer", "InfraValidator"):
        assert re.search(rf"{step} … cached", run.stdout), run.stdout
    assert "next item" in run.stdout


def test_a_failing_step_is_named_with_its_reason(first, folder):
    override = "source.columns.item_id=product"
    run = run_dspnet("run", "--config", "config.yaml", "--set", override, "--set", "name=broken", cwd=folder)
    assert run.returncode == 1
    assert "SequenceExampleGen failed" in run.stderr and "product" in run.stderr
    assert "Traceback" not in run.stderr and "run.log" in run.stderr


def test_the_tfx_command_runs_the_same_pipeline(first, folder):
    shell = {**environment(), "HOME": str(folder), "DSPNET_CONFIG": str(folder / "config.yaml")}
    runner = str(ROOT / "pipeline" / "local_runner.py")
    for arguments in (
        ["pipeline", "create", "--engine", "local", "--pipeline_path", runner],
        ["run", "create", "--engine", "local", "--pipeline_name", "planted"],
    ):
        done = subprocess.run(["tfx", *arguments], cwd=folder, env=shell, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Trainer … cached", done.stdout), done.stdout
    assert "next item" in done.stdout and "Blessed" in done.stdout
