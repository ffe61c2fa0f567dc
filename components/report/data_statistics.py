"""What the data are: their size, where the events of the log went, how long sequences are, and in which scenes."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.report.content import (
    EVENT_ACCOUNTING,
    DataStatistics,
    EventAccounting,
    LengthHistogram,
    SceneShare,
    SceneSwitches,
    SplitSize,
)
from schemas import sequences
from schemas.catalogue import Catalogue

ALL = "all"
OTHER = "(other)"
"""All scenes but the most frequent ones."""

MOST_SEQUENCES = 100_000
"""Enough for a share to be known to a thousandth, whatever the size of the data."""
BATCH_SIZE = 2048
SCENES_WITH_SHARE = 10
SCENES_WITH_SWITCHES = 8
MOST_BINS = 25

_REASON = "rejected_"

Int64s: TypeAlias = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class SplitTotals:
    """Sums over the sequences of a split.

    Attributes:
        sequences: number of sequences.
        history_events: number of events in their histories; with rolling windows an event counts in each window.
        future_events: number of events in their futures; with rolling windows an event counts in each window.
    """

    sequences: int
    history_events: int
    future_events: int

    @property
    def events(self) -> int:
        """Number of events in histories and futures."""
        return self.history_events + self.future_events

    def __add__(self, other: "SplitTotals") -> "SplitTotals":
        return SplitTotals(
            self.sequences + other.sequences,
            self.history_events + other.history_events,
            self.future_events + other.future_events,
        )


class SceneLists(NamedTuple):
    """The scenes of a batch of sequences, history and future in one.

    Attributes:
        fingerprints: int64 [events], sequence after sequence, oldest event first.
        lengths: int64 [batch], events of each sequence.
    """

    fingerprints: Int64s
    lengths: Int64s


@dataclasses.dataclass(frozen=True)
class SequenceStatistics:
    """What train sequences look like; the attributes are those of `DataStatistics`."""

    lengths: LengthHistogram
    scene_shares: tuple[SceneShare, ...]
    switches: SceneSwitches

    @property
    def sampled_sequences(self) -> int:
        """Number of sequences that were measured."""
        return self.lengths.sampled


def make_data_statistics(
    totals: Mapping[str, SplitTotals],
    items: int,
    scenes: int,
    properties: Mapping[str, int],
    measured: SequenceStatistics,
) -> DataStatistics:
    """Puts the statistics of the data together.

    Args:
        totals: sums over each split.
        items: number of items in the catalogue.
        scenes: number of scenes in the catalogue.
        properties: what SequenceExampleGen has stored on the examples.
        measured: what train sequences look like.
    """
    whole = sum(totals.values(), start=SplitTotals(0, 0, 0))
    pairs = whole.sequences * items
    return DataStatistics(
        table3=tuple(_measure_split(split, total) for split, total in {**totals, ALL: whole}.items()),
        items=items,
        scenes=scenes,
        density=whole.events / pairs if pairs else None,
        lengths=measured.lengths,
        scene_shares=measured.scene_shares,
        switches=measured.switches,
        sampled_sequences=measured.sampled_sequences,
        balance=EventAccounting(
            events_in=properties.get("events_in", 0),
            reasons={
                name.removeprefix(_REASON): count
                for name, count in sorted(properties.items())
                if name.startswith(_REASON)
            },
            **{name: properties.get(f"events_{name}", 0) for name in EVENT_ACCOUNTING},
        ),
    )


def _measure_split(split: str, total: SplitTotals) -> SplitSize:
    number = total.sequences
    return SplitSize(
        split=split,
        sequences=number,
        events=total.events,
        mean_history=total.history_events / number if number else None,
        mean_future=total.future_events / number if number else None,
    )


def read_totals(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> SplitTotals:
    """Returns the totals of a split from what StatisticsGen has counted; all are 0 for a split without sequences."""
    examples, values = 0, {sequences.HISTORY_ITEM_IDS: 0, sequences.FUTURE_ITEM_IDS: 0}
    for dataset in statistics.datasets:
        examples += dataset.num_examples
        for feature in dataset.features:
            (name,) = feature.path.step or [feature.name]
            if name in values:
                values[name] += feature.num_stats.common_stats.tot_num_values
    return SplitTotals(examples, *values.values())


def read_scenes(pattern: str, most: int = MOST_SEQUENCES) -> Iterator[SceneLists]:
    """Reads the scenes of the first sequences of each shard, about as many of each; shards hold users by hash.

    Args:
        pattern: glob of gzipped TFRecords of sequence examples.
        most: most sequences to read, or one a shard if there are more shards.

    Yields:
        Batches; memory does not grow with their number.
    """
    names = sorted(tf.io.gfile.glob(pattern))
    if not names:
        return
    each = max(most // len(names), 1)
    records = tf.data.Dataset.from_tensor_slices(names).flat_map(
        lambda name: tf.data.TFRecordDataset(name, compression_type="GZIP").take(each)
    )
    batches = records.batch(BATCH_SIZE).map(_parse_scenes, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)
    for fingerprints, lengths in batches.as_numpy_iterator():
        yield SceneLists(fingerprints, lengths)


def _parse_scenes(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    names = (sequences.HISTORY_SCENE_IDS, sequences.FUTURE_SCENE_IDS)
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
    parsed = tf.io.parse_example(records, features)
    events = tf.concat([parsed[name] for name in names], axis=1)
    return events.flat_values, events.row_lengths()


def measure_sequences(batches: Iterable[SceneLists], scenes: Catalogue) -> SequenceStatistics:
    """Measures the lengths and scenes of sequences, batch by batch.

    Args:
        batches: from `read_scenes`.
        scenes: catalogue of the scenes; its first scenes stand for themselves, the rest together for ``(other)``.
    """
    events = np.zeros(SCENES_WITH_SHARE + 1, np.int64)
    steps = np.zeros((SCENES_WITH_SWITCHES + 1,) * 2, np.int64)
    changes, lengths = 0, [np.empty(0, np.int64)]
    for batch in batches:
        rank = scenes.index_of(batch.fingerprints) - 1
        lengths.append(batch.lengths)
        events += np.bincount(np.minimum(rank, SCENES_WITH_SHARE), minlength=len(events))
        before, after = _pair_steps(rank, batch.lengths)
        changes += int(np.count_nonzero(before != after))
        places = np.minimum(before, SCENES_WITH_SWITCHES) * len(steps) + np.minimum(after, SCENES_WITH_SWITCHES)
        steps += np.bincount(places, minlength=steps.size).reshape(steps.shape)
    labels = _label_scenes(scenes, SCENES_WITH_SWITCHES)
    shares = (steps / np.maximum(steps.sum(axis=1, keepdims=True), 1))[: len(labels), : len(labels)]
    return SequenceStatistics(
        lengths=count_lengths(np.concatenate(lengths)),
        scene_shares=_share_events(events, _label_scenes(scenes, SCENES_WITH_SHARE)),
        switches=SceneSwitches(
            scenes=labels,
            share=tuple(map(tuple, shares.tolist())),
            switching=changes / max(int(steps.sum()), 1),
        ),
    )


def count_lengths(lengths: Int64s) -> LengthHistogram:
    """Counts lengths, int64 [n], in at most `MOST_BINS` bins of one width, the lowest of 1, 2, 5, 10, 20, ... ."""
    longest = int(lengths.max(initial=1))
    width = next(w for power in range(19) for w in np.multiply((1, 2, 5), 10**power) if longest <= w * MOST_BINS)
    bins = (np.maximum(lengths, 1) - 1) // width
    counts = np.bincount(bins, minlength=1)
    edges = 1 + int(width) * np.arange(len(counts) + 1)
    return LengthHistogram(tuple(edges.tolist()), tuple(counts.tolist()), len(lengths))


def _pair_steps(rank: Int64s, lengths: Int64s) -> tuple[Int64s, Int64s]:
    """Returns the scenes before and after each step within a sequence, int64 [steps] both."""
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    within = sequence[1:] == sequence[:-1]
    return rank[:-1][within], rank[1:][within]


def _label_scenes(scenes: Catalogue, most: int) -> tuple[str, ...]:
    return (*scenes.ids[:most].tolist(), *([OTHER] if len(scenes) > most else []))


def _share_events(events: Int64s, labels: tuple[str, ...]) -> tuple[SceneShare, ...]:
    shares = (events / max(int(events.sum()), 1)).tolist()
    rows = [SceneShare(label, share) for label, share in zip(labels, shares, strict=False)]
    named = rows[:SCENES_WITH_SHARE]
    # The catalogue counts all train sequences, this a part of them, so their orders may differ a little.
    return (*sorted(named, key=lambda row: -row.share), *rows[SCENES_WITH_SHARE:])
