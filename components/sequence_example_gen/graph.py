"""Beam graph of reading a log, shared by ingest and batch job: the log's events, its ids, and summed counters."""

import dataclasses
import json
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from components.sequence_example_gen import sources, transforms
from components.sequence_example_gen.config import SourceConfig


@dataclasses.dataclass(frozen=True)
class Log:
    """PCollections of a log that is read.

    Attributes:
        events: (partition, (place in the log, events)).
        ids: ((kind, shard), id map).
        counters: two collections of `transforms.Counter`.
    """

    events: Any
    ids: Any
    counters: tuple[Any, Any]


def read_log(
    pipeline: beam.Pipeline,
    source: SourceConfig,
    partitions: int,
    salt: bytes,
    shards: list[sources.InputShard],
    rejects_uri: str,
    staging: str,
) -> Log:
    """Adds the reading of a log to a graph.

    Args:
        pipeline: the graph.
        source: how the log is written.
        partitions: number of parts into which users are hashed.
        salt: key of the users' hashes.
        shards: files, from `sources.list_shards`.
        rejects_uri: folder for the files of bad rows.
        staging: folder, on the same filesystem, for files while they grow.
    """
    split = (
        pipeline
        | "Files" >> beam.Create(shards)
        | "SplitShards"
        >> beam.ParDo(transforms.SplitShards(source)).with_outputs(transforms.SplitShards.COUNTERS, main="shards")
    )
    read = (
        split.shards
        | "Spread" >> beam.Reshuffle()  # Else one worker would read all that it listed.
        | "Read"
        >> beam.ParDo(transforms.ReadLog(source, partitions, salt, rejects_uri, staging)).with_outputs(
            transforms.ReadLog.IDS, transforms.ReadLog.COUNTERS, main="events"
        )
    )
    counters = split[transforms.SplitShards.COUNTERS], read[transforms.ReadLog.COUNTERS]
    return Log(read.events, read[transforms.ReadLog.IDS], counters)


def sum_counters(counters: tuple[Any, ...], summary: str, staging: str) -> None:
    """Adds to a graph the summing of all counters; they are written where `read_summary` finds them."""
    _ = (
        counters
        | "Counters" >> beam.Flatten()
        | "SumCounters" >> beam.CombinePerKey(sum)
        | "ListCounters" >> beam.combiners.ToList()
        | "WriteSummary" >> beam.Map(transforms.write_summary, summary, staging)
    )


def read_summary(summary: str) -> tuple[dict[str, int], list[str]]:
    """Returns the counts and the problems of a graph that has run."""
    with FileSystems.open(summary) as file:
        counters = json.loads(file.read())
    return counters[transforms.COUNT], list(counters[transforms.PROBLEM])


def read_times(summary: str) -> tuple[int, int] | None:
    """Returns the times of the first and the last event, unix microseconds, of a graph that has cut sequences.

    They are None where there is no event.
    """
    with FileSystems.open(summary) as file:
        counters = json.loads(file.read())
    first, last = (counters[kind].values() for kind in (transforms.FIRST_TIME, transforms.LAST_TIME))
    return (min(first), max(last)) if first else None
