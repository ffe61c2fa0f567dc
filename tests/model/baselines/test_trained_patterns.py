"""Every learned method learns a pattern that is in what it reads, and none that is not."""

import numpy as np
import pytest
import tensorflow as tf

from model.data.batches import prefix_batches
from model.methods import METHODS
from tests import recommenders
from tests.recommenders import ITEMS, SCENES

TRAINED = [name for name, method in METHODS.items() if method.trained]
BATCH, STEPS, FEWER_STEPS = 64, 240, 60
LENGTH = recommenders.MODEL["max_length"] + 1
"""Events of a history, one more than are read; all patterns have as many columns, so that a step is traced once."""
TRAINING = {"objective": "softmax", "questions": ["next"], "learning_rate": 0.01, "event_mask": 0.0}
FOLLOWS = np.array([0, *range(2, ITEMS + 1), 1])
"""The item that follows each, by index."""


def _noise(seed, number=BATCH):
    """Histories without any pattern, of 1 to 4 events."""
    rng = np.random.RandomState(seed)
    items, scenes = rng.randint(1, ITEMS + 1, [number, LENGTH]), rng.randint(1, SCENES + 1, [number, LENGTH])
    valid = np.arange(LENGTH) >= LENGTH - rng.randint(1, 5, [number, 1])
    return items * valid, scenes * valid


def last_item_decides(seed, number=BATCH):
    """The last item tells the next one and its scene; earlier items and all scenes are noise."""
    items, scenes = _noise(seed, number)
    following = FOLLOWS[items[:, -1:]]
    return recommenders.batch(items, scenes, following, 1 + following % SCENES)


def last_scene_decides(seed, number=BATCH):
    """The last scene tells the next item and scene; all else is noise."""
    items, scenes = _noise(seed, number)
    return recommenders.batch(items, scenes, 2 * scenes[:, -1:], 1 + scenes[:, -1:] % SCENES)


def first_event_decides(seed, number=BATCH):
    """The first event tells the next item and scene, but is too long ago to be read."""
    rng = np.random.RandomState(seed)
    items, scenes = rng.randint(1, ITEMS + 1, [number, LENGTH]), rng.randint(1, SCENES + 1, [number, LENGTH])
    following = FOLLOWS[items[:, :1]]
    return recommenders.batch(items, scenes, following, 1 + following % SCENES)


def _walk(seed, last, time=4):
    """Histories of 2 to `time` events and two events that follow; each event tells the next one, item and scene.

    Args:
        seed: of how long they are.
        last: the last item of each history, int [number, 1].
        time: how many events at most.
    """
    precedes = np.argsort(FOLLOWS)
    items = [last]
    for _ in range(time - 1):
        items.insert(0, precedes[items[0]])
    history = np.concatenate(items, axis=1)
    history = history * (np.arange(time) >= np.random.RandomState(seed).randint(0, time - 1, [len(last), 1]))
    future = np.concatenate([FOLLOWS[last], FOLLOWS[FOLLOWS[last]]], axis=1)
    return recommenders.batch(history, (1 + history % SCENES) * (history > 0), future, 1 + future % SCENES)


def every_event_tells_the_next(seed, number=BATCH):
    """Histories that end anywhere."""
    return _walk(seed, np.random.RandomState(seed).randint(1, ITEMS + 1, [number, 1]))


HELD = np.array([4, 8, 12])
"""Items with which no history ends in training, so that histories alone tell what follows them."""


def ends_otherwise(seed, number=BATCH):
    """Histories that do not end with an item of `HELD`."""
    others = np.setdiff1d(np.arange(1, ITEMS + 1), HELD)
    return _walk(seed, np.random.RandomState(seed).choice(others, [number, 1]))


def ends_with_held(seed, number=BATCH):
    """Histories that end with one."""
    return _walk(seed, np.random.RandomState(seed).choice(HELD, [number, 1]))


def _right(model, test):
    """The shares of histories whose next item, and scene, has the highest score."""
    scores = model(test, training=False)
    return [
        np.mean(1 + np.argmax(found, axis=1) == test[name].numpy()[:, 0])
        for found, name in ((scores.items, "next_item"), (scores.scenes, "next_scene"))
    ]


@pytest.fixture(scope="module", params=TRAINED)
def learner(request):
    """The name of a method, and what trains it anew on a pattern and tells what it then gets right."""
    model = recommenders.build(request.param, BATCH, **TRAINING)
    step = tf.function(model.train_step, autograph=False)  # traced once for all patterns
    variables = [*model.variables, *model.optimizer.variables]
    start = [variable.numpy() for variable in variables]

    def learn(pattern):
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        for seed in range(STEPS):
            step(pattern(seed))
            if seed % 40 == 39 and min(right := _right(model, pattern(1000))) > 0.95:
                break
        return right

    return request.param, learn


@pytest.mark.slow
def test_each_method_learns_what_the_last_item_decides(learner):
    _, learn = learner
    assert min(learn(last_item_decides)) > 0.9


@pytest.mark.slow
def test_what_the_last_scene_decides_is_learned_by_those_that_see_scenes(learner):
    name, learn = learner
    right = learn(last_scene_decides)
    if METHODS[name].sees_scenes:
        assert min(right) > 0.9
    else:
        assert max(right) < 0.5  # of four that may follow, one is right by chance


@pytest.mark.slow
def test_no_method_learns_what_an_event_decides_that_it_does_not_read(learner):
    _, learn = learner
    assert max(learn(first_event_decides)) < 0.5  # of four scenes, one is right by chance


def _train(name, questions, pattern):
    """A method trained on batches as the trainer gives them to it for some questions."""
    model = recommenders.build(name, BATCH, **{**TRAINING, "questions": questions, "learning_rate": 0.02})
    step = tf.function(model.train_step, autograph=False, reduce_retracing=True)
    batches = [pattern(seed) for seed in range(FEWER_STEPS)]
    stacked = {name: tf.stack([batch[name] for batch in batches]) for name in batches[0]}
    data = tf.data.Dataset.from_tensor_slices(stacked)
    if questions == ["prefix"] and not model.has_all_prefixes:
        data = prefix_batches(data, seed=0, first_step=0)
    for batch in data:
        step(batch)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("name", ["msdp", "sasrec", "dspnet"])
def test_of_two_questions_one_is_answered_by_what_comes_next_and_one_by_all_of_the_future(name):
    model = _train(name, ["next", "period"], every_event_tells_the_next)
    test = every_event_tells_the_next(1000)
    following, period = (
        model.network(model.read_history(test), question).items.numpy() for question in model.network.questions
    )
    assert np.mean(1 + np.argmax(following, axis=1) == test["next_item"].numpy()[:, 0]) > 0.9
    best = 1 + tf.math.top_k(period, 2).indices.numpy()
    assert np.mean(np.sort(best) == np.sort(test["future_items"].numpy())) > 0.9
    # One comes first in one list, and is no more likely than the other in the other list.
    gaps = [np.diff(np.sort(scores, axis=1)[:, -2:]).mean() for scores in (following, period)]
    assert gaps[0] > 3 * gaps[1]


@pytest.mark.slow
@pytest.mark.parametrize("question", ["prefix", "next"])
@pytest.mark.parametrize("name", ["msdp", "sasrec"])
def test_what_only_histories_tell_is_learned_with_the_question_prefix_alone(name, question):
    right, _ = _right(_train(name, [question], ends_otherwise), ends_with_held(1000))
    if question == "prefix":
        assert right > 0.9
    else:
        assert right < 0.6  # of three that may follow, one is right by chance
