"""Small sequence examples and catalogues for tests of everything behind SequenceExampleGen."""

import collections
import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

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


def write_catalogues(folder: pathlib.Path, data: Iterable[Sequence]) -> str:
    """Writes both catalogues as the Catalogue component does; returns the folder's name."""
    folder.mkdir(parents=True, exist_ok=True)
    items, scenes = catalogues(data)
    catalogue_schema.write_catalogue(items, str(folder / catalogue_schema.ITEMS_FILE))
    catalogue_schema.write_catalogue(scenes, str(folder / catalogue_schema.SCENES_FILE))
    return str(folder)
