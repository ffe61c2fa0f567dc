"""The parts of a Beam graph that every reader of a log shares: reading it, and summing what was counted."""

import dataclasses
import json
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from components.sequence_example_gen import sources, transforms
from components.sequence_example_gen.config import SourceConfig


@dataclasses.dataclass(frozen=True)
class Log:
    """What reading a log gives, as PCollections.

    Attributes:
        events: (partition, (place in the log, events)).
        ids: ((kind, shard), id map).
        facts: two collections of `transforms.Fact`.
    """

    events: Any
    ids: Any
    facts: tuple[Any, Any]


def read_log(
    pipeline: beam.Pipeline,
    source: SourceConfig,
    partitions: int,
    salt: bytes,
    units: list[sources.InputShard],
    rejects_uri: str,
    staging: str,
) -> Log:
    """Adds the reading of a log to a graph.

    Args:
        pipeline: the graph.
        source: how the log is written.
        partitions: into how many parts users are hashed.
        salt: key of the users' hashes.
        units: of `sources.list_units`.
        rejects_uri: folder for the files of bad rows.
        staging: folder, on the same filesystem, for files while they grow.
    """
    split = (
        pipeline
        | "Files" >> beam.Create(units)
        | "SplitUnits"
        >> beam.ParDo(transforms.SplitUnits(source)).with_outputs(transforms.SplitUnits.FACTS, main="units")
    )
    read = (
        split.units
        | "Spread" >> beam.Reshuffle()  # Else one worker would read all that it listed.
        | "Read"
        >> beam.ParDo(transforms.ReadLog(source, partitions, salt, rejects_uri, staging)).with_outputs(
            transforms.ReadLog.IDS, transforms.ReadLog.FACTS, main="events"
        )
    )
    facts = split[transforms.SplitUnits.FACTS], read[transforms.ReadLog.FACTS]
    return Log(read.events, read[transforms.ReadLog.IDS], facts)


def sum_facts(facts: tuple[Any, ...], summary: str, staging: str) -> None:
    """Adds to a graph that all facts are summed and written where `read_summary` finds them."""
    _ = (
        facts
        | "Facts" >> beam.Flatten()
        | "SumFacts" >> beam.CombinePerKey(sum)
        | "ListFacts" >> beam.combiners.ToList()
        | "WriteSummary" >> beam.Map(transforms.write_summary, summary, staging)
    )


def read_summary(summary: str) -> tuple[dict[str, int], list[str]]:
    """Returns the counts and the problems of a graph that has run."""
    with FileSystems.open(summary) as file:
        facts = json.loads(file.read())
    return facts[transforms.COUNT], list(facts[transforms.PROBLEM])
