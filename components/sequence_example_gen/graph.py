"""Beam graph of reading a log, shared by ingest and batch job: the log's events, its ids, and their summary."""

import dataclasses
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from components.sequence_example_gen import sources, transforms
from components.sequence_example_gen.config import SourceConfig
from components.sequence_example_gen.summary import Summary, merge


@dataclasses.dataclass(frozen=True)
class Log:
    """PCollections of a log that is read.

    Attributes:
        events: (partition, (place in the log, events)).
        ids: ((kind, shard), id map).
        summaries: two collections of `summary.Summary`.
    """

    events: Any
    ids: Any
    summaries: tuple[Any, Any]


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
        >> beam.ParDo(transforms.SplitShards(source)).with_outputs(transforms.SplitShards.SUMMARIES, main="shards")
    )
    read = (
        split.shards
        | "Spread" >> beam.Reshuffle()  # Else one worker would read all that it listed.
        | "Read"
        >> beam.ParDo(transforms.ReadLog(source, partitions, salt, rejects_uri, staging)).with_outputs(
            transforms.ReadLog.IDS, transforms.ReadLog.SUMMARIES, main="events"
        )
    )
    summaries = split[transforms.SplitShards.SUMMARIES], read[transforms.ReadLog.SUMMARIES]
    return Log(read.events, read[transforms.ReadLog.IDS], summaries)


def merge_summaries(summaries: tuple[Any, ...], path: str, staging: str) -> None:
    """Adds to a graph the merging of all summaries; the result is written where `read_summary` finds it."""
    _ = (
        summaries
        | "Summaries" >> beam.Flatten()
        | "MergeSummaries" >> beam.CombineGlobally(merge)
        | "WriteSummary" >> beam.Map(transforms.write_summary, path, staging)
    )


def read_summary(path: str) -> Summary:
    """Returns the summary of a graph that has run."""
    with FileSystems.open(path) as file:
        return Summary.from_json(file.read())
