"""Repeat behaviour, beyond the paper: an item of the history is likely to come again.

A low-rank score o . e cannot single out the few dozen items that one user buys again and again; counting can.
As in pointer networks, the next item may be drawn from the catalogue or copied from the history, so for an item
k of the history the score s_k becomes

    log( exp(s_k) + share_k exp(g(f_k, p_k, z) + c_k) )

where share_k is the part that the events of k have of the history, g is a small MLP over features f_k of these events
(`describe_own_items`), the item's popularity p_k and the user's representation z, and c_k tells staples from one-off
purchases.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from model.data.history import History
from model.data.vocabulary import find
from schemas.catalogue import PAD_INDEX
from schemas.sequences import SECONDS_A_DAY

HALF_LIVES_EVENTS = (8.0, 64.0, 512.0)
"""Later events after which an event counts half."""
HALF_LIVES_DAYS = (1.0, 7.0, 30.0, 120.0)
"""Days after which an event counts half."""
HIDDEN_WIDTH = 32
USER_WIDTH = 8


class Cells(NamedTuple):
    """Cells of a score matrix, each once.

    Attributes:
        rows: int64 [C], the row of each.
        columns: int64 [C], its 0-based candidate.
    """

    rows: tf.Tensor
    columns: tf.Tensor


def exclude(scores: tf.Tensor, cells: Cells) -> tf.Tensor:
    """Returns scores, float [batch, N], with minus infinity at some cells."""
    nothing = tf.fill(tf.shape(cells.rows), tf.constant(float("-inf"), scores.dtype))
    return tf.tensor_scatter_nd_update(scores, tf.stack([cells.rows, cells.columns], axis=1), nothing)


class CopyScores(NamedTuple):
    """What a batch copies from its histories: the few cells of the score matrix that it raises, each once.

    Attributes:
        rows: int64 [C], the row of each cell.
        columns: int64 [C], its 0-based candidate.
        values: float [C], the log of what is copied.
    """

    rows: tf.Tensor
    columns: tf.Tensor
    values: tf.Tensor


def add_copies(scores: tf.Tensor, copies: CopyScores) -> tf.Tensor:
    """Mixes what is copied into a score matrix.

    Args:
        scores: float [batch, N].
        copies: cells of this matrix.

    Returns:
        float [batch, N].
    """
    cells = tf.stack([copies.rows, copies.columns], axis=1)
    gain = tf.math.softplus(copies.values - tf.gather_nd(scores, cells))
    return tf.tensor_scatter_nd_add(scores, cells, gain)


def add_copies_at(scores: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, copies: CopyScores) -> tf.Tensor:
    """Mixes what is copied into some cells alone, for those who have no score matrix.

    Args:
        scores: float [P], the scores of P cells.
        rows: int64 [P], their rows.
        columns: int64 [P], their 0-based candidates.
        copies: what the same batch copies.

    Returns:
        float [P]; the score itself where nothing is copied.
    """
    # One column more than any in use keeps the keys of two rows apart; rows times catalogue takes 64 bits.
    width = tf.reduce_max(tf.concat([columns, copies.columns, [0]], axis=0)) + 1
    keys = copies.rows * width + copies.columns
    order = tf.argsort(keys)
    found, place = find(tf.gather(keys, order), rows * width + columns)
    copied = tf.gather(copies.values, tf.gather(order, place))
    gain = tf.math.softplus(copied - tf.gather(scores, found))
    return tf.tensor_scatter_nd_add(scores, found[:, tf.newaxis], gain)


class OwnItems(NamedTuple):
    """The items that a batch has in its histories, and what tells whether they come again.

    Attributes:
        rows: int64 [C], the user of each, rising.
        columns: int64 [C], its 0-based item.
        share: float [C], which part of the history its events are.
        features: float [C, F].
    """

    rows: tf.Tensor
    columns: tf.Tensor
    share: tf.Tensor
    features: tf.Tensor


def find_own_items(items: tf.Tensor, catalogue_size: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Finds the items of histories that are in the catalogue.

    Args:
        items: int [batch, time], 0 where padded, N + 1 where unknown.
        catalogue_size: N.

    Returns:
        The places of their events, int64 [E, 2], the item that each event is of, int32 [E], a number below C, and the
        row and the 0-based column of each item, int64 [C].
    """
    places = tf.where(tf.logical_and(items != PAD_INDEX, items <= catalogue_size))
    column = tf.cast(tf.gather_nd(items, places), tf.int64) - 1
    key, group = tf.unique(places[:, 0] * catalogue_size + column)
    return places, group, key // catalogue_size, key % catalogue_size


def describe_own_items(history: History, catalogue_size: int) -> OwnItems:
    """Describes the items of histories.

    Of an item: how many events and baskets (distinct times) it has; the same decayed by the number of later events and
    by time; how many events and how much time ago it was last, and first; the mean pause between its baskets, and how
    many pauses ago it was last. Of the user: events, distinct items, and the time that the history spans. All are
    logarithms of numbers. Where times are unknown, those that need them are 0.

    Args:
        history: with times, items and times in as many columns; `model.networks.clock.fill_now` has been here.
        catalogue_size: N.
    """
    items, (times, now) = history.items, history.asked
    valid = items != PAD_INDEX
    places, group, rows, columns = find_own_items(items, catalogue_size)
    cells = tf.size(rows)

    def add_up(of_events: tf.Tensor) -> tf.Tensor:
        return tf.math.unsorted_segment_sum(of_events, group, cells)

    def of_user(numbers: tf.Tensor) -> tf.Tensor:
        return tf.gather(numbers, rows)

    later = tf.gather_nd(tf.cumsum(tf.cast(valid, tf.float32), axis=1, reverse=True), places)  # 1 is the latest event
    count = add_up(tf.ones_like(later))
    number = tf.reduce_sum(tf.cast(valid, tf.float32), axis=1)
    distinct = tf.math.unsorted_segment_sum(tf.ones_like(count), rows, tf.shape(items, tf.int64)[0])
    share = count / of_user(number)

    at = tf.gather_nd(times, places)
    known = tf.reduce_any(times > 0, axis=1)
    age = tf.cast(tf.maximum(tf.gather(now, places[:, 0]) - at, 0), tf.float32) / SECONDS_A_DAY
    last, first = tf.math.unsorted_segment_min(age, group, cells), tf.math.unsorted_segment_max(age, group, cells)
    # Events of an item in one basket: those at a time that is the same as at the event before.
    changes = tf.pad(tf.cast(times[:, 1:] != times[:, :-1], tf.int64), [[0, 0], [1, 0]])
    basket = tf.gather_nd(tf.cumsum(changes, axis=1), places)
    width = tf.shape(items, tf.int64)[1]
    pairs, _ = tf.unique(tf.cast(group, tf.int64) * width + basket)
    baskets = tf.math.unsorted_segment_sum(tf.ones_like(pairs, tf.float32), pairs // width, cells)
    pause = (first - last) / tf.maximum(baskets - 1, 1)
    returned = baskets > 1
    longest = tf.math.unsorted_segment_max(first, rows, tf.shape(items)[0])

    timed = [
        tf.math.log1p(baskets),
        *(tf.math.log1p(add_up(0.5 ** (age / days))) for days in HALF_LIVES_DAYS),
        tf.math.log1p(24 * last) / 4,
        tf.math.log1p(24 * first) / 4,
        tf.where(returned, tf.math.log1p(24 * pause), 0.0) / 4,
        tf.where(returned, tf.math.log1p(last / tf.maximum(pause, 1 / 24)), 0.0),
        tf.cast(returned, tf.float32),
        of_user(tf.math.log1p(24 * tf.maximum(longest, 0.0))) / 4,
        tf.ones_like(count),
    ]
    of_known = of_user(known)
    features = [
        tf.math.log1p(count),
        tf.math.log(share) / 4,
        *(tf.math.log1p(add_up(0.5 ** (later / events))) for events in HALF_LIVES_EVENTS),
        tf.math.log(tf.math.unsorted_segment_min(later, group, cells)) / 4,
        of_user(tf.math.log1p(number)) / 4,
        of_user(tf.math.log1p(distinct)) / 4,
        *(tf.where(of_known, feature, 0.0) for feature in timed),
    ]
    return OwnItems(rows, columns, share, tf.stack(features, axis=1))


class RepeatHead(tf_keras.layers.Layer):
    """Finds by how much the scores of the items of a history rise.

    Args:
        log_popularity: float [N], the log of each item's share of the targets.
    """

    def __init__(self, log_popularity: npt.NDArray[np.float32], **kwargs: Any):
        super().__init__(**kwargs)
        self.catalogue_size = len(log_popularity)
        self.popularity = tf.Variable(log_popularity / 10, trainable=False, name="popularity")
        self.user = tf_keras.layers.Dense(USER_WIDTH, name="user")
        self.hidden = [tf_keras.layers.Dense(HIDDEN_WIDTH, tf.nn.gelu, name=f"hidden_{i}") for i in range(2)]
        # It begins as counting does, and so does not have to learn that first.
        self.output_layer = tf_keras.layers.Dense(
            1, kernel_initializer="zeros", bias_initializer=tf_keras.initializers.Constant(-1.0), name="output"
        )

    def build(self, input_shape: Any) -> None:
        """Creates the weights of items."""
        self.item_bias = self.add_weight("item_bias", shape=[self.catalogue_size], initializer="zeros")
        super().build(input_shape)

    def call(self, history: History, representation: tf.Tensor) -> CopyScores:
        """Returns what each user copies from the history; `add_copies` mixes it into scores.

        Args:
            history: as `describe_own_items` reads it.
            representation: float [batch, d], the user's z.
        """
        own = describe_own_items(history, self.catalogue_size)
        popularity = tf.gather(tf.convert_to_tensor(self.popularity), own.columns)
        user = tf.gather(self.user(representation), own.rows)
        state = tf.concat([own.features, popularity[:, tf.newaxis], user], axis=1)
        for layer in self.hidden:
            state = layer(state)
        learned = self.output_layer(state)[:, 0] + tf.gather(self.item_bias, own.columns)
        return CopyScores(own.rows, own.columns, learned + tf.math.log(own.share))
