"""Executor of SequenceExampleGen: builds the Beam graph, runs it, and reports the balance."""

import logging
import os
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.artifacts import Artifacts
from components.sequence_example_gen import (
    examples,
    graph,
    parsing,
    refusals,
    rejects,
    sources,
    splits,
    transforms,
)
from components.sequence_example_gen.balance import Balance
from components.sequence_example_gen.config import IngestSettings
from components.sequence_example_gen.summary import Summary
from schemas import sequences
from schemas.identity import read_salt

_log = logging.getLogger("dspnet")


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads a log and writes sequence examples, the id map and the rejected rows."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Runs the ingest.

        Args:
            input_dict: nothing.
            output_dict: ``examples``, ``id_map`` and ``rejects``, one artifact each.
            exec_properties: ``settings``, JSON of `IngestSettings`.

        Raises:
            ValueError: if the salt is missing, the log cannot be read, too many rows are bad, two ids share a
                fingerprint, or no training sequence is left. Bad rows are in the rejects file by then.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = IngestSettings.model_validate_json(exec_properties["settings"])
        salt = read_salt(settings.demo)
        if settings.source.layout == "events" and settings.split.by != "last":
            splits.plan_cuts(settings.windows, settings.split)  # Refuses wrong cutoffs before any work.
        artifact = artifact_utils.get_single_instance(output_dict["examples"])
        id_map_uri = artifact_utils.get_single_uri(output_dict["id_map"])
        rejects_uri = artifact_utils.get_single_uri(output_dict["rejects"])
        staging = os.path.join(self._get_tmp_dir(), "staging")
        split_uris = [os.path.join(artifact.uri, f"Split-{split}") for split in sequences.SPLITS]
        for folder in (*split_uris, id_map_uri, rejects_uri, staging):
            if not FileSystems.exists(folder):
                FileSystems.mkdirs(folder)

        shards = sources.list_shards(settings.source)
        summary = os.path.join(staging, "summary.json")
        with self._make_beam_pipeline() as pipeline:
            build(pipeline, settings, salt, shards, artifact.uri, id_map_uri, rejects_uri, staging, summary)
        merged = graph.read_summary(summary)
        balance = Balance(merged.counts, merged.times, merged.rejected)
        refuse(merged, balance, settings, rejects_uri)
        balance.check()
        _report(balance, settings)
        if balance["rows_rejected"]:
            _log.info("The rejected rows are listed in %s/rejects-*.csv", rejects_uri)
        _complete_empty(balance, settings, artifact.uri, rejects_uri, staging)
        _describe(artifact, balance)


def build(
    pipeline: beam.Pipeline,
    settings: IngestSettings,
    salt: bytes,
    shards: list[sources.InputShard],
    examples_uri: str,
    id_map_uri: str,
    rejects_uri: str,
    staging: str,
    summary: str,
) -> None:
    """Builds the graph: read, group by partition, cut and write; ids and summary beside it."""
    log = graph.read_log(pipeline, settings.source, settings.partitions, salt, shards, rejects_uri, staging)
    cut = (
        log.events
        | "ByPartition" >> beam.GroupByKey()
        | "CutAndWrite" >> beam.ParDo(transforms.WriteSequences(settings, examples_uri, staging))
    )
    ids = (
        log.ids
        | "ByFingerprint" >> beam.GroupByKey()
        | "WriteIdMap" >> beam.ParDo(transforms.WriteIdMap(id_map_uri, staging))
    )
    graph.merge_summaries((*log.summaries, cut, ids), summary, staging)


def refuse(summary: Summary, balance: Balance, settings: IngestSettings, rejects_uri: str) -> None:
    """Stops a run whose result must not be used.

    Raises:
        ValueError: says what is wrong, how much, and what to do.
    """
    problems = refusals.find_log_problems(summary, settings.source)
    if problems:
        raise ValueError("\n".join(problems))
    if balance.bad_share > settings.source.max_bad_share:
        raise ValueError(balance.describe_bad_rows(settings.source, _keep_rejects(rejects_uri)))
    if not balance["sequences_train"]:
        raise ValueError(refusals.describe_empty_train(balance, settings))


def _report(balance: Balance, settings: IngestSettings) -> None:
    """Tells what became of the log, and what was done to it that a person may not expect."""
    source = settings.source
    _log.info("SequenceExampleGen: %s", balance)
    _log.info("%s", balance.describe_times())
    if outside := refusals.find_cutoffs_outside(balance, settings):
        _log.warning("Outside of these times: %s", ", ".join(outside))
    if source.columns.scene_id is None and source.layout == "events":
        _log.info("source.columns.scene_id is null: all events are in one scene, %r", parsing.ONLY_SCENE)
    if balance["scenes_filled"]:
        _log.info("%s events without a scene got %r", f"{balance['scenes_filled']:,}", source.missing_scene)


def _keep_rejects(rejects_uri: str) -> str:
    """Copies the rejected rows to where they outlive the failure: TFX deletes the outputs of a failed step."""
    kept = rejects_uri.rstrip("/") + ".failed"
    if not FileSystems.exists(kept):
        FileSystems.mkdirs(kept)
    paths = [found.path for found in FileSystems.match([f"{rejects_uri}/rejects-*.csv"])[0].metadata_list]
    FileSystems.copy(paths, [os.path.join(kept, os.path.basename(path)) for path in paths])
    return kept


def _complete_empty(balance: Balance, settings: IngestSettings, uri: str, rejects_uri: str, staging: str) -> None:
    """Writes a file without records where there would be none, so that readers need no special case."""
    for split in sequences.SPLITS:
        if not balance[f"sequences_{split}"]:
            path = examples.locate_shard(uri, split, 0, settings.partitions)
            examples.write_empty_shard(path, staging)
    if not balance["rows_rejected"]:
        rejects.write_empty_rejects(f"{rejects_uri}/rejects-00000-00000.csv", staging)


def _describe(artifact: types.Artifact, balance: Balance) -> None:
    artifact.split_names = artifact_utils.encode_split_names(list(sequences.SPLITS))
    examples_utils.set_payload_format(artifact, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, "tfrecords_gzip")
    for name, count in balance.properties().items():
        artifact.set_int_custom_property(name, count)
