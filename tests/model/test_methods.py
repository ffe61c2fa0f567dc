"""The table of methods agrees with what is built for each name."""

import inspect
import re

import numpy as np
import pydantic
import pytest

from experiments.runs.result import RunResult
from model.config import ModelConfig, TrainingConfig
from model.data.target_counts import from_catalogues
from model.methods import METHODS, Method, load
from model.networks.base import Network, build_network
from model.networks.item_scorer import InnerProducts
from model.training.recommender import Recommender, build_recommender
from tests.experiments.runs.planted import make_run
from tests.recommenders import history
from tests.sequence_data import catalogues, planted

TRAINED = [name for name, method in METHODS.items() if method.trained]
STATISTICAL = [name for name in METHODS if name not in TRAINED]
SMALL = {"item_dim": 4, "scene_dim": 4, "max_length": 3, "layers": 1}
ITEMS, SCENES = catalogues(planted(20, seed=0))
COUNTS = dict.fromkeys(("next", "period"), from_catalogues(ITEMS, SCENES))


def test_every_method_is_trained_or_statistical():
    assert all(method.name == name for name, method in METHODS.items())
    for name in TRAINED:
        assert issubclass(load(METHODS[name].network), Network)
        assert issubclass(load(METHODS[name].recommender), Recommender)
    assert STATISTICAL and all(callable(load(METHODS[name].fit)) for name in STATISTICAL)


@pytest.mark.parametrize("given", [{}, {"network": "a:B", "fit": "a:b"}])
def test_a_method_that_is_neither_or_both_is_refused(given):
    with pytest.raises(ValueError, match="'toy' needs network=.*or fit="):
        Method("toy", "Toy", "counting", **given)


@pytest.mark.parametrize("name", TRAINED)
def test_every_learned_method_is_built(name):
    config = TrainingConfig()
    network = build_network(ModelConfig(name=name, **SMALL), COUNTS, config)
    model = build_recommender(network, config, 2, COUNTS)
    assert (type(network), type(model)) == (load(METHODS[name].network), load(METHODS[name].recommender))
    scores = network(history([[1, 2], [3, 0]], [[1, 2], [3, 0]]))
    assert scores.items.shape == (2, len(ITEMS)) and scores.scenes.shape == (2, len(SCENES))
    assert {variable.ref() for variable in network.trainable_variables} <= {
        variable.ref() for variable in model.trained_variables
    }
    assert METHODS[name].has_item_vectors == isinstance(network.item_scorer("period"), InnerProducts)
    assert all(np.isfinite(values).all() for values in scores)


def test_a_statistical_method_has_no_item_vectors():
    assert not any(METHODS[name].has_item_vectors for name in STATISTICAL)


def test_titles_tell_methods_apart():
    titles = [method.title for method in METHODS.values()]
    assert len(set(titles)) == len(titles) and all(titles)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_where_it_comes_from(name):
    """The first author of each paper that the table names stands in the module that follows it."""
    source = METHODS[name].source
    assert source
    module = inspect.getmodule(load(METHODS[name].network or METHODS[name].fit))
    authors = re.findall(r"(\w+) (?:et al\.|& \w+),", source)
    assert authors or source.startswith(("counting", "DSPnet"))
    for author in authors:
        assert author in module.__doc__


@pytest.mark.parametrize("name", TRAINED)
def test_a_method_is_trained_by_its_objective_and_results_tell_which(name):
    few = {"sampling": "uniform", "number": 5}
    for configured in ("bce", "softmax", "gbce"):
        if name in ("dspnet", "dspnet_minus", "carca") or (name, configured) == ("sasrec", "gbce"):
            expected = configured
        else:
            expected = "softmax"
        run = make_run(name, objective=configured, candidates=few)
        assert RunResult.unmeasured(run, "k", "s", "stopped").objective == expected
        config = TrainingConfig(objective=configured, candidates=few)
        network = build_network(ModelConfig(name=name, **SMALL), COUNTS, config)
        assert build_recommender(network, config, 2, COUNTS).config.objective == expected


def test_a_name_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(pydantic.ValidationError) as refused:
        ModelConfig(name="nonsense")
    assert "nonsense" in str(refused.value)
    for name in METHODS:
        assert f"'{name}'" in str(refused.value)
