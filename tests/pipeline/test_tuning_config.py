"""What can be searched, as the section `tuning` says it; refusals name the key."""

from typing import Any

import pytest

from cli.config import resolve_yaml
from experiments.tuning.search import list_dimensions
from model.methods import METHODS
from pipeline.config import parse_config
from pipeline.tuning_config import Dimension, find_ranges
from schemas.errors import UserError
from tests.experiments.tuning.searches import config

RATE = "training.learning_rate"
SHARED = [RATE, "training.event_mask", "model.head_dropout"]
LEARNED = [name for name, method in METHODS.items() if method.trained]
ALPHA, BETA = "training.adversarial.weight", "training.contrastive.weight"


def space(method: str = "dspnet", **sections: Any) -> dict[str, Dimension]:
    found = list_dimensions(config(**{"model": {"name": method}, **sections}))
    return {dimension.key: dimension for dimension in found}


@pytest.mark.parametrize("objective", ["bce", "softmax"])
@pytest.mark.parametrize("method", LEARNED)
def test_every_method_that_learns_has_a_search_of_what_all_have_and_a_few_keys_of_its_own(
    method: str, objective: str
) -> None:
    training = {"objective": objective, "candidates": {"sampling": "uniform"}}
    found = list(space(method, training=training))
    assert found[:3] == SHARED and len(found) <= 6
    assert (found == SHARED) == (method == "sasrec"), "which has no keys of its own"


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if not method.trained])
def test_what_counts_has_nothing_to_search(method: str) -> None:
    assert find_ranges(config().tuning, method) == {}
    with pytest.raises(UserError, match=f"model.name: {method} counts and learns nothing"):
        space(method)


@pytest.mark.parametrize("method", ["dspnet", "dspnet_minus"])
def test_weights_of_dspnet_are_searched_where_its_objective_has_them(method: str) -> None:
    paper = {"adversarial": {"weight": 2e-7}, "contrastive": {"weight": 5e-6}}
    gbce = {"objective": "gbce", "candidates": {"sampling": "uniform"}}
    for training in ({"objective": "bce"}, gbce):
        found = space(method, training={**paper, **training})
        assert found[ALPHA].choices == found[BETA].choices == (0.0, 2e-7, 5e-6)
        assert found[ALPHA].holds_configured and found[BETA].holds_configured, "the paper's"
    found = space(method, training={"objective": "softmax"})
    assert found[ALPHA].choices == found[BETA].choices == (0.0, 1e-4, 1e-2)
    assert found[ALPHA].holds_configured and found[BETA].holds_configured, "none"
    given = {"own": {method: {ALPHA: {"low": 0.2, "high": 0.3}}}}
    for objective in ("bce", "softmax"):
        found = space(method, training={"objective": objective}, tuning=given)
        assert set(found) == {*SHARED, ALPHA} and found[ALPHA].low == 0.2


def test_negatives_that_are_not_drawn_are_not_searched() -> None:
    for sampling, searched in (("none", False), ("in_batch", False), ("uniform", True), ("log_uniform", True)):
        found = space("carca", training={"candidates": {"sampling": sampling}})
        assert ("training.candidates.number" in found) == searched


def test_given_keys_take_the_place_of_the_default_ones() -> None:
    found = space("carca", tuning={"space": {"model.layers": {"low": 1, "high": 3}}, "own": {"carca": {}}})
    assert list(found) == ["model.layers"]
    assert (found["model.layers"].whole, found["model.layers"].configured) == (True, 2)
    tuning = {"own": {"bert4rec": {"training.cloze.weight": {"choices": [1, 2]}}}}
    assert list(space("bert4rec", tuning=tuning)) == [*SHARED, "training.cloze.weight"]
    assert len(space("msdp", tuning=tuning)) == 4, "the others keep theirs"


def test_keys_may_be_nested_as_overrides_make_them() -> None:
    nested = {
        "space": {"training": {"learning_rate": {"low": 0.1, "high": 0.2}, "cloze": {"weight": {"choices": [1]}}}}
    }
    dotted = {"space": {RATE: {"low": 0.1, "high": 0.2}, "training.cloze.weight": {"choices": [1]}}}
    assert config(tuning=nested) == config(tuning=dotted)
    nested = {"own": {"msdp": {"training": {"distribution": {"contrast_weight": {"choices": [0.5]}}}}}}
    assert space("msdp", tuning=nested)["training.distribution.contrast_weight"].choices == (0.5,)


def test_choices_are_read_as_the_configuration_reads_them() -> None:
    tuning = {"space": {"training.distribution.scales": {"choices": [[4, 1, 1], [8]]}}, "own": {"msdp": {}}}
    dimension = space("msdp", tuning=tuning)["training.distribution.scales"]
    assert dimension.choices == ([1, 4], [8]) and not dimension.holds_configured
    assert str(dimension) == "training.distribution.scales one of [1, 4], [8]"


@pytest.mark.parametrize("objective", ["bce", "softmax"])
def test_a_resolved_configuration_searches_the_same(objective: str) -> None:
    import yaml

    resolved = config(training={"objective": objective})
    assert parse_config(yaml.safe_load(resolve_yaml(resolved)), "resolved") == resolved


@pytest.mark.parametrize(
    ("tuning", "shown"),
    [
        ({"trials": 0}, ["tuning.trials", "greater than 0", "Received: 0"]),
        ({"space": {RATE: {"low": 0.1}}}, ["learning_rate", "give low and high, or choices. Received: low=0.1"]),
        ({"space": {RATE: {"low": 0.2, "high": 0.1}}}, ["low must be less than high", "low=0.2, high=0.1"]),
        ({"space": {RATE: {"low": 0, "high": 1, "log": True}}}, ["with log, low must be greater than 0"]),
        ({"space": {RATE: {"choices": []}}}, ["choices must not be empty"]),
        ({"space": {RATE: {"choices": [1], "low": 1}}}, ["or choices, not both"]),
        ({"space": {RATE: {"choices": [1, 1.0]}}}, [f"tuning.space.{RATE}: choices must differ"]),
        ({"space": {RATE: {"low": -1, "high": 1}}}, [f"tuning.space.{RATE}: cannot be -1", "greater than 0"]),
        ({"space": {RATE: {"lowest": 1}}}, ["lowest: unknown key", "low, high, log, choices"]),
        ({"space": {"training.rate": {"choices": [1]}}}, ["tuning.space.training.rate: unknown key", "learning_rate"]),
        ({"space": {"training.cloze": {"choices": [1]}}}, ["is a section; name one of its keys: mask_share, weight"]),
        ({"space": {"training.objective": {"low": 1, "high": 2}}}, ["tuning.space.training.objective: cannot be"]),
        ({"space": {"model.interplay": {"low": 0, "high": 1}}}, ["is no number: give choices"]),
        ({"space": {"windows.max_history": {"choices": [1]}}}, ["only keys below model and training"]),
        ({"space": {"model.name": {"choices": ["dspnet"]}}}, ["cannot be searched: a search is of one method"]),
        ({"space": {"training.seed": {"choices": [1]}}}, ["the luckiest seed"]),
        ({"own": {"nothing": {}}}, ["tuning.own", "there is no method 'nothing'", "bert4rec, msdp"]),
        ({"own": {"popularity": {}}}, ["popularity counts and learns nothing"]),
        ({"own": {"sasrec": {"model.heads": {"choices": [3]}}}}, ["tuning.own.sasrec.model.heads: cannot be 3"]),
        ({"own": 3}, ["tuning.own", "dictionary"]),
        (3, ["tuning"]),
    ],
)
def test_refusals_name_the_key_and_what_is_allowed(tuning: Any, shown: list[str]) -> None:
    with pytest.raises(UserError) as error:
        config(tuning=tuning)
    assert all(part in str(error.value) for part in shown), str(error.value)


def test_all_refusals_of_a_search_are_told_at_once() -> None:
    with pytest.raises(UserError, match="(?s)tuning.space.training.a: .*tuning.own.msdp.model.b: "):
        config(tuning={"space": {"training.a": {"choices": [1]}}, "own": {"msdp": {"model.b": {"choices": [1]}}}})
