"""What holds of every baseline that counts, and what each of them can learn."""

import collections
import dataclasses
import json
import types

import numpy as np
import pytest
import tensorflow as tf

from model import trainer
from model.baselines.statistical_network import StatisticalNetworks, fit_network
from model.config import ModelConfig, TrainingConfig
from model.data.history import History
from model.export.serving_module import ServingModule
from model.methods import METHODS
from serving.saved_model import ask_signature, load_saved_model
from tests.model.baselines.small_data import (
    DAY,
    MAX_LENGTH,
    indices,
    item_and_scene_scores,
    known_catalogues,
    pairs,
    random_sequences,
    ranks,
)
from tests.sequence_data import Sequence, catalogues, planted, write_catalogues, write_examples

DATA = random_sequences()
ITEMS, SCENES = known_catalogues(DATA)

EVERY = pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.trained])


def _count(folder, name, data, items=ITEMS, scenes=SCENES, question="next"):
    file = write_examples(folder / "data.gz", data)
    model, training = ModelConfig(name=name, max_length=MAX_LENGTH), TrainingConfig(questions=(question,))
    return fit_network(model, training, [file], items, scenes).networks[question]


@EVERY
def test_padding_anywhere_and_unknown_ids_change_nothing(tmp_path, name):
    network = _count(tmp_path, name, DATA)
    rng = np.random.RandomState(1)
    compact, padded, mixed = [np.zeros([2, 20, width], np.int32) for width in (6, 12, 12)]
    for kind, catalogue in enumerate((ITEMS, SCENES)):
        for row in range(20):
            history = rng.randint(1, len(catalogue) + 1, size=rng.randint(7))
            places = np.sort(rng.permutation(12)[: len(history)])
            compact[kind, row, : len(history)] = history
            mixed[kind, row] = rng.randint(2, size=12) * (len(catalogue) + 1)
            padded[kind, row, places] = mixed[kind, row, places] = history
    first, second, third = (item_and_scene_scores(network, *tf.constant(x)) for x in (compact, padded, mixed))
    for before, after in zip(first, second, strict=True):
        np.testing.assert_array_equal(after, before)
    for before, after in zip(first, third, strict=True):
        np.testing.assert_array_equal(*(np.argsort(-scores, kind="stable") for scores in (after, before)))


@EVERY
def test_an_empty_history_is_answered_by_what_is_popular(tmp_path, name):
    network = _count(tmp_path, name, DATA)
    nothing = tf.zeros([1, 0], tf.int32)
    found = item_and_scene_scores(network, nothing, nothing)
    for kind, (catalogue, scores) in enumerate(zip((ITEMS, SCENES), found, strict=True)):
        assert len(set(scores[0])) > 1
        if name == "own_frequency":
            count = collections.Counter(after[kind] for one in DATA for _, after in pairs(one, "next"))
            catalogue = dataclasses.replace(catalogue, future_counts=np.array([count[k] for k in catalogue.ids]))
        if name not in ("popularity", "recent_popularity"):
            np.testing.assert_array_equal(scores[0], ranks(catalogue))
    for empty in (tf.zeros([1, 3], tf.int32), tf.constant([[0, 100, 100]])):
        for one, other in zip(found, item_and_scene_scores(network, empty, empty), strict=True):
            np.testing.assert_array_equal(one, other)


@EVERY
def test_an_empty_train_split_still_ranks_as_catalogues_do(tmp_path, name):
    network = _count(tmp_path, name, [])
    history = tf.constant([[0, 2, 1], [0, 0, 0]])
    items, scenes = item_and_scene_scores(network, history, history)
    for catalogue, scores in zip((ITEMS, SCENES), (items, scenes), strict=True):
        if name in ("popularity", "recent_popularity", "own_frequency"):
            assert not scores[1].any()  # and of equal ones, the first of the catalogue is the best
        else:
            np.testing.assert_array_equal(scores[1], ranks(catalogue))
        assert np.isfinite(scores).all()


@EVERY
def test_a_split_without_a_pair_still_ranks(tmp_path, name):
    """Nobody has both a history and a future, and some have neither."""
    event = [("item1", "scene1")]
    network = _count(tmp_path, name, [Sequence(event, []), Sequence([], event), Sequence([], [])])
    for scores in item_and_scene_scores(network, tf.ones([2, 1], tf.int32), tf.ones([2, 1], tf.int32)):
        assert np.isfinite(scores).all()


@EVERY
def test_no_file_is_refused(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="No example files match"):
        fit_network(ModelConfig(name=name), TrainingConfig(), [str(tmp_path / "*.gz")], ITEMS, SCENES)


@EVERY
def test_each_question_is_counted_on_its_own(tmp_path, name):
    """Asked for several at once, in whatever order, a method has the counts that it has for each alone."""
    file = write_examples(tmp_path / "data.gz", DATA)
    training = TrainingConfig(questions=("period", "next"))
    together = fit_network(ModelConfig(name=name, max_length=MAX_LENGTH), training, [file], ITEMS, SCENES)
    assert together.questions == ("period", "next")
    histories = [indices(rows, of) for rows, of in (([["item1"], ["item2"]], ITEMS), ([["scene1"], []], SCENES))]
    scores = {}
    for question in together.questions:
        scores[question] = item_and_scene_scores(together.networks[question], *histories)
        alone = item_and_scene_scores(_count(tmp_path, name, DATA, question=question), *histories)
        for one, other in zip(scores[question], alone, strict=True):
            np.testing.assert_array_equal(one, other)
    differ = any((one != other).any() for one, other in zip(scores["next"], scores["period"], strict=True))
    assert differ == (name != "recent_popularity")  # which counts all events, whatever is asked


def test_a_method_that_learns_is_refused(tmp_path):
    with pytest.raises(ValueError, match="bert4rec is trained"):
        _count(tmp_path, "bert4rec", DATA)


@EVERY
def test_a_catalogue_of_one(tmp_path, name):
    data = [Sequence([("only", "here")] * length, [("only", "here")]) for length in range(3)]
    items, scenes = catalogues(data)
    network = StatisticalNetworks({"next": _count(tmp_path, name, data, items, scenes)})
    module = ServingModule(network, items, scenes, max_history=5)
    answer = module.recommend(tf.constant([["only"], ["other"], [""]]), tf.constant([["here"], [""], ["there"]]))
    assert answer["item_ids"].numpy().tolist() == [[b"only"]] * 3
    assert answer["scene_ids"].numpy().tolist() == [[b"here"]] * 3


# What can be learned: each pattern is a train split and what is asked afterwards. Everything that a pattern does not
# say is drawn at random, or spread evenly.

Split = tuple[list[Sequence], list[Sequence]]


def _at(day: float, history: list[tuple[str, str]], item: str, scene: str = "s0") -> Sequence:
    return Sequence(history, [(item, scene)], [int(day * DAY)] * len(history), [int(day * DAY) + 1])


def _noise(rng: np.random.RandomState, number: int = 2) -> list[tuple[str, str]]:
    return [(f"noise{item}", f"s{rng.randint(4)}") for item in rng.permutation(20)[:number]]


def _popular_item(rng: np.random.RandomState) -> Split:
    data = [_at(rng.randint(30), _noise(rng), "hit") for _ in range(300)]
    return data[:250], data[250:]


def _recent_shift(rng: np.random.RandomState) -> Split:
    """What everybody took next changed in the last days; most of the train split is older."""
    old = [_at(rng.randint(5), _noise(rng), "old") for _ in range(400)]
    new = [_at(29, _noise(rng), "new") for _ in range(100)]
    return old + new, [_at(30, _noise(rng), "new") for _ in range(50)]


def _scene_of_the_last_event(rng: np.random.RandomState) -> Split:
    data = []
    for number in range(500):
        scene = f"s{number % 4}"
        data.append(_at(rng.randint(30), [*_noise(rng), (f"noise{rng.randint(20)}", scene)], f"sold at {scene}"))
    return data[:400], data[400:]


def _own_repeat(rng: np.random.RandomState) -> Split:
    """Everybody comes back to a favourite; those who are asked have one that nobody came back to in training."""

    def come_back(favourite: str) -> Sequence:
        one, other = _noise(rng)
        return _at(rng.randint(30), [(favourite, "s0"), one, (favourite, "s1"), other], favourite)

    known = [Sequence([(f"rare{number}", "s0")], []) for number in range(40)]
    return [come_back(f"own{number % 10}") for number in range(200)] + known, [
        come_back(f"rare{number}") for number in range(40)
    ]


def _transition(rng: np.random.RandomState) -> Split:
    """The next item follows from the last one; from the last two in any order, it does not."""
    data = []
    for number in range(400):
        pair = [(f"a{number % 10}", "s0"), (f"b{number % 10}", "s0")][:: 1 if number // 10 % 2 else -1]
        data.append(_at(rng.randint(30), pair, f"after {pair[1][0]}"))
    return data[:300], data[300:]


def _earlier_item(rng: np.random.RandomState) -> Split:
    """The next item follows from the first of three."""
    data = []
    for number in range(500):
        data.append(_at(rng.randint(30), [(f"key{number % 8}", "s0"), *_noise(rng)], f"lock{number % 8}"))
    return data[:400], data[400:]


FOUND_BY = {
    _popular_item: {"popularity", "recent_popularity", "scene_popularity", "last_item", "cooccurrence"},
    _recent_shift: {"recent_popularity"},
    _scene_of_the_last_event: {"scene_popularity"},
    _own_repeat: {"own_frequency"},
    _transition: {"last_item"},
    _earlier_item: {"cooccurrence"},
}


@pytest.fixture(scope="module", params=FOUND_BY, ids=[pattern.__name__[1:] for pattern in FOUND_BY])
def learnable(request, tmp_path_factory):
    """A pattern, its train split as a file and as catalogues, and what is asked."""
    train, asked = request.param(np.random.RandomState(0))
    file = write_examples(tmp_path_factory.mktemp("pattern") / "data.gz", train)
    return request.param, file, catalogues(train), asked


@EVERY
def test_learns_what_it_can_and_nothing_else(learnable, name):
    pattern, file, (items, scenes), asked = learnable
    model, training = ModelConfig(name=name, max_length=5), TrainingConfig(questions=("next",))
    network = fit_network(model, training, [file], items, scenes)
    history = History(
        *(
            indices([[event[kind] for event in one.history] for one in asked], catalogue)
            for kind, catalogue in enumerate((items, scenes))
        )
    )
    best = np.argmax(network.score_items(network.outputs(None, history, "next"), "next"), axis=1)
    hits = np.mean(items.ids[best] == [one.future[0][0] for one in asked])
    if name in FOUND_BY[pattern]:
        assert hits > 0.95
    else:
        assert hits < 0.6


@EVERY
def test_run_fn_counts_and_exports_without_an_epoch(tmp_path, name):
    data, asked = planted(80, seed=0), planted(20, seed=1)
    items, scenes = catalogues(data)
    model, training = {"name": name, "max_length": 4}, {"questions": ["next", "period"]}
    args = types.SimpleNamespace(
        train_files=[write_examples(tmp_path / "train" / "data.gz", data)],
        eval_files=[],
        serving_model_dir=str(tmp_path / "serving"),
        model_run_dir=str(tmp_path / "run"),
        custom_config={
            "name": "planted",
            "serving": {},
            "max_history": 5,
            "model": model,
            "training": training,
            "catalogue_uri": write_catalogues(tmp_path / "catalogue", data),
            "checkpoint_dir": str(tmp_path / "checkpoints"),
            "sequences": {"train": len(data), "val": 0, "test": 0},
        },
    )
    trainer.run_fn(args)
    with open(tmp_path / "run" / "training.json") as file:
        assert json.load(file) == {"epochs": [], "best_epoch": None, "monitor": None, "parameters": 0}
    assert not (tmp_path / "checkpoints").exists()

    network = fit_network(ModelConfig(**model), TrainingConfig(**training), args.train_files, items, scenes)
    loaded = load_saved_model(args.serving_model_dir)
    assert set(loaded.signatures) == {"serving_default", "serving_examples", "recommend_unseen", "rank_allowed"}
    assert not hasattr(loaded, "embed_users")
    raw = [[[event[kind] for event in one.history] for one in asked] for kind in range(2)]
    width = max(len(history) for history in raw[0])
    asked = {
        f"history_{kind}_ids": tf.constant([history + [""] * (width - len(history)) for history in rows])
        for kind, rows in zip(("item", "scene"), raw, strict=True)
    }
    answer = ask_signature(loaded, "serving_default", asked)
    histories = [indices(*pair) for pair in zip(raw, (items, scenes), strict=True)]
    following, period = (item_and_scene_scores(network.networks[question], *histories) for question in loaded.answers)
    for kind, catalogue, scores in (
        ("item", items, following[0]),
        ("period_item", items, period[0]),
        ("scene", scenes, following[1]),
    ):
        order = np.argsort(-scores, axis=1, kind="stable")
        assert answer[f"{kind}_ids"].numpy().astype(str).tolist() == catalogue.ids[order].tolist()
        np.testing.assert_array_equal(answer[f"{kind}_scores"], np.take_along_axis(scores, order, axis=1))
    for question, (expected, _) in (("next", following), ("period", period)):
        queries = network.outputs(None, History(*histories), question).item_queries
        pieces = [loaded.answers[question].item_scores(queries, *edges) for edges in ((0, 5), (5, len(items)))]
        np.testing.assert_array_equal(np.concatenate(pieces, axis=1), expected)
