"""The table of methods agrees with what is built for each name."""

import inspect
import re

import numpy as np
import pydantic
import pytest
import tensorflow as tf

from experiments.runs.result import RunResult
from model.baselines.counted import COUNTED
from model.config import ModelConfig, TrainingConfig
from model.learned import CLASSES, build_network, build_recommender
from model.methods import METHODS
from model.networks.item_scorer import InnerProducts
from tests.experiments.runs.cells import make_cell
from tests.sequence_data import catalogues, planted

LEARNED = [name for name, method in METHODS.items() if method.learned]
SMALL = {"item_dim": 4, "scene_dim": 4, "max_length": 3, "layers": 1}
ITEMS, SCENES = catalogues(planted(20, seed=0))


def test_every_method_is_learned_or_counted():
    assert set(LEARNED) == set(CLASSES)
    assert set(METHODS) - set(LEARNED) == set(COUNTED)
    assert all(method.name == name for name, method in METHODS.items())


@pytest.mark.parametrize("name", LEARNED)
def test_every_learned_method_is_built(name):
    config = TrainingConfig()
    network = build_network(ModelConfig(name=name, **SMALL), ITEMS, SCENES, config)
    model = build_recommender(network, config, 2, ITEMS)
    assert (type(network), type(model)) == CLASSES[name]
    scores = network(tf.constant([[1, 2], [3, 0]]), tf.constant([[1, 2], [3, 0]]))
    assert scores.items.shape == (2, len(ITEMS)) and scores.scenes.shape == (2, len(SCENES))
    assert {variable.ref() for variable in network.trainable_variables} <= {
        variable.ref() for variable in model.trained_variables
    }
    assert METHODS[name].has_item_vectors == isinstance(network.item_scorer, InnerProducts)
    assert all(np.isfinite(values).all() for values in scores)


def test_what_counts_has_no_item_vectors():
    assert not any(METHODS[name].has_item_vectors for name in COUNTED)


def test_titles_tell_methods_apart():
    titles = [method.title for method in METHODS.values()]
    assert len(set(titles)) == len(titles) and all(titles)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_where_it_comes_from(name):
    """The first author of each paper that the table names stands in the module that follows it."""
    source = METHODS[name].source
    assert source
    module = inspect.getmodule(CLASSES[name][0] if name in LEARNED else COUNTED[name])
    authors = re.findall(r"(\w+) (?:et al\.|& \w+),", source)
    assert authors or source.startswith(("counting", "DSPnet"))
    for author in authors:
        assert author in module.__doc__


@pytest.mark.parametrize("name", LEARNED)
def test_a_method_is_trained_by_its_objective_and_results_tell_which(name):
    few = {"sampling": "uniform", "number": 5}
    for configured in ("bce", "softmax", "gbce"):
        if name in ("dspnet", "dspnet_minus", "carca") or (name, configured) == ("sasrec", "gbce"):
            expected = configured
        else:
            expected = "softmax"
        cell = make_cell(name, objective=configured, candidates=few)
        assert RunResult.unmeasured(cell, "k", "s", "stopped").objective == expected
        config = TrainingConfig(objective=configured, candidates=few)
        network = build_network(ModelConfig(name=name, **SMALL), ITEMS, SCENES, config)
        assert build_recommender(network, config, 2, ITEMS).config.objective == expected


def test_a_name_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(pydantic.ValidationError) as refused:
        ModelConfig(name="nonsense")
    assert "nonsense" in str(refused.value)
    for name in METHODS:
        assert f"'{name}'" in str(refused.value)
