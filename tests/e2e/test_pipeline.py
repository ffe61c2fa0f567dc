"""What a user sees of runs of the pipeline."""

import json
import re
import shlex

import pytest

from tests.e2e.conftest import LEFT_SECOND, PUSHED, run_dspnet

pytestmark = pytest.mark.slow


def test_shows_each_step_the_table_and_where_the_model_went(first, left):
    steps = (
        "SequenceExampleGen",
        "StatisticsGen",
        "StrictExampleValidator",
        "Catalogue",
        "Trainer",
        "Pusher",
        "Report",
    )
    for step in steps:
        assert re.search(rf"\[\d+/11\] {step} … .*\d s", first), step
    loaded = r"\[\d+/11\] InfraValidator … \n  loaded in .* answered \d+ requests of the test split, .* ms each"
    assert re.search(loaded, first), first
    assert "next item" in first and "own most frequent" in first and "Blessed" in first
    (version,) = (left / PUSHED).iterdir()
    assert version.name in first and (version / "saved_model.pb").exists()


def test_learns_the_pattern(left):
    (file,) = (left / "runs/planted/artifacts").rglob("evaluation.json")
    values = json.loads(file.read_text())["models"]["DSPnet"]["metrics"]
    assert all(values[f"{task}/recall@1"]["value"] > 0.9 for task in ("next_item", "next_scene"))


def test_the_last_line_names_the_report(first, left):
    page = left / first.splitlines()[-1].removeprefix("Report: ")
    assert page.name == "report.html" and page.stat().st_size > 1000
    facts = json.loads((page.parent / "report.json").read_text())
    (evaluation,) = (left / "runs/planted/artifacts").rglob("evaluation.json")
    assert facts["evaluation"] == json.loads(evaluation.read_text())
    rows = {row["split"]: row for row in facts["data"]["table3"]}
    assert rows["all"]["sequences"] == sum(rows[split]["sequences"] for split in ("train", "val", "test")) > 400
    assert [epoch["epoch"] for epoch in facts["training"]["epochs"]][0] == 1 and len(facts["examples"]) == 10


def test_no_raw_user_id_is_written_anywhere(left):
    import tensorflow as tf

    for path in (left / "runs").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if path.suffix == ".gz":
                data = b"".join(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator())
            assert not re.search(rb"user\d", data), path


def test_the_printed_line_gets_recommendations(first, left):
    (line,) = [line.strip() for line in first.splitlines() if "recommend --model" in line]
    arguments = shlex.split(line)[1:]
    arguments[arguments.index("--history") + 1] = "item3:scene1,item4:scene2"
    answer = run_dspnet(*arguments, cwd=left)
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"1\s+item5\b.*\bscene0", answer.stdout), answer.stdout


def test_a_second_run_answers_from_the_cache(second):
    for step in ("SequenceExampleGen", "StatisticsGen", "Catalogue", "Trainer", "InfraValidator"):
        assert re.search(rf"{step} … cached", second), second
    assert "next item" in second


def test_a_second_run_pushes_the_same_model_no_second_time(second, left, folder):
    """Its own model is the one to beat then, so the evaluation and what follows it are not those of the first run."""
    (version,) = (folder / LEFT_SECOND / PUSHED).iterdir()
    assert [version.name] == [path.name for path in (left / PUSHED).iterdir()]
    assert f"already pushed as version {version.name}" in second
    assert f"The model was pushed to {PUSHED}/{version.name}" in second


def test_a_failing_step_is_named_with_its_reason(broken):
    assert broken.returncode == 1
    assert "SequenceExampleGen failed" in broken.stderr and "product" in broken.stderr
    assert "Traceback" not in broken.stderr and "run.log" in broken.stderr


def test_a_run_without_a_test_split_stops_right_after_the_ingest(untested):
    assert untested.returncode == 1
    assert "SequenceExampleGen failed: The test split has 0 sequences" in untested.stderr
    assert "SequenceExampleGen … failed" in untested.stdout and "[3/11]" not in untested.stdout


def test_what_init_proposes_runs_to_its_end(proposed):
    assert proposed.returncode == 0, proposed.stderr
    assert "400 train, 400 val, 400 test" in proposed.stdout and "Report: runs/proposed/" in proposed.stdout
