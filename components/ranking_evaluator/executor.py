"""The work of RankingEvaluator: measures the candidate beside others, judges it, and logs progress."""

import dataclasses
import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import Artifacts
from components.ranking_evaluator.sequences_file import SequencesFile
from components.ranking_evaluator.table import format_evaluation
from components.ranking_evaluator.verdict import NO_BASELINE, judge
from model.baselines import own_frequency, popularity
from model.baselines.statistical_network import StatisticalNetwork, StatisticalNetworks
from model.config import EvaluationConfig
from model.data.batches import evaluation_batches
from model.data.sequences import TrainSequences
from model.data.vocabulary import load_catalogues
from model.evaluation.evaluate import evaluate
from model.evaluation.progress import EvaluationProgress
from model.export.serving_module import ServingModule
from model.methods import METHODS
from model.questions import NEXT, PERIOD
from model.ranker import Ranker
from reporting.titles import LAST_BLESSED
from schemas.catalogue import Catalogue
from schemas.evaluation import EVALUATION_FILE, SEQUENCES_FILE, TABLE_FILE, Verdict
from schemas.sequences import TEST, TRAIN
from schemas.served_model import EXACT
from serving.saved_model import load_saved_model, read_retrieval

_log = logging.getLogger("dspnet")

REFERENCES: Mapping[str, Callable[[Catalogue, Catalogue], StatisticalNetwork]] = {
    METHODS["popularity"].title: popularity.from_catalogues,
    METHODS["own_frequency"].title: own_frequency.from_catalogues,
}
"""Models that every candidate is measured beside, by title, made for each question from catalogues whose future counts
are of what it asks for (`model.baselines.popularity.recount_futures`)."""

_ANY_HISTORY = np.iinfo(np.int32).max  # histories have already been cut to windows.max_history


class Executor(base_executor.BaseExecutor):
    """Measures the exported candidate, the references and the last blessed model, and judges the candidate.

    All are measured side by side on the same sequences, so that their differences are paired.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes `evaluation.json`, `evaluation.txt` and `sequences.parquet`, and blesses or refuses.

        Raises:
            ValueError: if the test split has fewer than two sequences.
        """
        config = EvaluationConfig.model_validate_json(exec_properties["settings"])
        title, candidate = exec_properties["candidate"], artifact_utils.get_single_instance(input_dict["model"])
        baseline = _find_baseline(input_dict, candidate)
        batches = evaluation_batches([_glob(input_dict, TEST)], config.batch_size)

        items, scenes = load_catalogues(artifact_utils.get_single_uri(input_dict["catalogue"]))
        rankers: dict[str, Ranker] = {title: _load(candidate)}
        no_baseline = NO_BASELINE
        if baseline:
            rankers[LAST_BLESSED] = _load(baseline)
            if not hasattr(rankers[LAST_BLESSED], "answers"):
                no_baseline = "NOT compared with the last blessed model, which another version exported"
                _log.warning("%s: %s", no_baseline, baseline.uri)
                del rankers[LAST_BLESSED]
                baseline = None
        train = TrainSequences([_glob(input_dict, TRAIN)], items, scenes)
        # Of the period, the catalogues have the counts already.
        counted = {NEXT: popularity.recount_futures(train, items, scenes, NEXT), PERIOD: (items, scenes)}
        for name, make in REFERENCES.items():
            if name != title:
                network = StatisticalNetworks({question: make(*counts) for question, counts in counted.items()})
                rankers[name] = ServingModule(network, items, scenes, _ANY_HISTORY)

        output = artifact_utils.get_single_uri(output_dict["evaluation"])
        with SequencesFile(os.path.join(output, SEQUENCES_FILE)) as file:
            evaluation = evaluate(
                rankers, batches, items, scenes, config.k, sink=file.write, progress=EvaluationProgress(len(rankers))
            )
        metrics = {name: model.metrics for name, model in evaluation.models.items()}
        verdict = judge(config, metrics[title], metrics.get(LAST_BLESSED), no_baseline, evaluation.differences)
        evaluation = dataclasses.replace(
            evaluation, name=exec_properties["name"], settings=config.model_dump(mode="json"), verdict=verdict
        )
        text = json.dumps(evaluation.to_json(), indent=1, allow_nan=False)
        io_utils.write_string_file(os.path.join(output, EVALUATION_FILE), text + "\n")
        io_utils.write_string_file(os.path.join(output, TABLE_FILE), format_evaluation(evaluation) + "\n")
        _bless(artifact_utils.get_single_instance(output_dict["blessing"]), candidate, baseline, verdict)


def _glob(input_dict: Artifacts, split: str) -> str:
    return os.path.join(artifact_utils.get_split_uri(input_dict["examples"], split), "*.gz")


def _find_baseline(input_dict: Artifacts, candidate: types.Artifact) -> types.Artifact | None:
    """Returns the last blessed model, unless there is none or it is the candidate itself."""
    models = input_dict.get("baseline_model") or []
    return models[0] if models and models[0].uri != candidate.uri else None


def _load(model: types.Artifact) -> Any:
    """Loads a model, which is a `model.ranker.Ranker` if this version exported it."""
    folder = path_utils.serving_model_path(model.uri)
    retrieval = read_retrieval(folder)
    if retrieval != EXACT:
        _log.warning("This evaluation ranks exactly, but the model is served by an approximate index: %s.", retrieval)
    return load_saved_model(folder)


def _bless(
    blessing: types.Artifact, candidate: types.Artifact, baseline: types.Artifact | None, verdict: Verdict
) -> None:
    """Marks the blessing as the Evaluator of TFX does, so that Pusher and the resolver understand it."""
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, candidate.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, candidate.id)
    if baseline:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(verdict.blessed))
    name = constants.BLESSED_FILE_NAME if verdict.blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
