"""The work of Report: gathers what is known of a run, and writes it as JSON and as a page."""

import json
import logging
import os
from typing import Any

import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.components.statistics_gen.executor import DEFAULT_FILE_NAME as STATISTICS_FILE
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import Artifacts
from components.report.config import ReportConfig
from components.report.content import DataStatistics, ExampleUser, ReportContent, UserMap
from components.report.data_statistics import make_data_statistics, measure_sequences, read_scenes, read_totals
from components.report.item_names import ItemNamesError, read_names, read_raw_ids
from components.report.page import render_report
from components.report.user_vectors import embed_users, map_users, recommend
from components.report.users import (
    EXAMPLES,
    SHOWN_EVENTS,
    ShownUser,
    choose_users,
    make_examples,
    read_users,
    take_in_turn,
)
from components.sequence_example_gen.files import open_input
from model.data.vocabulary import load_catalogues
from reporting.environment import describe_origin
from schemas.catalogue import ID_MAP_ITEMS_PREFIX, ID_MAP_SCENES_PREFIX, Catalogue
from schemas.evaluation import EVALUATION_FILE, GROUP_COLUMN, SEQUENCES_FILE, USER_COLUMN, parse_evaluation
from schemas.sequences import SPLITS, TEST, TRAIN
from schemas.training import TRAINING_FILE, TrainingHistory
from serving.saved_model import load_saved_model

CONTENT_FILE = "report.json"
PAGE_FILE = "report.html"

_log = logging.getLogger("dspnet")


class Executor(base_executor.BaseExecutor):
    """Reports on a run, whether its model was blessed or refused."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes `report.json` and `report.html`.

        Args:
            input_dict: ``examples``, ``statistics``, ``id_map``, ``catalogue``, ``model``, ``model_run`` and
                ``evaluation``, one artifact each, of one run.
            output_dict: ``report``.
            exec_properties: ``name``, ``settings``, ``config`` and ``source_digests``; see `Report`.

        Raises:
            ValueError: if the id map lacks an id to show, the evaluation is damaged, or the report would hold a number
                that is not finite.
        """
        settings = ReportConfig.model_validate_json(exec_properties["settings"])
        items, scenes = load_catalogues(artifact_utils.get_single_uri(input_dict["catalogue"]))
        evaluation = artifact_utils.get_single_uri(input_dict["evaluation"])
        user_map, examples = _show_users(input_dict, evaluation, items, scenes, settings)
        content = ReportContent(
            name=exec_properties["name"],
            data=_measure_data(input_dict, items, scenes),
            training=_read_training(artifact_utils.get_single_uri(input_dict["model_run"])),
            evaluation=parse_evaluation(io_utils.read_bytes_file(os.path.join(evaluation, EVALUATION_FILE))),
            users=user_map,
            examples=examples,
            origin=describe_origin(
                json.loads(exec_properties["config"]), json.loads(exec_properties["source_digests"])
            ),
        )
        folder = artifact_utils.get_single_uri(output_dict["report"])
        # Neither NaN nor infinity is JSON: better no report than one that no browser and no program can read.
        text = json.dumps(content.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        io_utils.write_string_file(os.path.join(folder, CONTENT_FILE), text + "\n")
        io_utils.write_string_file(os.path.join(folder, PAGE_FILE), render_report(content))


def _measure_data(input_dict: Artifacts, items: Catalogue, scenes: Catalogue) -> DataStatistics:
    totals = {}
    for split in SPLITS:
        path = os.path.join(artifact_utils.get_split_uri(input_dict["statistics"], split), STATISTICS_FILE)
        statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(io_utils.read_bytes_file(path))
        totals[split] = read_totals(statistics)
    artifact = artifact_utils.get_single_instance(input_dict["examples"])
    properties = {name: artifact.get_int_custom_property(name) for name in artifact.mlmd_artifact.custom_properties}
    measured = measure_sequences(read_scenes(_glob_examples(input_dict, TRAIN)), scenes)
    return make_data_statistics(totals, len(items), len(scenes), properties, measured)


def _read_training(folder: str) -> TrainingHistory:
    """Returns the history that the training wrote into Trainer's `model_run`; an empty one where it kept none."""
    path = os.path.join(folder, TRAINING_FILE)
    if not fileio.exists(path):
        return TrainingHistory()
    return TrainingHistory.from_json(json.loads(io_utils.read_bytes_file(path)))


def _show_users(
    input_dict: Artifacts, evaluation: str, items: Catalogue, scenes: Catalogue, settings: ReportConfig
) -> tuple[UserMap | None, tuple[ExampleUser, ...]]:
    """Returns the map of test users, None if the model has no representation of users, and the example users."""
    with open_input(os.path.join(evaluation, SEQUENCES_FILE)) as file:
        groups = choose_users(pq.read_table(file, columns=[USER_COLUMN, GROUP_COLUMN]))
    users = read_users(_glob_examples(input_dict, TEST), groups)
    model = load_saved_model(path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"])))
    user_map = None
    # A model that only counts keeps no representation of its users.
    if hasattr(model, "embed_users"):
        user_map = map_users(embed_users(model, users, items, scenes), [user.group for user in users])

    few = take_in_turn(users, EXAMPLES)
    recommended = list(recommend(model, few, SHOWN_EVENTS))
    item_ids, scene_ids = _read_shown_ids(input_dict, few, items, scenes)
    shown_items = {*item_ids.values(), *(raw_id for ranked in recommended for raw_id, _ in ranked)}
    try:
        names = read_names(settings.items, shown_items)
    except ItemNamesError as error:
        # The columns were looked at before the run; that a row cannot be read is no reason to be without a report.
        _log.warning("Items are shown without their names. %s", error)
        names = {}
    return user_map, make_examples(few, recommended, item_ids, scene_ids, names)


def _read_shown_ids(
    input_dict: Artifacts, users: list[ShownUser], items: Catalogue, scenes: Catalogue
) -> tuple[dict[int, str], dict[int, str]]:
    """Returns raw ids by fingerprint, of all items and of all scenes of the events that are shown."""
    folder = artifact_utils.get_single_uri(input_dict["id_map"])
    events = [event for user in users for part in user.list_shown_events() for event in part]
    return (
        read_raw_ids((item for item, _ in events), items, os.path.join(folder, f"{ID_MAP_ITEMS_PREFIX}-*")),
        read_raw_ids((scene for _, scene in events), scenes, os.path.join(folder, f"{ID_MAP_SCENES_PREFIX}-*")),
    )


def _glob_examples(input_dict: Artifacts, split: str) -> str:
    return os.path.join(artifact_utils.get_split_uri(input_dict["examples"], split), "*.gz")
