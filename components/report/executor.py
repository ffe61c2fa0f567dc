"""The work of Report: gathers the facts of a run, and writes them as JSON and as a page."""

import json
import logging
import os
from typing import Any

import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.components.statistics_gen.executor import DEFAULT_FILE_NAME as STATISTICS_FILE
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.report import shown_users, train_sample, user_vectors
from components.report.config import ReportConfig
from components.report.data_facts import data_facts
from components.report.examples import EVENTS, USERS, examples, shown
from components.report.item_names import ItemNamesError, read_names
from components.report.page import render_report
from components.report.raw_ids import raw_ids
from components.report.sequence_facts import sequence_facts
from components.report.split_totals import split_totals
from components.report.training_facts import read_training
from components.report.user_map import user_map
from components.sequence_example_gen.files import opened
from model.data.vocabulary import load_catalogues
from reporting.environment import origin
from schemas.catalogue import ID_MAP_ITEMS_PREFIX, ID_MAP_SCENES_PREFIX, Catalogue
from schemas.evaluation import EVALUATION_FILE, GROUP_COLUMN, SEQUENCES_FILE, USER_COLUMN
from schemas.sequences import SPLITS, TEST, TRAIN
from serving.saved_model import load_saved_model

FACTS_FILE = "report.json"
PAGE_FILE = "report.html"

_log = logging.getLogger("dspnet")

Inputs = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Reports on a run, whether its model was blessed or refused."""

    def Do(self, input_dict: Inputs, output_dict: Inputs, exec_properties: dict[str, Any]) -> None:
        """Writes `report.json` and `report.html`.

        Args:
            input_dict: ``examples``, ``statistics``, ``id_map``, ``catalogue``, ``model``, ``model_run`` and
                ``evaluation``, one artifact each, of one run.
            output_dict: ``report``.
            exec_properties: ``name``, ``settings``, ``config`` and ``source_digests``; see `Report`.

        Raises:
            ValueError: if the id map lacks an id to show.
        """
        settings = ReportConfig.model_validate_json(exec_properties["settings"])
        catalogues = load_catalogues(artifact_utils.get_single_uri(input_dict["catalogue"]))
        evaluation = artifact_utils.get_single_uri(input_dict["evaluation"])
        facts = {
            "name": exec_properties["name"],
            "data": _data(input_dict, *catalogues),
            "training": read_training(artifact_utils.get_single_uri(input_dict["model_run"])),
            "evaluation": json.loads(io_utils.read_string_file(os.path.join(evaluation, EVALUATION_FILE))),
            **_users(input_dict, evaluation, *catalogues, settings),
            "origin": origin(json.loads(exec_properties["config"]), json.loads(exec_properties["source_digests"])),
        }
        folder = artifact_utils.get_single_uri(output_dict["report"])
        # Neither NaN nor infinity is JSON: better no report than one that no browser and no program can read.
        text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
        io_utils.write_string_file(os.path.join(folder, FACTS_FILE), text + "\n")
        io_utils.write_string_file(os.path.join(folder, PAGE_FILE), render_report(facts))


def _data(input_dict: Inputs, items: Catalogue, scenes: Catalogue) -> dict[str, Any]:
    totals = {}
    for split in SPLITS:
        path = os.path.join(artifact_utils.get_split_uri(input_dict["statistics"], split), STATISTICS_FILE)
        statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(io_utils.read_bytes_file(path))
        totals[split] = split_totals(statistics)
    artifact = artifact_utils.get_single_instance(input_dict["examples"])
    properties = {name: artifact.get_int_custom_property(name) for name in artifact.mlmd_artifact.custom_properties}
    sampled = sequence_facts(train_sample.read_scenes(_files(input_dict, TRAIN)), scenes)
    return data_facts(totals, len(items), len(scenes), properties, sampled)


def _users(
    input_dict: Inputs, evaluation: str, items: Catalogue, scenes: Catalogue, settings: ReportConfig
) -> dict[str, Any]:
    """Returns the facts ``users`` and ``examples``."""
    with opened(os.path.join(evaluation, SEQUENCES_FILE)) as file:
        groups = shown_users.choose_users(pq.read_table(file, columns=[USER_COLUMN, GROUP_COLUMN]))
    users = shown_users.read_users(_files(input_dict, TEST), groups)
    model = load_saved_model(path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"])))
    # A model that only counts keeps no representation of its users.
    vectors = user_vectors.embed(model, users, items, scenes) if hasattr(model, "embed_users") else None

    few = list(shown_users.example_users(users, USERS))
    recommended = list(user_vectors.recommend(model, few, EVENTS))
    item_ids, scene_ids = _raw_ids(input_dict, few, items, scenes)
    known = {*item_ids.values(), *(raw_id for ranked in recommended for raw_id, _ in ranked)}
    try:
        names = read_names(settings.items, known)
    except ItemNamesError as error:
        # The columns were looked at before the run; that a row cannot be read is no reason to be without a report.
        _log.warning("Items are shown without their names. %s", error)
        names = {}
    return {
        "users": user_map(vectors, [user.group for user in users]) if vectors is not None else None,
        "examples": examples(few, recommended, item_ids, scene_ids, names),
    }


def _raw_ids(
    input_dict: Inputs, users: list[shown_users.ShownUser], items: Catalogue, scenes: Catalogue
) -> tuple[dict[int, str], dict[int, str]]:
    """Returns raw ids by fingerprint, of all items and scenes of the events that are shown."""
    folder = artifact_utils.get_single_uri(input_dict["id_map"])
    events = [event for user in users for part in shown(user) for event in part]
    item_prints, scene_prints = zip(*events, strict=True) if events else ((), ())
    return (
        raw_ids(item_prints, items, os.path.join(folder, f"{ID_MAP_ITEMS_PREFIX}-*")),
        raw_ids(scene_prints, scenes, os.path.join(folder, f"{ID_MAP_SCENES_PREFIX}-*")),
    )


def _files(input_dict: Inputs, split: str) -> str:
    return os.path.join(artifact_utils.get_split_uri(input_dict["examples"], split), "*.gz")
