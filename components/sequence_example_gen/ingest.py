"""The ingest: a log becomes sequence examples, id maps and lists of rejected rows; on Beam, without TFX."""

import dataclasses
import os
from collections.abc import Callable

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from components.sequence_example_gen import examples, graph, refusals, rejects, sources, splits, transforms
from components.sequence_example_gen.balance import Balance
from components.sequence_example_gen.config import IngestSettings
from schemas import sequences


@dataclasses.dataclass(frozen=True)
class IngestFolders:
    """Folders that an ingest writes into, on one filesystem.

    Attributes:
        examples: for the sequence examples, in a subfolder for each split.
        id_map: for the raw ids of items and scenes.
        rejects: for the lists of rejected rows.
        staging: for files while they grow.
    """

    examples: str
    id_map: str
    rejects: str
    staging: str

    def create(self) -> None:
        """Makes the folders that are not there yet."""
        split_folders = [os.path.join(self.examples, f"Split-{split}") for split in sequences.SPLITS]
        for folder in (*split_folders, self.id_map, self.rejects, self.staging):
            if not FileSystems.exists(folder):
                FileSystems.mkdirs(folder)


def ingest(
    settings: IngestSettings, salt: bytes, folders: IngestFolders, make_pipeline: Callable[[], beam.Pipeline]
) -> Balance:
    """Reads a log and writes its sequences.

    Args:
        settings: where the log lies, and how it is cut and split.
        salt: key of the users' hashes.
        folders: where to write; made if they are not there.
        make_pipeline: returns an empty Beam pipeline, which runs when it is left as a context.

    Returns:
        What became of every event. Whether it is fit for use is for `find_problems` to say.

    Raises:
        UserError: if a cutoff is missing, the log cannot be read or is empty, or two ids share a fingerprint.
    """
    if settings.source.layout == "events" and settings.split.by != "last":
        splits.plan_cuts(settings.windows, settings.split)  # Refuses wrong cutoffs before any work.
    folders.create()
    shards = sources.list_shards(settings.source)
    summary = os.path.join(folders.staging, "summary.json")
    with make_pipeline() as pipeline:
        _build(pipeline, settings, salt, shards, folders, summary)
    balance = refusals.make_balance(graph.read_summary(summary), settings.source)
    balance.check()
    _complete_empty(balance, settings, folders)
    return balance


def find_problems(balance: Balance, settings: IngestSettings, rejects_folder: str | None = None) -> list[str]:
    """Returns why the result of an ingest must not be used: what is wrong, how much, and what to do.

    Args:
        balance: what became of the events.
        settings: those of the ingest.
        rejects_folder: where a person finds the rejected rows listed; None if they are not kept.
    """
    problems = refusals.find_bad_rows(balance, settings.source, rejects_folder)
    # Without a good event there is nothing to say of the windows.
    if not balance["sequences_train"] and (balance.times is not None or not problems):
        problems.append(refusals.describe_empty_train(balance, settings))
    return problems


def _build(
    pipeline: beam.Pipeline,
    settings: IngestSettings,
    salt: bytes,
    shards: list[sources.InputShard],
    folders: IngestFolders,
    summary: str,
) -> None:
    """Builds the graph: read, group by partition, cut and write; ids and summary beside it."""
    staging = folders.staging
    log = graph.read_log(pipeline, settings.source, settings.partitions, salt, shards, folders.rejects, staging)
    cut = (
        log.events
        | "ByPartition" >> beam.GroupByKey()
        | "CutAndWrite" >> beam.ParDo(transforms.WriteSequences(settings, folders.examples, staging))
    )
    ids = (
        log.ids
        | "ByFingerprint" >> beam.GroupByKey()
        | "WriteIdMap" >> beam.ParDo(transforms.WriteIdMap(folders.id_map, staging))
    )
    graph.merge_summaries((*log.summaries, cut, ids), summary, staging)


def _complete_empty(balance: Balance, settings: IngestSettings, folders: IngestFolders) -> None:
    """Writes a file without records where there would be none, so that readers need no special case."""
    for split in sequences.SPLITS:
        if not balance[f"sequences_{split}"]:
            path = examples.locate_shard(folders.examples, split, 0, settings.partitions)
            examples.write_empty_shard(path, folders.staging)
    if not balance["rows_rejected"]:
        rejects.write_empty_rejects(f"{folders.rejects}/rejects-00000-00000.csv", folders.staging)
