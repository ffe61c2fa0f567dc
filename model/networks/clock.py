"""The clock: how long ago each event of a history was, and at what hour; beyond the paper, with `ModelConfig.times`.

An event's embedding has three more added to it, learned vectors of its age in steps of a half octave from a minute on,
of its hour of the day and of its day of the week (UTC). Of the user as a whole the network is told how long ago the
last event was, how long the history is in time and in events, and how long the mean pause is, as logarithms.

Where no times are known, all of this is a learned vector of its own: in training the times of one history in ten are
hidden, so that a request without times has an answer, too. Of one in ten more it is hidden when the question is asked,
as if that were at the last event.
"""

import math
from typing import Any

import tensorflow as tf
import tf_keras

from model.data.history import History
from model.networks.encoder import make_initializer
from schemas.sequences import SECONDS_A_DAY

AGES = 48
"""Steps of age: the last one begins after 22 years."""
HOURS, DAYS = 24, 7
HIDDEN_SHARE = 0.1
"""Share of histories whose times are hidden in training."""

_HOUR = 3600
_FIRST_DAY = 3  # 1970-01-01 was a Thursday
FEATURES = 5


class EventClock(tf_keras.layers.Layer):
    """Embeds the times of events.

    Args:
        dim: width d of the embeddings of events.
    """

    def __init__(self, dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        for name, size in (("ages", AGES), ("hours", HOURS), ("days", DAYS)):
            # One row more, the first, is for the unknown.
            weights = self.add_weight(name, shape=[size + 1, dim], initializer=make_initializer())
            setattr(self, name, weights)

    def call(self, history: History) -> tf.Tensor:
        """Returns what is added to the embeddings of events, float [batch, time, dim].

        Args:
            history: its times, if it has any, aligned with its events.
        """
        times, now = fill_now(history).asked
        known = times > 0
        age = tf.maximum(now[:, tf.newaxis] - times, 0)
        steps = {"ages": age_step(age), "hours": times // _HOUR % HOURS}
        steps["days"] = (times // SECONDS_A_DAY + _FIRST_DAY) % DAYS
        rows = {name: tf.where(known, 1 + tf.cast(step, tf.int32), 0) for name, step in steps.items()}
        return tf.add_n([tf.gather(tf.convert_to_tensor(getattr(self, name)), row) for name, row in rows.items()])


def age_step(seconds: tf.Tensor) -> tf.Tensor:
    """Returns the step of an age, int32: 0 for less than a minute, then two for each doubling, at most `AGES` - 1."""
    minutes = tf.cast(seconds, tf.float32) / 60.0
    step = 1 + tf.cast(tf.floor(2 * tf.math.log(tf.maximum(minutes, 1.0)) / math.log(2.0) + 1e-4), tf.int32)
    return tf.where(minutes < 1.0, 0, tf.minimum(step, AGES - 1))


def describe_user(history: History) -> tf.Tensor:
    """Returns what a user's times tell as a whole, float32 [batch, `FEATURES`]; zeros where they are unknown.

    Args:
        history: with times; `fill_now` has been here.
    """
    times, now = history.asked
    valid = times > 0
    number = tf.reduce_sum(tf.cast(valid, tf.float32), axis=1)
    last = tf.reduce_max(times, axis=1)
    first = tf.reduce_min(tf.where(valid, times, tf.int64.max), axis=1)
    known = number > 0
    since, span = (tf.cast(tf.where(known, x, 0), tf.float32) for x in (now - last, last - first))
    pause = span / tf.maximum(number - 1, 1)
    logs = [tf.math.log1p(tf.maximum(x, 0.0) / 60.0) / 10.0 for x in (since, span, pause)]
    features = tf.stack([tf.ones_like(number), *logs, tf.math.log1p(number) / 5.0], axis=1)
    return tf.where(known[:, tf.newaxis], features, 0.0)


def fill_now(history: History) -> History:
    """Returns a history with times, 0 where unknown; asked at an unknown time, it is that of the last event."""
    if history.times is None:
        shape = tf.shape(history.items)
        return history._replace(times=tf.zeros(shape, tf.int64), now=tf.zeros(shape[:1], tf.int64))
    now = tf.zeros_like(history.times[:, 0]) if history.now is None else history.now
    last = tf.reduce_max(tf.pad(history.times, [[0, 0], [1, 0]]), axis=1)
    return history._replace(now=tf.where(now > 0, now, last))


def hide_times(history: History, draws: tf.Tensor) -> History:
    """Returns histories of which some have no times, and some do not say when the question is asked.

    Args:
        history: with times.
        draws: float [batch] in [0, 1); below `HIDDEN_SHARE` hides the times, up to twice that the time of asking.
    """
    if history.times is None:
        return history
    times = history.times
    now = tf.zeros(tf.shape(times)[:1], tf.int64) if history.now is None else history.now
    timed, asked = draws >= HIDDEN_SHARE, draws >= 2 * HIDDEN_SHARE
    return history._replace(times=tf.where(timed[:, tf.newaxis], times, 0), now=tf.where(asked, now, 0))
