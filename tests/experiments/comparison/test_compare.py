import json
import pathlib
import shutil

import numpy as np
import pytest

from experiments.comparison.checks import check_same_test, compare_configs
from experiments.comparison.compare import compare, make_default_names
from experiments.comparison.runs import read_run
from pipeline.run_metadata import REPORT_TYPE
from schemas.errors import UserError
from tests.experiments.comparison.evaluations import FAILED, METRICS, Pipeline, columns, write_evaluation

FIRST, SECOND, THIRD = (f"2026-11-2{day}T17:13:21.957684+00:00" for day in (5, 6, 7))


@pytest.fixture
def here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shop(here: pathlib.Path) -> Pipeline:
    """A pipeline with three runs, of which the last did not finish."""
    pipeline = Pipeline(here / "runs" / "shop")
    pipeline.evaluated(FIRST)
    pipeline.evaluated(SECOND, values=columns(seed=8, better=0.5))
    pipeline.run(THIRD, {}, [FAILED])
    return pipeline


def refused(*runs: str, html: str = "comparison.html", names: list[str] | None = None) -> str:
    with pytest.raises(UserError) as error:
        compare(runs, names, html)
    assert not pathlib.Path(html).is_file(), "a refused comparison writes no page"
    return str(error.value)


def test_the_latest_finished_run_and_an_older_one(shop: Pipeline) -> None:
    assert read_run("runs/shop").run_id == SECOND
    assert read_run("runs/shop/").run_id == SECOND
    assert read_run(f"runs/shop@{FIRST}").run_id == FIRST
    assert read_run("runs/shop@2026-11-25").run_id == FIRST, "the beginning of an id will do"


def test_an_evaluation_folder_and_a_folder_with_an_at(here: pathlib.Path) -> None:
    run = read_run(str(write_evaluation(here / "a@b")))
    assert (run.name, run.run_id, run.digest, len(run.measured.users)) == ("shop", None, "9f3c", 60)


def test_null_and_nan_are_not_measured(here: pathlib.Path) -> None:
    measured = read_run(str(write_evaluation(here / "a"))).measured
    assert np.isnan(measured.metrics["next_unseen_item/recall@10"]).sum() == 15
    assert measured.users[3] == f"{3:064x}".encode() and measured.groups[4] == "medium"
    assert measured.sequences.dtype == np.int64 and measured.metrics[METRICS[0]].dtype == np.float32


def test_a_pipeline_that_was_moved(shop: Pipeline, here: pathlib.Path) -> None:
    shutil.move(here / "runs", here / "elsewhere")
    assert read_run("elsewhere/shop").folder.startswith(("elsewhere/shop/artifacts/", str(here / "elsewhere")))


def test_a_copy_is_read_where_it_is(shop: Pipeline, here: pathlib.Path) -> None:
    """A new run may have put an artifact of the same number where the copied one was."""
    shutil.copytree(here / "runs", here / "backup")
    assert read_run("backup/shop").folder.startswith(("backup/shop/artifacts/", str(here / "backup")))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("runs/shop@2026-12", ["there is no run '2026-12'", FIRST, SECOND, f"{THIRD}  (did not come to its eval"]),
        ("runs/shop@2026", ["3 runs begin with '2026'", FIRST]),
        (f"runs/shop@{THIRD}", [f"run {THIRD} has no evaluation", FIRST]),
        ("runs", ["expected the folder of a pipeline", "Pipelines below it: runs/shop"]),
        ("nowhere", ["'nowhere'", "there is no such folder"]),
        ("nowhere@2026", ["'nowhere@2026'", "there is no such folder"]),
    ],
)
def test_a_run_that_is_not_there(run: str, said: list[str], shop: Pipeline) -> None:
    message = refused("runs/shop", run)
    assert all(text in message for text in said), message


def test_no_run_has_finished(here: pathlib.Path) -> None:
    Pipeline(here / "shop").run(FIRST, {}, [FAILED])
    Pipeline(here / "new")
    assert "shop: no run has finished yet. The runs there" in refused("shop", "shop")
    assert "new: no run has finished yet. There are no runs there." in refused("new", "shop")


def test_a_run_that_failed_after_its_evaluation_is_taken_only_by_name(shop: Pipeline) -> None:
    shop.evaluated("2026-11-28", [FAILED])
    assert read_run("runs/shop").run_id == SECOND
    assert read_run("runs/shop@2026-11-28").run_id == "2026-11-28"


def test_metadata_that_is_none(here: pathlib.Path) -> None:
    (here / "metadata.db").write_text("none")
    assert "metadata.db: expected the metadata that `dspnet run` keeps" in refused(".", ".")


def test_better_and_worse_in_words(shop: Pipeline) -> None:
    text = compare(["runs/shop@2026-11-25", "runs/shop"], ["plain", "dual"], "comparison.html")
    lines = [line.strip() for line in text.splitlines()]
    assert lines[-1] == "Comparison: comparison.html"
    assert any(line.startswith("dual is better than plain on next item Recall@10: +0.") for line in lines)
    assert "16 comparisons were made" in text and "60 test sequences, one a user" in text
    row = next(line for line in lines if "Recall@10" in line and "%" in line)
    own, its = (read_run(run).measured.metrics[METRICS[2]] for run in ("runs/shop@2026-11-25", "runs/shop"))
    assert row.split()[1:4] == [f"{own.mean():.4f}", f"{its.mean():.4f}", f"{its.mean() - own.mean():+.4f}*"]
    assert "low: histories of low length" in text
    back = compare(["runs/shop", "runs/shop@2026-11-25"], ["dual", "plain"], "comparison.html")
    assert "plain is worse than dual on next item Recall@10: -0." in back


def test_three_runs(shop: Pipeline, here: pathlib.Path) -> None:
    write_evaluation(here / "third", columns(seed=3, better=0.01), name="third")
    text = compare(["runs/shop@2026-11-25", "runs/shop", "third"], None, "comparison.html")
    assert [line for line in text.splitlines() if line.endswith((" - A", ": " * 9))] == ["B - A", "C - A"]
    assert "32 comparisons were made" in text
    assert "third" in text and "No difference between third and shop@2026-11-25T17:13:21" in text


def test_the_same_run_twice(shop: Pipeline) -> None:
    text = compare(["runs/shop", "runs/shop"], None, "comparison.html")
    assert "shop@2026-11-26T17:13:21 (2) and shop@2026-11-26T17:13:21 are identical" in text
    assert "nan" not in text.lower()
    assert "nan" not in pathlib.Path("comparison.html").read_text().lower().replace("finance", "")


def test_names(shop: Pipeline, here: pathlib.Path) -> None:
    write_evaluation(here / "x", name="other")
    runs = [read_run(run) for run in ("runs/shop", "runs/shop@2026-11-25", "x")]
    assert make_default_names(runs) == ["shop@2026-11-26T17:13:21", "shop@2026-11-25T17:13:21", "other"]
    assert make_default_names(runs[1:]) == ["shop", "other"]
    assert make_default_names([runs[2]] * 2) == ["other@x", "other@x (2)"]
    beside = read_run(str(write_evaluation(here / "y" / "z", name="other")) + "/")
    assert make_default_names([runs[2], beside]) == ["other@x", "other@z"]
    below = read_run(str(write_evaluation(here / "y" / "x", name="other")))
    assert make_default_names([runs[2], below]) == ["other@x", "other@y/x"]
    shop.evaluated(SECOND.replace("957", "958"))
    assert make_default_names([runs[0], read_run("runs/shop")]) == [
        f"shop@{SECOND}",
        f"shop@{SECOND.replace('957', '958')}",
    ]


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", ""], ["a", "b", "c"]])
def test_wrong_names(names: list[str], here: pathlib.Path) -> None:
    folder = str(write_evaluation(here / "a"))
    assert "--names: expected 2 different names" in refused(folder, folder, names=names)


def test_one_run_is_no_comparison(here: pathlib.Path) -> None:
    assert "at least two runs. Received: 1" in refused(str(write_evaluation(here / "a")))


@pytest.mark.parametrize("html", ["nowhere/comparison.html", "a"])
def test_a_page_that_cannot_be_written(html: str, here: pathlib.Path) -> None:
    folder = str(write_evaluation(here / "a"))
    assert "--html: expected a file in a folder that exists" in refused(folder, folder, html=html)


def other_test(kind: str) -> dict:
    values = columns()
    if kind == "futures":
        values["sequence"] = values["sequence"] + 1
    elif kind == "some futures":
        values["sequence"] = values["sequence"] + (np.arange(60) % 2)
    elif kind == "salt":
        values["user_id"] = [f"{user:064x}" for user in range(100, 160)]
        values["sequence"] = values["sequence"] + 1
    elif kind == "fewer":
        values = {name: column[:50] for name, column in values.items()}
    return values


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("futures", ["in both: 0 sequences and 60 users", "The users are the same, but none has the same future"]),
        (
            "some futures",
            ["in both: 30 sequences and 60 users", "The users are the same, but some have another future"],
        ),
        ("salt", ["in both: 0 sequences and 0 users", "No user is in both: the salts (DSPNET_SALT)"]),
        ("fewer", ["b: 50 sequences of 50 users", "in both: 50 sequences and 50 users", "Some users are in one only"]),
        ("none", ["in both: 60 sequences and 60 users", "The sequences are the same, so the files"]),
    ],
)
def test_other_test_sets_are_refused(kind: str, said: list[str], here: pathlib.Path) -> None:
    a = write_evaluation(here / "a")
    b = write_evaluation(here / "b", other_test(kind), digest="0000")
    message = refused(str(a), str(b), names=["a", "b"])
    assert message.startswith("b cannot be compared with a: they were measured on different test sets.")
    assert all(text in message for text in [*said, "a: 60 sequences of 60 users", "with the same windows"]), message


def test_settings_that_make_the_test_another_are_named(shop: Pipeline, here: pathlib.Path) -> None:
    for name, cutoff, length in (("one", "2024-08-01", 50), ("two", "2024-09-01", 100)):
        config = {"windows": {"cutoffs": [cutoff], "max_history": length}, "model": {"max_length": length}}
        report = here / f"{name}-report"
        report.mkdir()
        (report / "report.json").write_text(json.dumps({"origin": {"config": config}}))
        evaluation = write_evaluation(here / name, digest=name)
        Pipeline(here / f"{name}-pipeline").run("now", {"ModelEvaluation": evaluation, REPORT_TYPE: report})
    message = refused("one-pipeline", "two-pipeline")
    assert "windows.cutoffs: ['2024-08-01'] and ['2024-09-01']" in message
    assert "max_history:" not in message and "max_length" not in message


def test_a_digest_that_does_not_go_with_its_file(here: pathlib.Path) -> None:
    a, b = write_evaluation(here / "a"), write_evaluation(here / "b", other_test("futures"))
    message = refused(str(a), str(b))
    assert "have the same digest, but their sequences differ" in message and "b" in message


def test_other_histories_can_be_compared(here: pathlib.Path) -> None:
    values = columns()
    values["group"] = ["high"] * 60
    values["next_unseen_item/recall@10"] = np.where(np.arange(60) % 3, 1, np.nan).astype(np.float32)
    a, b = write_evaluation(here / "a"), write_evaluation(here / "b", values)
    text = compare([str(a), str(b)], ["a", "b"], "comparison.html")
    assert "Groups, by the history in a:" in text
    assert "Up to 25 sequences were measured by one of the two alone" in text


def test_few_users_are_warned_of(here: pathlib.Path) -> None:
    a, b = write_evaluation(here / "a", columns(12)), write_evaluation(here / "b", columns(12, 8, 0.5))
    assert "Beware: 12 test users are too few" in compare([str(a), str(b)], ["a", "b"], "c.html")
    a, b = write_evaluation(here / "a", columns(1)), write_evaluation(here / "b", columns(1, 8, 0.99))
    text = compare([str(a), str(b)], ["a", "b"], "c.html")
    assert "Beware: 1 test user" in text and "too few" in text and "nan" not in text.lower()


def test_too_few_common_metrics(here: pathlib.Path) -> None:
    values = {name: column for name, column in columns().items() if name not in METRICS[1:]}
    del values["next_unseen_item/recall@10"], values["items/novelty@10"]
    a, b = write_evaluation(here / "a"), write_evaluation(here / "b", values, k=[5])
    message = refused(str(a), str(b), names=["a", "b"])
    assert "the runs have 1 metrics in common, expected 2" in message
    assert "b (evaluation.k [5]): next_item/recall@5" in message


def damage(folder: pathlib.Path, how: str) -> None:
    evaluation, sequences = folder / "evaluation.json", folder / "sequences.parquet"
    document = json.loads(evaluation.read_text())
    if how == "no sequences":
        sequences.unlink()
    elif how == "half the sequences":
        sequences.write_bytes(sequences.read_bytes()[:500])
    elif how == "half the json":
        evaluation.write_text(evaluation.read_text()[:50])
    elif how == "a list":
        evaluation.write_text("[]")
    elif how == "older":
        del document["digest"], document["k"]
        evaluation.write_text(json.dumps(document))
    elif how == "other number":
        evaluation.write_text(json.dumps({**document, "sequences": 61}))
    else:
        values = columns()
        changes = {"no groups": "group", "no user": "user_id", "text": METRICS[0], "infinite": METRICS[0]}
        values[changes[how]] = {"no user": [None] * 60, "text": ["x"] * 60, "infinite": [np.inf] * 60}.get(how)
        write_evaluation(folder, {name: column for name, column in values.items() if column is not None})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no sequences", "sequences.parquet: is not there, so runs cannot be compared sequence by sequence; an older"),
        ("half the sequences", "sequences.parquet: is damaged"),
        ("half the json", "evaluation.json: is damaged, it holds no JSON"),
        ("a list", "evaluation.json: is damaged: expected a JSON object"),
        ("older", "evaluation.json: has no digest, k; an older version of DSPnet wrote it"),
        ("other number", "holds 60 sequences, but evaluation.json beside it is about 61"),
        ("no groups", "sequences.parquet: is damaged: 'group'"),
        ("no user", "sequences.parquet: is damaged: an id is missing"),
        ("text", "sequences.parquet: is damaged"),
        ("infinite", "next_item/recall@5 is infinite"),
    ],
)
def test_damaged_files_are_named(how: str, said: str, here: pathlib.Path) -> None:
    a, b = write_evaluation(here / "a"), write_evaluation(here / "b")
    damage(b, how)
    message = refused(str(a), str(b))
    assert f"b/{said}" in message if said.startswith(("sequences", "evaluation")) else said in message, message
    assert "Run the pipeline again" in message


def test_an_evaluation_that_was_removed(shop: Pipeline) -> None:
    shutil.rmtree(shop.folder / "artifacts")
    assert "evaluation.json: cannot be read: No such file or directory" in refused("runs/shop", "runs/shop")


def test_same_digest_passes(here: pathlib.Path) -> None:
    runs = [read_run(str(write_evaluation(here / name))) for name in "ab"]
    check_same_test(["a", "b"], runs)


def test_compare_configs() -> None:
    ours = {"name": "a", "model": {"layers": 2, "tau": 1.0}, "evaluation": {"thresholds": {}}}
    theirs = {"name": "a", "model": {"layers": 2, "tau": 0.5, "new": [1]}, "evaluation": {"thresholds": {"x": 1}}}
    assert compare_configs(ours, theirs) == {
        "model.tau": (1.0, 0.5),
        "evaluation.thresholds": ({}, "(absent)"),
        "model.new": ("(absent)", [1]),
        "evaluation.thresholds.x": ("(absent)", 1),
    }
