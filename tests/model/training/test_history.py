import json
import pathlib

import pytest

from model.training.callbacks import History
from model.training.schedule import Schedule
from schemas.training import TRAINING_FILE


def read(folder: pathlib.Path) -> dict:
    return json.loads((folder / TRAINING_FILE).read_text())


def train(history: History, values: dict[int, float]) -> None:
    """Goes through epochs, numbered from 0 as Keras does, that measure `values`."""
    for epoch, value in values.items():
        history.on_epoch_begin(epoch)
        history.on_epoch_end(epoch, {"loss": 1.0 - value, "val_ndcg": value})


@pytest.fixture
def saved(tmp_path: pathlib.Path):
    def save(history: History) -> dict:
        history.save(str(tmp_path / "run"))
        return read(tmp_path / "run")

    return save


def test_holds_every_epoch_and_the_best(tmp_path, saved) -> None:
    history = History(str(tmp_path / "kept"), "val_ndcg")
    train(history, {0: 0.25, 1: 0.5, 2: 0.5})
    content = saved(history)
    assert [(one["epoch"], one["loss"], one["val_ndcg"]) for one in content["epochs"]] == [
        (1, 0.75, 0.25),
        (2, 0.5, 0.5),
        (3, 0.5, 0.5),
    ]
    assert (content["best_epoch"], content["monitor"]) == (2, "val_ndcg")
    assert all(one["seconds"] >= 0 for one in content["epochs"])


def test_tells_how_many_passes_over_the_split_its_epochs_are(tmp_path, saved) -> None:
    """An epoch of Keras is a round, of which a long split has several; without a schedule each is a pass."""
    for schedule, expected in ((Schedule(1000, 5), [0.5, 1.0, 1.5]), (Schedule(30, 5), [1, 2, 3]), (None, [1, 2, 3])):
        history = History(str(tmp_path / str(expected)), "val_ndcg", schedule, parameters=7)
        train(history, {0: 0.25, 1: 0.5, 2: 0.5})
        content = saved(history)
        assert [one["passes"] for one in content["epochs"]] == expected and content["parameters"] == 7


def test_a_resumed_run_knows_how_it_began(tmp_path, saved) -> None:
    train(History(str(tmp_path / "kept"), "val_ndcg"), {0: 0.5, 1: 0.25})
    history = History(str(tmp_path / "kept"), "val_ndcg")
    train(history, {2: 0.125})
    content = saved(history)
    assert [one["epoch"] for one in content["epochs"]] == [1, 2, 3] and content["best_epoch"] == 1


def test_an_epoch_that_is_trained_again_stands_once(tmp_path, saved) -> None:
    """Killed after the third epoch was kept here, before a checkpoint was: the run resumes with the second."""
    train(History(str(tmp_path / "kept"), "val_ndcg"), {0: 0.125, 1: 0.25, 2: 0.75})
    history = History(str(tmp_path / "kept"), "val_ndcg")
    train(history, {1: 0.5})
    content = saved(history)
    assert [(one["epoch"], one["val_ndcg"]) for one in content["epochs"]] == [(1, 0.125), (2, 0.5)]
    assert content["best_epoch"] == 2


def test_a_run_killed_after_its_last_epoch_has_them_all(tmp_path, saved) -> None:
    train(History(str(tmp_path / "kept"), "val_ndcg"), {0: 0.5, 1: 0.25})
    assert len(saved(History(str(tmp_path / "kept"), "val_ndcg"))["epochs"]) == 2


def test_without_validation_the_last_epoch_is_the_best(tmp_path, saved) -> None:
    history = History(str(tmp_path / "kept"), None)
    train(history, {0: 0.5, 1: 0.25})
    content = saved(history)
    assert (content["best_epoch"], content["monitor"]) == (2, None)


def test_no_epoch_at_all(tmp_path, saved) -> None:
    content = saved(History(str(tmp_path / "kept"), "val_ndcg"))
    assert content == {"epochs": [], "best_epoch": None, "monitor": "val_ndcg", "parameters": 0}
