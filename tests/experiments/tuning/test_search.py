import fcntl
import io
import json
import os
import pathlib
import re

import pytest
import yaml

from experiments.runs.run import change_values
from experiments.tuning.search import NothingTrainedError, locate_search, search
from model.config import MONITOR
from reporting.console import Screen, short_path
from schemas.errors import UserError
from tests.experiments.tuning.searches import BEST_RATE, DATA, EPOCHS, FakeExecutor, config, quality, run, story

RATE = "training.learning_rate"
RATE_ALONE = {"space": {RATE: {"low": 3e-4, "high": 3e-3, "log": True}}, "own": {"dspnet": {}}}


def test_finds_the_best_and_learns_where_it_is(tmp_path: pathlib.Path) -> None:
    result = run(tmp_path, 14, tuning=RATE_ALONE)
    trained = [trial for trial in result.trials if trial.validation is not None]
    assert len(trained) == len(result.trials) == 14
    best = max(trained, key=lambda trial: trial.validation)
    assert result.best == best and best.status == "finished" and best.number > 1
    assert best.validation == max(best.epochs) > result.configured.validation
    off = [abs(quality(trial.values[RATE]) - quality(BEST_RATE)) for trial in result.trials]
    assert sum(off[-5:]) < sum(off[:5])
    assert all(3e-4 <= trial.values[RATE] <= 3e-3 for trial in result.trials)


def test_the_first_trial_is_the_configuration_as_it_is(tmp_path: pathlib.Path) -> None:
    executor = FakeExecutor()
    training = {"learning_rate": 0.00123456789, "epochs": 2, "objective": "softmax"}
    result = run(tmp_path, 2, executor, training=training)
    assert executor.runs[0].config == config(training=training)
    assert result.trials[0].values == {
        RATE: 0.00123456789,
        "training.event_mask": 0.5,
        "model.head_dropout": 0.3,
        "model.times": True,
        "training.adversarial.weight": 0.0,
        "training.contrastive.weight": 0.0,
    }
    assert result.configured == result.trials[0]
    tried = result.trials[1].values
    assert change_values(executor.runs[0].config, tried) == executor.runs[1].config
    assert all(float(f"{value:.4g}") == value for value in tried.values())


def test_another_method_is_searched_in_its_own_space(tmp_path: pathlib.Path) -> None:
    executor = FakeExecutor()
    result = run(tmp_path, 3, executor, method="carca", training={"candidates": {"sampling": "uniform"}})
    assert {one.config.model.name for one in executor.runs} == {"carca"}
    assert {one.label for one in executor.runs} == {"CARCA"}
    shared = {RATE, "training.event_mask", "model.head_dropout"}
    assert set(result.trials[0].values) == {*shared, "training.candidates.number"}
    assert all(trial.values["training.candidates.number"] in (64, 128, 256) for trial in result.trials[1:])
    assert result.trials[0].values["training.candidates.number"] == 8192


def test_nothing_found_is_better_than_the_configuration(tmp_path: pathlib.Path) -> None:
    def curve(config: object, epoch: int) -> float:
        return 0.1

    result = run(tmp_path, 3, FakeExecutor(curve))
    assert result.best == result.configured == result.trials[0]


def test_a_search_with_the_same_seed_is_the_same(tmp_path: pathlib.Path) -> None:
    same = [story(run(tmp_path / name, 6)) for name in ("a", "b")]
    assert same[0] == same[1]
    other = story(run(tmp_path / "c", 6, training={"epochs": EPOCHS, "seed": 8}))
    assert other[0] == same[0][0] and other[1] != same[0][1]


def test_a_search_goes_on_where_it_was(tmp_path: pathlib.Path) -> None:
    first, lines, stages = FakeExecutor(), [], []
    run(tmp_path / "a", 5, first)
    second = FakeExecutor()
    result = run(tmp_path / "a", 9, second, say=lines.append, show=stages.append)
    assert [one.name for one in second.runs] == [f"dspnet-trial{number}" for number in range(6, 10)]
    assert lines[0].startswith("5 of 9 trials were done before; best 0.") and len(lines) == 5
    assert stages[0] == "Trial 6: in training epoch 1 … "
    reached = result.trials[5].epochs[0]
    assert stages[1] == f"Trial 6: NDCG@10 {reached:.4f} after epoch 1, in training epoch 2 … "
    assert story(result) == story(run(tmp_path / "b", 9))
    assert story(run(tmp_path / "a", 3)) == story(result)[:3]


def test_searches_of_other_things_are_not_mixed(tmp_path: pathlib.Path) -> None:
    as_is = config()
    folders = {locate_search(as_is, "dspnet", DATA, "f")}
    folders.add(locate_search(as_is, "dspnet_minus", DATA, "f"))
    folders.add(locate_search(as_is, "dspnet", type(DATA)("x", "y", DATA.sequences, "other"), "f"))
    for values in ({"training.seed": 8}, {"model.dropout": 0.3}, {"windows.max_history": 7}):
        folders.add(locate_search(change_values(as_is, values), "dspnet", DATA, "f"))
    folders.add(locate_search(config(training={"epochs": EPOCHS}, tuning=RATE_ALONE), "dspnet", DATA, "f"))
    assert len(folders) == 7
    for values in ({"tuning.trials": 3}, {"name": "other"}, {"evaluation.batch_size": 7}):
        assert locate_search(change_values(as_is, values), "dspnet", DATA, "f") in folders
    # Nor does what is searched for other methods.
    others = {"tuning": {"own": {"carca": {}}}, "training": {"epochs": EPOCHS}}
    assert locate_search(config(**others), "dspnet", DATA, "f") in folders
    moved = type(DATA)("moved", "moved", DATA.sequences, DATA.digest)
    assert locate_search(as_is, "dspnet", moved, "f") in folders
    assert locate_search(config(model={"name": "sasrec"}), "dspnet", DATA, "f") in folders


def test_a_search_of_other_data_is_a_new_one_and_says_so(tmp_path: pathlib.Path) -> None:
    lines: list[str] = []
    first = run(tmp_path, 2, say=lines.append)
    run(tmp_path, 2, method="dspnet_minus", say=lines.append)
    assert not [line for line in lines if "new search" in line]
    other = run(tmp_path, 2, say=lines.append, model={"dropout": 0.3})
    assert other.folder != first.folder and len(other.trials) == 2
    assert lines[4] == (
        f"A new search: data, configuration or code are not what they were in {short_path(first.folder)}."
    )
    executor = FakeExecutor()
    run(tmp_path, 2, executor, say=lines.append)
    assert not executor.runs and lines[-1].startswith("2 of 2 trials were done before")


def test_poor_trials_are_stopped_early(tmp_path: pathlib.Path) -> None:
    executor = FakeExecutor()
    result = run(tmp_path, 14, executor, tuning=RATE_ALONE)
    stopped = [trial for trial in result.trials if trial.status == "stopped"]
    assert stopped and min(trial.number for trial in stopped) > 4
    assert all(len(trial.epochs) == 2 for trial in stopped)
    finished = [trial for trial in result.trials if trial.status == "finished"]
    assert all(len(trial.epochs) == EPOCHS for trial in finished)
    assert max(trial.validation for trial in stopped) < result.best.validation
    assert len(executor.epochs) == 2 * len(stopped) + EPOCHS * len(finished)
    assert not os.listdir(os.path.join(result.folder, "trials"))


def test_a_last_epoch_is_not_stopped(tmp_path: pathlib.Path) -> None:
    result = run(tmp_path, 10, tuning=RATE_ALONE, training={"epochs": 2})
    assert {trial.status for trial in result.trials} == {"finished"}


def test_nor_a_last_round_after_which_a_part_of_a_pass_is_left(tmp_path: pathlib.Path) -> None:
    """Two rounds of 499 steps are not quite a pass of 999."""
    result = run(tmp_path, 10, FakeExecutor(epoch_steps=999), tuning=RATE_ALONE, training={"epochs": 1})
    assert {(trial.status, len(trial.epochs)) for trial in result.trials} == {("finished", 2)}


def test_what_was_tried_is_not_trained_again(tmp_path: pathlib.Path) -> None:
    executor = FakeExecutor()
    tuning = {"space": {"training.batch_size": {"choices": [128, 64]}}, "own": {"dspnet": {}}}
    result = run(tmp_path, 8, executor, tuning=tuning)
    assert len(result.trials) == 8 and len(executor.runs) == 2
    assert len({(trial.values["training.batch_size"], trial.epochs) for trial in result.trials}) == 2


def test_failed_trials_are_told_and_the_search_goes_on(tmp_path: pathlib.Path) -> None:
    outcomes = {
        1: ("out_of_memory", "It took 9 GiB."),
        3: ("failed", "The loss is not finite."),
    }
    lines: list[str] = []
    result = run(tmp_path, 4, FakeExecutor(outcomes=outcomes), say=lines.append)
    assert [trial.status for trial in result.trials] == ["out_of_memory", "finished", "failed", "finished"]
    assert re.search(r"out of memory after .* s: It took 9 GiB; about", lines[0]) and "best" not in lines[0]
    assert re.search(r"failed after .* s: The loss is not finite; best", lines[2])
    assert result.configured is None and result.best.number in (2, 4)
    written = json.loads(pathlib.Path(result.folder, "trials.json").read_text())
    assert written["trials"][2]["reason"] == "The loss is not finite." and written["trials"][2]["validation"] is None


def test_values_that_do_not_go_together_fail_alone(tmp_path: pathlib.Path) -> None:
    # 24 and 36 are multiples of 2 and 3, so each end is allowed; most numbers between are not.
    tuning = {"space": {"model.item_dim": {"low": 24, "high": 36}}, "own": {"dspnet": {}}}
    executor, lines = FakeExecutor(lambda config, epoch: config.model.item_dim / 100), []
    model = {"item_dim": 30, "scene_dim": 36, "heads": 6}
    result = run(tmp_path, 8, executor, model=model, tuning=tuning, say=lines.append)
    failed = [trial for trial in result.trials if trial.status == "failed"]
    assert failed and all("must be a multiple of heads" in trial.reason for trial in failed)
    assert len(lines) == 8 and "must be a multiple of heads" in "".join(lines)
    assert all(one.config.model.item_dim % 6 == 0 for one in executor.runs)


def test_a_validation_that_is_no_number_fails(tmp_path: pathlib.Path) -> None:
    def curve(config: object, epoch: int) -> float:
        return float("nan") if epoch == 2 else 0.1

    with pytest.raises(NothingTrainedError, match="not a finite number"):
        run(tmp_path, 2, FakeExecutor(curve))


def test_nothing_trained_is_an_error_and_can_be_tried_again(tmp_path: pathlib.Path) -> None:
    outcomes = {number: ("failed", f"No room on the disk for {'a' if number < 3 else 'b'}.") for number in range(1, 4)}
    with pytest.raises(NothingTrainedError) as error:
        run(tmp_path, 3, FakeExecutor(outcomes=outcomes))
    assert error.value.step == "tune"
    assert str(error.value).splitlines()[:3] == [
        "none of 3 trials could be trained:",
        "  No room on the disk for a.",
        "  No room on the disk for b.",
    ]
    executor = FakeExecutor()
    result = run(tmp_path, 3, executor)
    assert len(executor.runs) == 3 and result.best is not None


def test_what_failed_is_not_tried_again_if_others_were_trained(tmp_path: pathlib.Path) -> None:
    run(tmp_path, 3, FakeExecutor(outcomes={2: ("failed", "It diverged.")}))
    executor = FakeExecutor()
    result = run(tmp_path, 3, executor)
    assert not executor.runs and result.trials[1].reason == "It diverged."


def test_what_ran_out_of_memory_is_tried_again_with_more(tmp_path: pathlib.Path) -> None:
    run(tmp_path, 3, FakeExecutor(outcomes={2: ("out_of_memory", "It took 9 GiB.")}), memory_limit=8)
    tried = []
    for limit in (8, 4, 9):
        executor = FakeExecutor(outcomes={2: ("out_of_memory", "It took 9 GiB.")})
        run(tmp_path, 3, executor, memory_limit=limit)
        tried.append(len(executor.runs))
    assert tried == [0, 0, 1]
    executor = FakeExecutor()
    result = run(tmp_path, 3, executor, memory_limit=None)
    assert [one.name for one in executor.runs] == ["dspnet-trial2"] and result.trials[1].status == "finished"


def test_files_tell_what_was_found(tmp_path: pathlib.Path) -> None:
    result = run(tmp_path, 6)
    text = pathlib.Path(result.folder, "best.yaml").read_text()
    assert text.startswith(f"# DSPnet, trial {result.best.number} of 6: validation NDCG@10 0.")
    best = result.best.values
    assert yaml.safe_load(text) == {
        "model": {"head_dropout": best["model.head_dropout"], "times": best["model.times"]},
        "training": {
            "learning_rate": best[RATE],
            "event_mask": best["training.event_mask"],
            "adversarial": {"weight": best["training.adversarial.weight"]},
            "contrastive": {"weight": best["training.contrastive.weight"]},
        },
    }
    written = json.loads(pathlib.Path(result.folder, "trials.json").read_text())
    assert (written["method"], written["metric"], written["budget"]) == ("dspnet", MONITOR, 6)
    assert written["best"] == result.best.number
    assert [trial["values"] for trial in written["trials"]] == [trial.values for trial in result.trials]
    assert written["space"][0]["key"] == RATE and written["space"][0]["configured"] == 1e-3


@pytest.mark.parametrize(
    ("method", "data", "shown"),
    [
        ("popularity", DATA, "popularity counts and learns nothing"),
        ("sasrec", DATA, "there is nothing to search for sasrec"),
        ("dspnet", type(DATA)("e", "c", {"train": 10, "val": 0, "test": 10}, "d"), "The val split is empty"),
    ],
)
def test_nothing_to_search_or_to_judge_by(method: str, data: object, shown: str, tmp_path: pathlib.Path) -> None:
    empty, screen = config(tuning={"space": {}}), Screen(io.StringIO())
    with pytest.raises(UserError, match=shown):
        search(empty, method, 4, data, str(tmp_path), None, screen, FakeExecutor())
    assert not os.listdir(tmp_path)


def test_one_search_runs_at_a_time(tmp_path: pathlib.Path) -> None:
    folder = locate_search(config(), "dspnet", DATA, str(tmp_path))
    os.makedirs(folder)
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="the same search is running"):
            run(tmp_path, 2)
    run(tmp_path, 2)


def test_any_folder_will_do(tmp_path: pathlib.Path) -> None:
    result = run(tmp_path / "ümläut {a}?b=c%20#d", 2)
    assert {"study.db", "best.yaml", "trials.json"} <= set(os.listdir(result.folder))
