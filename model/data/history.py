"""The history of a batch of users, as networks read it."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from model.data.padding import ensure_column, right_align


class History(NamedTuple):
    """What a batch of users did before, as indices of the catalogues; padding may stand anywhere.

    Attributes:
        items: int [batch, time], oldest first, 0 where padded, N + 1 where unknown or masked.
        scenes: int [batch, time'], likewise.
        times: int64 [batch, time''], when the events were, unix seconds plus one, 0 where padded; None where nobody
            knows. A row of zeros is unknown, too.
        now: int64 [batch], when the question is asked, unix seconds plus one; None where `times` is. Where it is 0, it
            is the time of the last event.
    """

    items: tf.Tensor
    scenes: tf.Tensor
    times: tf.Tensor | None = None
    now: tf.Tensor | None = None

    @property
    def asked(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The times of the events, and when the question is asked, of a history that has them."""
        assert self.times is not None and self.now is not None, "fill_now gives a history times"
        return self.times, self.now


def align(history: History, length: int | None = None) -> History:
    """Returns the latest events of histories, right-aligned, items, scenes and times in as many columns, at least one.

    Args:
        history: of any padding.
        length: the most events that are kept; None for all.
    """
    parts = [ensure_column(x) for x in (history.items, history.scenes, history.times) if x is not None]
    widest = tf.reduce_max([tf.shape(x)[1] for x in parts])
    kept = [right_align(x, widest if length is None else length) for x in parts]
    width = tf.reduce_max([tf.shape(x)[1] for x in kept])
    items, scenes, *times = (tf.pad(x, [[0, 0], [width - tf.shape(x)[1], 0]]) for x in kept)
    return History(items, scenes, times[0] if times else None, history.now)


def concatenate(histories: Sequence[History]) -> History:
    """Returns one batch of several, all of the same width, and all with times or none."""
    parts = zip(*histories, strict=True)
    return History(*(None if part[0] is None else tf.concat(part, axis=0) for part in parts))
