"""Executor of SequenceExampleGen: runs the ingest, and reports the balance."""

import logging
import os
from typing import Any

from apache_beam.io.filesystems import FileSystems
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.artifacts import Artifacts
from components.sequence_example_gen import parsing, refusals
from components.sequence_example_gen.balance import Balance
from components.sequence_example_gen.config import IngestSettings
from components.sequence_example_gen.ingest import IngestFolders, find_problems, ingest
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
        artifact = artifact_utils.get_single_instance(output_dict["examples"])
        folders = IngestFolders(
            examples=artifact.uri,
            id_map=artifact_utils.get_single_uri(output_dict["id_map"]),
            rejects=artifact_utils.get_single_uri(output_dict["rejects"]),
            staging=os.path.join(self._get_tmp_dir(), "staging"),
        )
        balance = ingest(settings, salt, folders, self._make_beam_pipeline)
        refuse(balance, settings, folders.rejects)
        _report(balance, settings)
        if balance["rows_rejected"]:
            _log.info("The rejected rows are listed in %s/rejects-*.csv", folders.rejects)
        _describe(artifact, balance)


def refuse(balance: Balance, settings: IngestSettings, rejects_uri: str) -> None:
    """Stops a run whose result must not be used; its rejected rows are copied to where they outlive the failure.

    Raises:
        ValueError: says what is wrong, how much, and what to do.
    """
    if problems := find_problems(balance, settings, _locate_kept_rejects(rejects_uri)):
        _keep_rejects(rejects_uri)
        raise ValueError("\n".join(problems))


def _report(balance: Balance, settings: IngestSettings) -> None:
    """Tells what became of the log, and what was done to it that a person may not expect."""
    source = settings.source
    _log.info("SequenceExampleGen: %s", balance)
    _log.info("%s", balance.describe_times())
    for warning in balance.warnings:
        _log.warning("%s", warning)
    if outside := refusals.find_cutoffs_outside(balance, settings):
        _log.warning("Outside of these times: %s", ", ".join(outside))
    if source.columns.scene_id is None and source.layout == "events":
        _log.info("source.columns.scene_id is null: all events are in one scene, %r", parsing.ONLY_SCENE)
    if balance["scenes_filled"]:
        _log.info("%s events without a scene got %r", f"{balance['scenes_filled']:,}", source.missing_scene)


def _locate_kept_rejects(rejects_uri: str) -> str:
    return rejects_uri.rstrip("/") + ".failed"


def _keep_rejects(rejects_uri: str) -> None:
    """Copies the rejected rows: TFX deletes the outputs of a failed step."""
    kept = _locate_kept_rejects(rejects_uri)
    if not FileSystems.exists(kept):
        FileSystems.mkdirs(kept)
    paths = [found.path for found in FileSystems.match([f"{rejects_uri}/rejects-*.csv"])[0].metadata_list]
    FileSystems.copy(paths, [os.path.join(kept, os.path.basename(path)) for path in paths])


def _describe(artifact: types.Artifact, balance: Balance) -> None:
    artifact.split_names = artifact_utils.encode_split_names(list(sequences.SPLITS))
    examples_utils.set_payload_format(artifact, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, "tfrecords_gzip")
    for name, count in balance.properties().items():
        artifact.set_int_custom_property(name, count)
