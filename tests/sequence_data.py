"""Small sequence examples and catalogues for tests of everything behind SequenceExampleGen."""

import collections
import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from scipy import sparse

from model.data.target_counts import TargetCounts
from schemas import catalogue as catalogue_schema
from schemas import sequences
from schemas.identity import fingerprints


@dataclasses.dataclass(frozen=True)
class Sequence:
    """Raw ids of one user: (item, scene) pairs of the history and of the future, and when these happened."""

    history: list[tuple[str, str]]
    future: list[tuple[str, str]]
    history_times: Iterable[int] | None = None
    future_times: Iterable[int] | None = None


def planted(number: int, seed: int, items: int = 12, scenes: int = 3) -> list[Sequence]:
    """Sequences with a pattern: item i is followed by item i + 1, and scene s by scene s + 1."""
    rng = np.random.RandomState(seed)
    result = []
    for _ in range(number):
        item, scene, length = rng.randint(items), rng.randint(scenes), rng.randint(1, 6)
        walk = [(f"item{(item + i) % items}", f"scene{(scene + i) % scenes}") for i in range(length + 2)]
        result.append(Sequence(history=walk[:length], future=walk[length:]))
    return result


def write_examples(path: pathlib.Path, data: Iterable[Sequence], users: Iterable[int] | None = None) -> str:
    """Writes gzipped TFRecords as SequenceExampleGen does, of users numbered by place; returns the file's name."""

    def ints(values: Iterable[int]) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
        for number, sequence in enumerate(data) if users is None else zip(users, data, strict=True):
            feature = {sequences.USER_ID: tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"%032x" % number]))}
            for events, times, names in (
                (sequence.history, sequence.history_times, sequences.HISTORY_FEATURES),
                (sequence.future, sequence.future_times, sequences.FUTURE_FEATURES),
            ):
                feature[names[0]] = ints(fingerprints([item for item, _ in events]))
                feature[names[1]] = ints(fingerprints([scene for _, scene in events]))
                feature[names[2]] = ints(range(len(events)) if times is None else times)
            # Asked right after the history's last event.
            feature[sequences.CUTOFF] = ints(
                [1 + max(feature[sequences.HISTORY_TIMESTAMPS].int64_list.value, default=0)]
            )
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    return str(path)


def catalogues(data: Iterable[Sequence]) -> tuple[catalogue_schema.Catalogue, catalogue_schema.Catalogue]:
    """The item and scene catalogue of train sequences, counted the slow way."""
    data = list(data)
    result = []
    for column in (0, 1):
        future = collections.Counter(event[column] for sequence in data for event in sequence.future)
        count = future + collections.Counter(event[column] for sequence in data for event in sequence.history)
        prints = dict(zip(count, fingerprints(count).tolist(), strict=True))
        ids = sorted(count, key=lambda raw_id: (-count[raw_id], prints[raw_id]))
        result.append(
            catalogue_schema.Catalogue(
                fingerprints=np.array([prints[raw_id] for raw_id in ids], np.int64),
                ids=np.array(ids, object),
                counts=np.array([count[raw_id] for raw_id in ids], np.int64),
                future_counts=np.array([future[raw_id] for raw_id in ids], np.int64),
            )
        )
    return result[0], result[1]


def target_counts(
    data: Iterable[Sequence],
    question: str,
    items: catalogue_schema.Catalogue,
    scenes: catalogue_schema.Catalogue,
    strength: float = 5.0,
) -> TargetCounts:
    """The targets of a question in train sequences, counted the slow way, with a strength of one's own."""
    columns = [{raw_id: place for place, raw_id in enumerate(catalogue.ids)} for catalogue in (items, scenes)]
    totals = [np.zeros(len(catalogue), np.int64) for catalogue in (items, scenes)]
    by_scene = [np.zeros([len(scenes), len(catalogue)], np.int64) for catalogue in (items, scenes)]
    repeated = 0
    for sequence in data:
        times = range(len(sequence.future)) if sequence.future_times is None else list(sequence.future_times)
        asked = [
            event
            for event, time in zip(sequence.future, times, strict=True)
            if question == "period" or time == times[0]
        ]
        for kind in (0, 1):
            for raw_id in {event[kind] for event in asked} & set(columns[kind]):
                totals[kind][columns[kind][raw_id]] += 1
                last = sequence.history[-1][1] if sequence.history else None
                if last in columns[1]:
                    by_scene[kind][columns[1][last], columns[kind][raw_id]] += 1
                repeated += kind == 0 and raw_id in {item for item, _ in sequence.history}
    of_items, of_scenes = map(sparse.csr_matrix, by_scene)
    repeats = repeated / max(1, totals[0].sum())
    return TargetCounts(*totals, of_items, strength, of_scenes, strength, repeats)


def no_times(users: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Times of events and of the request that nobody knows, as `model.ranker.Answer.encode` takes them."""
    return tf.zeros([users, 0], tf.int64), tf.zeros([users], tf.int64)


def write_catalogues(folder: pathlib.Path, data: Iterable[Sequence]) -> str:
    """Writes both catalogues as the Catalogue component does; returns the folder's name."""
    folder.mkdir(parents=True, exist_ok=True)
    items, scenes = catalogues(data)
    catalogue_schema.write_catalogue(items, str(folder / catalogue_schema.ITEMS_FILE))
    catalogue_schema.write_catalogue(scenes, str(folder / catalogue_schema.SCENES_FILE))
    return str(folder)
