import io
import types

import pytest

from experiments.benchmark.plan import BenchmarkSpec, Limits
from experiments.benchmark.searches import check_searches, describe_search_space, run_searches
from experiments.tuning import search as module
from experiments.tuning.search import NothingTrainedError
from model.methods import METHODS
from reporting.console import Screen
from schemas.errors import UserError
from tests.experiments.runs.planted import make_config, make_data

RATE = "training.learning_rate"
SPEC = BenchmarkSpec(("popularity", "sasrec", "carca"), (5, 6), ("next", "period"), ablations=False)


@pytest.fixture
def searches(monkeypatch):
    """What searches were asked; that of SASRec for the period finds nothing that can be trained."""
    seen = []

    def search(config, method, trials, data, folder, memory_limit, screen):
        seen.append((config, method, trials, data, folder, memory_limit))
        if (method, config.training.target) == ("sasrec", "period"):
            raise NothingTrainedError("tune", "none of 3 trials could be trained")
        return types.SimpleNamespace(best=types.SimpleNamespace(values={RATE: 0.001 * len(seen)}))

    monkeypatch.setattr(module, "search", search)
    return seen


def test_each_trained_method_is_searched_for_each_target_within_one_budget(searches, tmp_path):
    said, data = io.StringIO(), make_data(tmp_path)
    config = make_config(workdir=str(tmp_path))
    found = run_searches(config, SPEC, Limits(99, 3), data, Screen(said))
    assert [(one.model.name, one.training.target, one.training.seed) for one, *_ in searches] == [
        ("sasrec", "next", 5),
        ("sasrec", "period", 5),
        ("carca", "next", 5),
        ("carca", "period", 5),
    ]
    assert searches[2][0].training.candidates.sampling == "uniform", "as its runs have it"
    for config, method, *rest in searches:
        assert method == config.model.name and rest == [3, data, str(tmp_path / "planted" / "tuning"), 99]
    assert found == {
        ("sasrec", "next"): {RATE: 0.001},
        ("carca", "next"): {RATE: 0.003},
        ("carca", "period"): {RATE: 0.004},
    }
    assert said.getvalue().splitlines() == [
        "Search [1/4] SASRec, next, 3 trials",
        "Search [2/4] SASRec, period, 3 trials",
        "  none of 3 trials could be trained",
        "Search [3/4] CARCA, next, 3 trials",
        "Search [4/4] CARCA, period, 3 trials",
    ]


def test_what_makes_a_rival_what_its_paper_says_is_not_searched(searches, tmp_path):
    spec = BenchmarkSpec(("sasrec",), (5,), ("next",))
    found = run_searches(make_config(), spec, Limits(99, 3), make_data(tmp_path), Screen(io.StringIO()))
    assert set(found) == {("sasrec", "next"), ("sasrec-equal-heads", "next")}
    plain, equal = (set(config.tuning.space) for config, *_ in searches)
    assert equal - plain == {"training.event_mask", "model.head_dropout"} and plain == {RATE}


def test_without_a_budget_nothing_is_searched(searches, tmp_path):
    screen = Screen(io.StringIO())
    assert run_searches(make_config(), SPEC, Limits(None), make_data(tmp_path), screen) == {} and not searches


def test_the_space_is_described_for_trained_methods():
    space = describe_search_space(make_config(), SPEC)
    assert set(space) == {"sasrec", "carca"}
    assert space["sasrec"][RATE] == {"low": 3e-4, "high": 3e-3, "log": True}
    assert set(space["sasrec"]) == {RATE, "training.event_mask", "model.head_dropout"}
    assert space["carca"]["training.candidates.number"] == {"choices": [64, 128, 256]}


def test_what_cannot_be_searched_is_refused_before_anything_is_run():
    config = make_config()
    check_searches(config, BenchmarkSpec(tuple(METHODS), (7,), ("next",)), 3)
    with pytest.raises(UserError, match="--trials: must not be negative. Received: -1"):
        check_searches(config, SPEC, -1)
    empty = config.model_copy(update={"tuning": config.tuning.model_copy(update={"space": {}})})
    check_searches(empty, SPEC, 0)
    with pytest.raises(UserError, match="there is nothing to search for sasrec"):
        check_searches(empty, SPEC, 1)
