"""The train split as arrays, a batch at a time: what statistical methods read.

Unlike the batches of `model.data.batches`, events keep their times and futures their order and their repeats; rows are
ragged (values and where each row begins), so that one long history does not pad the rest.

The question says which events follow which, in counting as in training (`what_follows`):

========== ===================================================================================
``next``   the last event of a history is followed by the next ones: those of its future's first time
``period`` the last event of a history is followed by every event of its future
a window   the last event of a history is followed by every event of the window
``prefix`` the last event of each time of a history is followed by the next ones, its last by the future's
========== ===================================================================================

Events of a sequence in the same second are at one time; where each has a time of its own, one event is next. What a
sequence has twice among the next ones, or in its future, counts twice.

The choice matters more than it seems to: on news, the histories' own transitions (`prefix`) are worth a sixth of
`next`, because what was read before the cutoff is old by then.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.data.vocabulary import FingerprintTable
from model.questions import PERIOD, PREFIX, read_window
from schemas import sequences
from schemas.catalogue import Catalogue
from schemas.identity import FINGERPRINT_BUCKETS

BATCH_SIZE = 1024


class Events(NamedTuple):
    """The events of a batch of sequences, sequence after sequence, each oldest first.

    Attributes:
        items: int32 [E], indices of the catalogue, 1..N; N + 1 is not in it.
        scenes: int32 [E], indices of the catalogue, 1..N; N + 1 is not in it.
        timestamps: int64 [E], unix seconds.
        starts: int64 [S + 1]; sequence s has the events starts[s]..starts[s + 1] - 1.
    """

    items: npt.NDArray[np.int32]
    scenes: npt.NDArray[np.int32]
    timestamps: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


class SequenceBatch(NamedTuple):
    """A batch of sequences.

    Attributes:
        users: int64 [S], hash of the user of each sequence.
        history: histories of the sequences.
        future: futures of the sequences.
        cutoffs: int64 [S], unix seconds, when each future begins.
    """

    users: npt.NDArray[np.int64]
    history: Events
    future: Events
    cutoffs: npt.NDArray[np.int64]


class TrainSequences:
    """The sequences of the train split; they are read anew, in order, each time they are iterated over.

    Args:
        files: names or globs of gzipped TFRecords, as SequenceExampleGen writes them.
        items: the item catalogue.
        scenes: the scene catalogue.
        batch_size: sequences held at a time.

    Raises:
        FileNotFoundError: if no file matches.
    """

    def __init__(self, files: Sequence[str], items: Catalogue, scenes: Catalogue, batch_size: int = BATCH_SIZE):
        self._names = sorted(name for pattern in files for name in tf.io.gfile.glob(pattern))
        if not self._names:
            raise FileNotFoundError(f"No example files match {list(files)}: has SequenceExampleGen written this split?")
        self._items = FingerprintTable(items.fingerprints)
        self._scenes = FingerprintTable(scenes.fingerprints)
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[SequenceBatch]:
        records = tf.data.TFRecordDataset(self._names, compression_type="GZIP").batch(self._batch_size)
        parsed = records.map(self._parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(1)
        for users, history, future, cutoffs in parsed.as_numpy_iterator():
            yield SequenceBatch(users, Events(*history), Events(*future), cutoffs)

    def _parse(self, records: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tuple[tf.Tensor, ...], tf.Tensor]:
        names = (*sequences.HISTORY_FEATURES, *sequences.FUTURE_FEATURES)
        features: dict[str, Any] = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
        features[sequences.USER_ID] = tf.io.FixedLenFeature([], tf.string)
        features[sequences.CUTOFF] = tf.io.FixedLenFeature([], tf.int64)
        parsed = tf.io.parse_example(records, features)
        users = tf.strings.to_hash_bucket_fast(parsed[sequences.USER_ID], FINGERPRINT_BUCKETS)
        history, future = (
            self._events(parsed, names) for names in (sequences.HISTORY_FEATURES, sequences.FUTURE_FEATURES)
        )
        return users, history, future, parsed[sequences.CUTOFF]

    def _events(self, parsed: dict[str, tf.RaggedTensor], names: Sequence[str]) -> tuple[tf.Tensor, ...]:
        items, scenes, timestamps = (parsed[name] for name in names)
        return self._items(items.values), self._scenes(scenes.values), timestamps.values, items.row_splits


class Followed(NamedTuple):
    """Pairs of an event and one that follows it.

    Attributes:
        from_items: int32 [P], the item of each first event, an index of the catalogue.
        from_scenes: int32 [P], its scene.
        items: int32 [P], the item of the event that follows.
        scenes: int32 [P], its scene.
    """

    from_items: npt.NDArray[np.int32]
    from_scenes: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    scenes: npt.NDArray[np.int32]


def what_follows(batch: SequenceBatch, question: str) -> Followed:
    """Returns the pairs of a batch; a sequence without a history or without a future has pairs within itself alone.

    Args:
        batch: sequences.
        question: from `model.questions`.

    Raises:
        ValueError: if it is no question.
    """
    history, future = batch.history, events_asked_for(question, batch)
    number = np.where(np.diff(history.starts) > 0, np.diff(future.starts), 0)
    following = np.flatnonzero(np.repeat(number > 0, np.diff(future.starts)))
    across = _pairs(history, np.repeat(history.starts[1:] - 1, number), future, following)
    if question != PREFIX:
        return across
    begins = _find_times(history)
    of_sequence: npt.NDArray[np.int64] = np.searchsorted(history.starts, begins[:-1], side="right")
    # Of two times of one sequence, the last event of the first one is followed by all events of the second.
    later = 1 + np.flatnonzero(of_sequence[1:] == of_sequence[:-1])
    number = np.diff(begins)[later]
    following = np.arange(number.sum()) + np.repeat(begins[later] - np.cumsum(number) + number, number)
    within = _pairs(history, np.repeat(begins[later] - 1, number), history, following)
    return Followed(*(np.concatenate(columns) for columns in zip(within, across, strict=True)))


def events_asked_for(question: str, batch: SequenceBatch) -> Events:
    """Returns the events of the futures of a batch that a question asks for; of a prefix, those after the history.

    Raises:
        ValueError: if it is no question.
    """
    future, window = batch.future, read_window(question)
    if window is None:
        return future if question == PERIOD else next_events(future)
    if window.unit == "events":
        return _keep_first(future, window.length)
    of_sequence = np.repeat(np.arange(len(batch.cutoffs)), np.diff(future.starts))
    inside = future.timestamps < batch.cutoffs[of_sequence] + window.length * sequences.SECONDS_A_DAY
    return _take(future, np.flatnonzero(inside), np.bincount(of_sequence[inside], minlength=len(batch.cutoffs)))


def next_events(events: Events) -> Events:
    """Returns the events of the earliest time of each sequence; of one without any, none."""
    return _keep_first(events, 1)


def _keep_first(events: Events, size: int) -> Events:
    """Keeps the first events of each sequence, and those at the time of the last of them."""
    begins, lengths = _find_times(events), np.diff(events.starts)
    filled = lengths > 0
    last = events.starts[:-1] + np.minimum(size, lengths) - 1
    number = np.zeros(len(lengths), np.int64)
    after = np.searchsorted(begins, last[filled], side="right")  # where the time of the last event ends
    number[filled] = begins[after] - events.starts[:-1][filled]
    kept = np.arange(number.sum()) + np.repeat(events.starts[:-1] - np.cumsum(number) + number, number)
    return _take(events, kept, number)


def _take(events: Events, places: npt.NDArray[np.int64], number: npt.NDArray[np.int64]) -> Events:
    """Takes events at some places; `number` are of each sequence."""
    starts = np.concatenate([[0], np.cumsum(number)])
    return Events(events.items[places], events.scenes[places], events.timestamps[places], starts)


def _find_times(events: Events) -> npt.NDArray[np.int64]:
    """Returns where each time of each sequence begins, and the end: int64 [times + 1], rising."""
    changes = 1 + np.flatnonzero(events.timestamps[1:] != events.timestamps[:-1])
    return np.union1d(events.starts, changes)


def _pairs(before: Events, places: npt.NDArray[np.int64], after: Events, following: npt.NDArray[np.int64]) -> Followed:
    return Followed(before.items[places], before.scenes[places], after.items[following], after.scenes[following])
