import dataclasses

import pytest

from experiments.runs.run import change_values, compute_run_key
from schemas.errors import UserError
from tests.experiments.runs.planted import make_config, make_run


def _key(run, data="d1", **values):
    return compute_run_key(dataclasses.replace(run, config=change_values(run.config, values)), data)


def test_values_are_changed_by_key():
    config = change_values(make_config(), {"training.adversarial.weight": 0.5, "model.layers": 3})
    assert (config.training.adversarial.weight, config.model.layers, config.training.batch_size) == (0.5, 3, 20)
    assert change_values(config, {}) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"training.epochs": 0}, "training.epochs: .*greater than 0. Received: 0"),
        ({"training.speed": 1}, "training.speed: unknown key"),
        ({"nothing.at.all": 1}, "nothing: unknown key"),
        ({"training.epochs.first": 1}, "training.epochs.first: epochs holds a value, not a section. Received: 3"),
    ],
)
def test_values_that_do_not_fit_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        change_values(make_config(), values)


def test_the_key_is_of_what_numbers_depend_on():
    run = make_run()
    changes = (
        {"training.seed": 8},
        {"training.questions": ["period"]},
        {"model.layers": 2},
        {"model.name": "bert4rec"},
        {"windows.max_history": 7},
        {"evaluation.k": [1, 10]},
    )
    keys = {_key(run), _key(run, data="d2"), *(_key(run, **change) for change in changes)}
    assert len(keys) == len(changes) + 2


def test_the_key_is_of_nothing_else():
    run = make_run()
    other = dataclasses.replace(run, name="other", label="Other", tuned={})
    values = {
        "name": "elsewhere",
        "workdir": "/elsewhere",
        "source.path": "moved.csv",
        "evaluation.thresholds": {"next_item/recall@10": 0.9},
        "serving.retrieval": "scann",
    }
    assert _key(other, **values) == _key(run)


@pytest.mark.parametrize(("method", "trained"), [("sasrec", True), ("dspnet", True), ("popularity", False)])
def test_learned(method, trained):
    assert make_run(method).trained is trained
