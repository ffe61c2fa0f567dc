import datetime
import math

import numpy as np
import pytest
import tensorflow as tf

from model.data.history import History
from model.networks.clock import AGES, EventClock, age_step, describe_user, fill_now, hide_times

NOON = int(datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC).timestamp())
TIMES = np.array([[0, NOON - 90_000, NOON - 60, NOON], [0, 0, 0, 0]], np.int64)
NOW = np.array([NOON + 600, 0], np.int64)


def history(times=TIMES, now=NOW):
    items = tf.constant([[0, 5, 6, 7], [0, 0, 8, 9]])
    return History(items, items, tf.constant(times), tf.constant(now))


@pytest.mark.parametrize(
    ("seconds", "step"), [(0, 0), (59, 0), (60, 1), (84, 1), (85, 2), (120, 3), (240, 5), (10**10, AGES - 1)]
)
def test_ages_go_by_half_octaves(seconds, step):
    assert int(age_step(tf.constant(seconds, tf.int64))) == step


def test_an_event_has_the_vectors_of_its_age_hour_and_day():
    clock = EventClock(3)
    for weights in clock.weights:
        weights.assign(np.random.RandomState(0).normal(size=weights.shape))
    found = clock(history()).numpy()
    ages, hours, days = (weights.numpy() for weights in (clock.ages, clock.hours, clock.days))
    for place in (1, 2, 3):
        at = datetime.datetime.fromtimestamp(int(TIMES[0, place]), datetime.UTC)
        minutes = (NOW[0] - TIMES[0, place]) / 60
        age = 1 + math.floor(2 * math.log2(minutes) + 1e-4)
        np.testing.assert_allclose(
            found[0, place], ages[1 + age] + hours[1 + at.hour] + days[1 + at.weekday()], rtol=1e-5
        )
    unknown = ages[0] + hours[0] + days[0]
    np.testing.assert_allclose(found[1], np.tile(unknown, [4, 1]), rtol=1e-6)


def test_a_user_is_described_by_pauses():
    known, unknown = describe_user(history()).numpy()
    minutes = np.array([600, 90_000, 45_000]) / 60
    np.testing.assert_allclose(known, [1, *(np.log1p(minutes) / 10), np.log1p(3) / 5], rtol=1e-5)
    np.testing.assert_array_equal(unknown, 0)


def test_asked_at_an_unknown_time_it_is_that_of_the_last_event():
    filled = fill_now(history(now=np.zeros(2, np.int64)))
    np.testing.assert_array_equal(filled.now, [NOON, 0])
    nothing = fill_now(History(*history()[:2]))
    assert not nothing.times.numpy().any() and not nothing.now.numpy().any()
    assert nothing.times.shape == [2, 4] and nothing.times.dtype == tf.int64


def test_times_of_some_are_hidden_in_training():
    times = np.tile(TIMES[:1], [3, 1])
    items = tf.ones([3, 4], tf.int32)
    hidden = hide_times(
        History(items, items, tf.constant(times), tf.constant([NOON] * 3)), tf.constant([0.05, 0.15, 0.25])
    )
    np.testing.assert_array_equal(hidden.times, [[0] * 4, times[1], times[2]])
    np.testing.assert_array_equal(hidden.now, [0, 0, NOON])
